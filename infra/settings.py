"""What a user may choose about a stack. Each field defines one setting; see `setting_spec`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from imgctl.core.rendition_tables import from_json
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec, Scale
from infra.setting_spec import (
    Boolean,
    Choice,
    Integer,
    IntegerChoice,
    RenditionTables,
    ScaleFactor,
    Text,
    setting,
    specs_of,
)

BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])|\.(?=[a-z0-9])){2,62}")

AT_ONCE = "all-at-once"
ROLLOUT = re.compile(rf"{AT_ONCE}|canary([1-9]\d?)-([5-9]|[1-9]\d|1[0-7]\d|180)m", re.ASCII)
"""A rollout: all at once, or 1 to 99 % of the invocations for 5 to 180 minutes first.

CloudFormation watches for at most 180 minutes. In less than five, CloudWatch may not have the
errors of what is slow or rare.
"""

_BUCKET = Text(BUCKET_NAME, "3 to 63 lowercase letters, digits, dots and hyphens")
_PREFIX = Text(
    re.compile(r"(?!\.)[\w.!*() -]+", re.ASCII),
    "letters, digits and -_.!*() without a slash, as in resized-",
)
_EMAIL = Text(re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "an address such as me@example.org")
_TOPIC_ARN = Text(
    re.compile(r"arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]{1,256}", re.ASCII),
    "the ARN of a standard topic such as arn:aws:sns:eu-west-2:123456789012:alarms",
)
_KEY_ARN = Text(
    re.compile(r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+"),
    "a key ARN such as arn:aws:kms:eu-west-2:123456789012:key/...",
)
_DISTRIBUTION_ARN = Text(
    re.compile(r"arn:[\w-]+:cloudfront::\d{12}:distribution/[A-Z0-9]+"),
    "a distribution ARN such as arn:aws:cloudfront::123456789012:distribution/E1EXAMPLE",
)
_POLICY_ARN = Text(
    re.compile(r"arn:[\w-]+:iam::(?:\d{12}|aws):policy/[\w+=,.@/-]{1,512}", re.ASCII),
    "a policy ARN such as arn:aws:iam::123456789012:policy/boundary",
)
# IAM API Reference, CreateRole: at most 512 characters; of those, what can be part of an ARN.
_ROLE_PATH = Text(
    re.compile(r"/(?:[\w+=,.@-]{1,64}/){1,7}", re.ASCII),
    "a path with a slash at both ends such as /teams/photos/, and leave it out for no path",
)
# RFC 6454, 6.2: as browsers send it, in lowercase and without a path.
_ORIGIN = r"https?://[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?"
_ORIGINS = Text(
    re.compile(rf"\*|{_ORIGIN}(?:,{_ORIGIN}){{0,19}}", re.ASCII),
    "origins such as https://photos.example.org, separated by commas without spaces, or *",
)
# Directives of RFC 9111, 5.2: names, some of which have a value.
_DIRECTIVE = r'[\w-]{1,32}(?:=(?:[\w-]{1,32}|"[\w ,-]{1,64}"))?'
_CACHE_CONTROL = Text(
    re.compile(rf"{_DIRECTIVE}(?:, ?{_DIRECTIVE}){{0,9}}", re.ASCII),
    "directives such as public, max-age=31536000",
)
# CloudWatch Logs API reference, PutRetentionPolicy.
_RETENTION_DAYS = IntegerChoice(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)
)
_RENDITIONS_EXAMPLE = (
    '[{"name":"half","prefix":"resized-","scale":0.5},'
    '{"name":"web","prefix":"web/","fit":"1600x1600","format":"webp","quality":82},'
    '{"name":"thumb","prefix":"thumb/","cover":"320x320","format":"avif"}]'
)


def _name(shortest: int, longest: int) -> Text:
    return Text(
        re.compile(rf"[\w-]{{{shortest},{longest}}}", re.ASCII),
        f"{shortest} to {longest} letters, digits, hyphens and underscores",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """The settings that reach the template; the defaults are the template's.

    None leaves the choice to the template, or, for a name, to `stack_names`.
    """

    source_bucket: str | None = setting(
        None,
        kind=_BUCKET,
        description="Bucket for originals.",
        parameter="SourceBucketName",
        default_name="src-bucket-image-in{suffix}-{account}-{region}",
    )
    destination_bucket: str | None = setting(
        None,
        kind=_BUCKET,
        description="Bucket for resized images.",
        parameter="DestinationBucketName",
        default_name="dest-bucket-image-out{suffix}-{account}-{region}",
    )
    access_logs_bucket: str | None = setting(
        None,
        kind=_BUCKET,
        description="Bucket for the S3 access logs of the other two.",
        parameter="AccessLogsBucketName",
        default_name="imgctl-access-logs{suffix}-{account}-{region}",
    )
    scale: str = setting(
        "0.5",
        kind=ScaleFactor(),
        description="Scale factor for width and height.",
        example=0.5,
        parameter="Scale",
    )
    prefix: str = setting(
        "resized-",
        kind=_PREFIX,
        description="Prefix of a resized image's file name.",
        parameter="OutputPrefix",
    )
    quality: int | None = setting(
        None,
        kind=Integer(1, 100),
        description="Quality of JPEG, WebP and AVIF.",
        when_unset="80 for JPEG and WebP, 74 for AVIF",
        example=80,
        parameter="Quality",
    )
    cache_control: str | None = setting(
        None,
        kind=_CACHE_CONTROL,
        description="Cache-Control header that resized images are served with.",
        when_unset="no header",
        example="public, max-age=31536000",
        parameter="CacheControl",
    )
    cloudfront_distribution: str | None = setting(
        None,
        kind=_DISTRIBUTION_ARN,
        description="ARN of the CloudFront distribution that may read resized images.",
        when_unset="none",
        parameter="CloudFrontDistributionArn",
    )
    architecture: str = setting(
        "arm64",
        kind=Choice(("arm64", "x86_64")),
        description="Instruction set of the function: arm64 or x86_64.",
        parameter="Architecture",
    )
    memory_mb: int = setting(
        1769,
        kind=Integer(256, 10240),
        description="Memory of the function in MB; at 1769 Lambda assigns one full vCPU.",
        parameter="MemoryMegabytes",
    )
    timeout_s: int = setting(
        60,
        kind=Integer(30, 900),
        description="Timeout of the function in seconds.",
        parameter="TimeoutSeconds",
    )
    snap_start: bool = setting(
        False,  # noqa: FBT003
        kind=Boolean(),
        description="Whether Lambda restores the function from a snapshot of its start (SnapStart),"
        " which shortens cold starts. At 1769 MB each published version costs about $7 per month.",
        parameter="SnapStart",
    )
    reserved_concurrency: int | None = setting(
        None,
        kind=Integer(1, 1000),
        description="Reserved (and maximum) concurrency of the function, taken from the account's"
        " limit.",
        when_unset="none reserved",
        example=20,
        parameter="ReservedConcurrency",
    )
    rollout: str = setting(
        AT_ONCE,
        kind=Text(
            ROLLOUT,
            f"{AT_ONCE}, or canary with a percentage and 5 to 180 minutes, such as canary10-5m",
        ),
        description="How a new version of the function is released: all-at-once, or such as"
        " canary10-5m, 10% of the invocations for 5 minutes and then all. It is rolled back if the"
        " new version fails meanwhile.",
        parameter="Rollout",
    )
    log_retention_days: int = setting(
        30,
        kind=_RETENTION_DAYS,
        description="How long logs are kept, in days.",
        parameter="LogRetentionDays",
    )
    keep_versions_days: int = setting(
        90,
        kind=Integer(1, 3650),
        description="How long S3 keeps versions of originals and resized images after they were"
        " replaced or deleted, in days.",
        parameter="KeepVersionsDays",
    )
    alarm_email: str | None = setting(
        None,
        kind=_EMAIL,
        description="Email address notified of alarms.",
        when_unset="alarms are shown in CloudWatch only",
        parameter="AlarmEmail",
    )
    alarm_topic: str | None = setting(
        None,
        kind=_TOPIC_ARN,
        description="ARN of an SNS topic of yours that is notified of alarms. Its access policy"
        " must allow CloudWatch to publish.",
        when_unset="none",
        parameter="AlarmTopicArn",
    )
    watch_uploads: bool = setting(
        False,  # noqa: FBT003
        kind=Boolean(),
        description="Whether an alarm goes off if uploads arrive and the function is not invoked."
        " It needs S3's request metrics, which cost up to about $4 per month.",
        parameter="WatchUploads",
    )
    kms_key: str | None = setting(
        None,
        kind=_KEY_ARN,
        description="ARN of the KMS key that encrypts stored data. Its key policy must allow the"
        " services of the stack to use it.",
        when_unset="keys owned by AWS",
        option="--cmk",
        parameter="KmsKeyArn",
    )
    api_authorization: str = setting(
        "iam",
        kind=Choice(("iam", "key", "none")),
        description="Who may call the API: iam, callers with IAM permission; key, holders of its"
        " API key; none, anyone on the internet, who can then fill your bucket.",
        parameter="ApiAuthorization",
    )
    api_requests_per_s: int = setting(
        100,
        kind=Integer(1, 10000),
        description="Requests per second before throttling (429).",
        parameter="ApiRequestsPerSecond",
    )
    api_burst: int = setting(
        50,
        kind=Integer(1, 5000),
        description="Burst of requests before throttling (429).",
        parameter="ApiBurst",
    )
    cors_origins: str | None = setting(
        None,
        kind=_ORIGINS,
        description="Origins of the web pages that may upload from a browser, separated by commas,"
        " to the source bucket and through the API; * for those of any.",
        when_unset="none",
        example="https://photos.example.org",
        parameter="CorsOrigins",
    )
    table: str | None = setting(
        None,
        kind=_name(3, 255),
        description="Name of the DynamoDB table.",
        parameter="TableName",
        default_name="hala-db{suffix}",
    )
    function: str | None = setting(
        None,
        kind=_name(1, 64),
        description="Name of the Lambda function.",
        parameter="FunctionName",
        default_name="Landa-image-s3-function{suffix}",
    )
    function_role: str | None = setting(
        None,
        kind=_name(1, 64),
        description="Name of the function's IAM role.",
        parameter="FunctionRoleName",
        default_name="lambda-image-role{suffix}",
    )
    dead_letter_queue: str | None = setting(
        None,
        kind=_name(1, 80),
        description="Name of the dead-letter queue.",
        parameter="DeadLetterQueueName",
        default_name="Landa-image-s3-function-dead-letters{suffix}",
    )
    api: str | None = setting(
        None,
        kind=_name(1, 128),
        description="Name of the REST API.",
        parameter="ApiName",
        default_name="Quaen-Hala-API{suffix}",
    )
    api_role: str | None = setting(
        None,
        kind=_name(1, 64),
        description="Name of the API's IAM role.",
        parameter="ApiRoleName",
        default_name="api-gw-s3-role{suffix}",
    )

    role_path: str | None = setting(
        None,
        kind=_ROLE_PATH,
        description="IAM path of the stack's roles. A role cannot be moved: to change the path of a"
        " deployed stack, choose new names for function_role and api_role too.",
        when_unset="no path",
        example="/teams/photos/",
        parameter="RolePath",
    )
    permissions_boundary: str | None = setting(
        None,
        kind=_POLICY_ARN,
        description="ARN of the IAM policy that is the permissions boundary of the stack's roles.",
        when_unset="none",
        parameter="BoundaryArn",
    )

    # The last one, because what follows a table in a TOML file belongs to that.
    renditions: str | None = setting(
        None,
        kind=RenditionTables(),
        description="Several results of each upload instead of one, each with a name, a prefix and"
        " a size. They take the place of scale, prefix and quality.",
        when_unset="one result",
        example=_RENDITIONS_EXAMPLE,
        parameter="Renditions",
    )

    @property
    def rendition_set(self) -> RenditionSet:
        """What is made of each upload: the renditions, or the one result of the other settings."""
        if self.renditions is not None:
            return from_json(self.renditions)
        spec = ResizeSpec(target=Scale(Fraction(self.scale)), quality=self.quality)
        return RenditionSet.unnamed(self.prefix, spec)

    @property
    def chosen_names(self) -> Mapping[str, str | None]:
        """The names of resources by the fields of `Names`; None for those left to the stack."""
        return {spec.name: getattr(self, spec.name) for spec in NAME_SETTINGS}


STACK_SETTINGS = tuple(specs_of(StackSettings))
NAME_SETTINGS = tuple(spec for spec in STACK_SETTINGS if spec.default_name)
"""The settings that name a resource; each is a field of `infra.names.Names` too."""
