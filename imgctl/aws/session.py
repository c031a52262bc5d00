"""Connections to AWS or to the embedded AWS: one session and its clients."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import ProxyConfiguration, URLLib3Session
from botocore.utils import get_environ_proxies

from imgctl import __version__
from imgctl.aws import credentials
from imgctl.aws.errors import NO_REGION, NO_REGION_HINT, RegionMissing

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3control import S3ControlClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient


FUNCTION_MAX_S = 15 * 60
"""Lambda's maximum timeout of a function (Lambda Developer Guide, "Quotas")."""

_CONNECT_TIMEOUT_S = 5
"""An endpoint that does not answer is reported after five attempts: half a minute, not five."""

OnCall: TypeAlias = Callable[[str, str, float], None]
"""Called after each AWS call with the service, the operation, and the duration in seconds."""


@dataclass(frozen=True)
class Aws:
    """One account in one region. `endpoint_url` is set only for the embedded AWS.

    `on_call` is called for each request.
    """

    session: boto3.Session
    endpoint_url: str | None = None
    on_call: OnCall | None = None

    @property
    def is_local(self) -> bool:
        """Whether this is the embedded AWS."""
        return self.endpoint_url is not None

    @property
    def region(self) -> str:
        """The region's name. Raises RegionMissing if none is configured."""
        if self.session.region_name is None:
            raise RegionMissing(NO_REGION, hint=NO_REGION_HINT)
        return self.session.region_name

    @property
    def credentials(self) -> "ReadOnlyCredentials":
        """The caller's credentials, for requests that are signed without boto3."""
        credentials = self.session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return credentials.get_frozen_credentials()

    @property
    def credentials_end(self) -> datetime | None:
        """When the caller's credentials expire; None if they do not, or do not say when."""
        # botocore has no public name for it. Credentials that are refreshed have it.
        end = getattr(self.session.get_credentials(), "_expiry_time", None)
        return end if isinstance(end, datetime) else None

    @cached_property
    def http(self) -> URLLib3Session:
        """An HTTP client with boto3's proxies and certificates, for requests outside boto3.

        Requests time out after 40 seconds.
        """
        proxies = {} if self.is_local else get_environ_proxies(f"https://{self.region}")
        verify: Any = self.verify
        return URLLib3Session(timeout=40, proxies=proxies, verify=verify, max_pool_connections=32)

    @property
    def verify(self) -> str | bool:
        """The path of the CA bundle that certificates are checked against; True for botocore's."""
        bundle: str | None = self.session._session.get_config_variable("ca_bundle")
        return bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy that boto3 uses for a host; None for a direct connection."""
        proxies = {} if self.is_local else get_environ_proxies(url)
        proxy: str | None = ProxyConfiguration(proxies).proxy_url_for(url)
        return proxy

    @cached_property
    def account_id(self) -> str:
        """The account that the credentials belong to."""
        return self.sts.get_caller_identity()["Account"]

    @cached_property
    def apigateway(self) -> "APIGatewayClient":
        """The API Gateway client."""
        return self.session.client("apigateway", **self._options)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """The CloudFormation client."""
        return self.session.client("cloudformation", **self._options)

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """The CloudWatch client."""
        return self.session.client("cloudwatch", **self._options)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """The DynamoDB client."""
        return self.session.client("dynamodb", **self._options)

    @cached_property
    def iam(self) -> "IAMClient":
        """The IAM client."""
        return self.session.client("iam", **self._options)

    @cached_property
    def kms(self) -> "KMSClient":
        """The KMS client."""
        return self.session.client("kms", **self._options)

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """The Lambda client, with a read timeout longer than a function may run."""
        timeouts = Config(read_timeout=FUNCTION_MAX_S + 5)
        options = {**self._options, "config": self._options["config"].merge(timeouts)}
        return self.session.client("lambda", **options)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """The CloudWatch Logs client."""
        return self.session.client("logs", **self._options)

    @cached_property
    def s3(self) -> "S3Client":
        """The S3 client."""
        return self.session.client("s3", **self._options)

    @cached_property
    def s3_presigner(self) -> "S3Client":
        """The S3 client for presigned URLs, which signs with version 4 in every region.

        No checksum is asked of whoever uses a URL. Its host is the region's: with the addressing
        style `auto` it is that of us-east-1, which redirects, and a signature is for one host.
        """
        signing = Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            s3={"addressing_style": "path" if self.is_local else "virtual"},
        )
        options = {**self._options, "config": self._options["config"].merge(signing)}
        return self.session.client("s3", **options)

    @cached_property
    def s3control(self) -> "S3ControlClient":
        """The client of S3's account-level operations, including S3 Batch Operations."""
        return self.session.client("s3control", **self._options)

    @cached_property
    def sns(self) -> Any:
        """The SNS client."""
        return self.session.client("sns", **self._options)

    @cached_property
    def sqs(self) -> "SQSClient":
        """The SQS client."""
        return self.session.client("sqs", **self._options)

    @cached_property
    def sts(self) -> "STSClient":
        """The STS client."""
        return self.session.client("sts", **self._options)

    @cached_property
    def _options(self) -> dict[str, Any]:
        # The embedded AWS has a single host name, so bucket subdomains do not resolve.
        addressing = Config(s3={"addressing_style": "path" if self.is_local else "auto"})
        config = _config().merge(addressing)
        if self.is_local:
            config = config.merge(Config(proxies={}))  # the endpoint is on this machine
        return {"config": config, "endpoint_url": self.endpoint_url, "region_name": self.region}


