"""One AWS to speak to: a session, its clients, and the addresses that differ when it is local."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from imgctl import __version__
from imgctl.aws.errors import RegionMissing

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
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
"""The longest that Lambda lets a function run."""

OnCall: TypeAlias = Callable[[str, str, float], None]
"""Told after each call: the service, the operation, and how many seconds it took."""


@dataclass(frozen=True)
class Aws:
    """An account in a region. `endpoint_url` is set for the embedded AWS alone."""

    session: boto3.Session
    endpoint_url: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether this is the embedded AWS."""
        return self.endpoint_url is not None

    @property
    def region(self) -> str:
        """The region's name; raises RegionMissing where none is configured."""
        if self.session.region_name is None:
            raise RegionMissing(
                "No AWS region is configured.",
                hint="Give --region, or set region in imgctl.toml; or try it with --local.",
            )
        return self.session.region_name

    @property
    def credentials(self) -> "ReadOnlyCredentials":
        """The caller's credentials, for requests that boto3 does not sign."""
        found = self.session.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()

    @cached_property
    def http(self) -> URLLib3Session:
        """Sends what boto3 does not, with its proxies and its certificates; times out in 40 s."""
        proxies = {} if self.is_local else get_environ_proxies(f"https://{self.region}")
        bundle = self.session._session.get_config_variable("ca_bundle")
        return URLLib3Session(
            timeout=40, proxies=proxies, verify=bundle or True, max_pool_connections=32
        )

    @cached_property
    def account_id(self) -> str:
        """The account that the credentials belong to."""
        return self.sts.get_caller_identity()["Account"]

    @cached_property
    def apigateway(self) -> "APIGatewayClient":
        """API Gateway's client."""
        return self.session.client("apigateway", **self._options)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation's client."""
        return self.session.client("cloudformation", **self._options)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB's client."""
        return self.session.client("dynamodb", **self._options)

    @cached_property
    def iam(self) -> "IAMClient":
        """IAM's client."""
        return self.session.client("iam", **self._options)

    @cached_property
    def kms(self) -> "KMSClient":
        """KMS's client."""
        return self.session.client("kms", **self._options)

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """Lambda's client; waits for an answer as long as a function may run."""
        longer = Config(read_timeout=FUNCTION_MAX_S + 5, connect_timeout=10)
        options = {**self._options, "config": self._options["config"].merge(longer)}
        return self.session.client("lambda", **options)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs' client."""
        return self.session.client("logs", **self._options)

    @cached_property
    def s3(self) -> "S3Client":
        """S3's client."""
        return self.session.client("s3", **self._options)

    @cached_property
    def s3control(self) -> "S3ControlClient":
        """The client of S3's account level, S3 Batch Operations among it."""
        return self.session.client("s3control", **self._options)

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS's client."""
        return self.session.client("sqs", **self._options)

    @cached_property
    def sts(self) -> "STSClient":
        """STS's client."""
        return self.session.client("sts", **self._options)

    @cached_property
    def _options(self) -> dict[str, Any]:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=32,
            user_agent_extra=f"imgctl/{__version__}",
            # The embedded AWS has one host name: a bucket cannot stand before it.
            s3={"addressing_style": "path" if self.is_local else "auto"},
        )
        if self.is_local:
            config = config.merge(Config(proxies={}))  # a proxy does not lead to this machine
        return {"config": config, "endpoint_url": self.endpoint_url, "region_name": self.region}


def connect(
    *, profile: str | None = None, region: str | None = None, on_call: OnCall | None = None
) -> Aws:
    """Speak to AWS as AWS's own tools would, with the given profile and region where set."""
    session = boto3.Session(profile_name=profile, region_name=region)
    _tell_calls(session, on_call)
    return Aws(session)


def connect_local(
    *, url: str, region: str, access_key: str, secret_key: str, on_call: OnCall | None = None
) -> Aws:
    """Speak to the embedded AWS as the root of its one account, whatever profile is set."""
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    session = boto3.Session(
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        botocore_session=core,
    )
    _tell_calls(session, on_call)
    return Aws(session, endpoint_url=url)


def _tell_calls(session: boto3.Session, on_call: OnCall | None) -> None:
    if on_call is None:
        return

    def begin(context: dict[str, Any], **_: object) -> None:
        context["imgctl_started_s"] = time.monotonic()

    def end(model: Any, context: dict[str, Any], **_: object) -> None:
        seconds = time.monotonic() - context["imgctl_started_s"]
        on_call(model.service_model.service_name, model.name, seconds)

    session.events.register("before-call", begin)
    session.events.register("after-call", end)