def connect(
    *,
    profile: str | None = None,
    region: str | None = None,
    on_call: OnCall | None = None,
    prompt: credentials.Prompt | None = None,
    role_arn: str | None = None,
) -> Aws:
    """Connect to AWS, resolving credentials and region as the AWS CLI does.

    `profile` and `region` take precedence over the environment and the AWS configuration.
    `prompt` asks a person for an MFA code. `role_arn` is a role that is assumed with these
    credentials. Raises what `credentials.load` and `credentials.assume_role` raise.
    """
    session = _session(profile, region)
    credentials.load(session, prompt)
    _report_calls(session, on_call)
    if role_arn is not None:
        credentials.assume_role(session, role_arn, _config())
    return Aws(session, on_call=on_call)


def configured_region(*, profile: str | None, region: str | None) -> str | None:
    """Return the region that `connect` would use, without any credentials."""
    return _session(profile, region).region_name


def partition_of(region: str) -> str:
    """Return the partition of a region, such as `aws` or `aws-cn`.

    Raises UnknownRegionError for a region that is in none.
    """
    return botocore.session.get_session().get_partition_for_region(region)


def connect_local(
    *, url: str, region: str, access_key: str, secret_key: str, on_call: OnCall | None = None
) -> Aws:
    """Connect to the embedded AWS as its account's root user, ignoring any AWS profile."""
    core_session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    session = boto3.Session(
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        botocore_session=core_session,
    )
    _report_calls(session, on_call)
    return Aws(session, endpoint_url=url, on_call=on_call)


def _session(profile: str | None, region: str | None) -> boto3.Session:
    # boto3 reads AWS_DEFAULT_REGION only; the AWS CLI reads AWS_REGION first.
    region = region or os.environ.get("AWS_REGION") or None
    return boto3.Session(profile_name=profile, region_name=region)


def _config() -> Config:
    return Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=_CONNECT_TIMEOUT_S,
        max_pool_connections=32,
        user_agent_extra=f"imgctl/{__version__}",
    )


def _report_calls(session: boto3.Session, on_call: OnCall | None) -> None:
    if on_call is None:
        return

    def begin(context: dict[str, Any], **_: object) -> None:
        context["imgctl_started_s"] = time.monotonic()

    def end(model: Any, context: dict[str, Any], **_: object) -> None:
        seconds = time.monotonic() - context["imgctl_started_s"]
        on_call(model.service_model.service_name, model.name, seconds)

    session.events.register("before-call", begin)
    session.events.register("after-call", end)
