"""The template's parameters, from names and settings."""

from dataclasses import dataclass

from infra.bundle import Bundle
from infra.names import Names

_SLOW_MS_A_SECOND = 800  # of the time limit: an alarm rings at four fifths of it


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """What a user may choose about the stack; the defaults are the template's."""

    scale: str = "0.5"
    prefix: str = "resized-"
    quality: int | None = None
    memory_mb: int = 1769
    timeout_s: int = 60
    reserved_concurrency: int | None = None
    log_retention_days: int = 30
    alarm_email: str | None = None
    kms_key: str | None = None
    api_authorization: str = "iam"
    api_requests_per_s: int = 100
    api_burst: int = 50


def stack_parameters(
    names: Names,
    settings: StackSettings,
    bundle: Bundle,
    *,
    require_tls: bool,
    sets_api_logging_role: bool,
    live_version: str = "",
) -> dict[str, str]:
    """Give every parameter of `stack.yaml`."""
    return {
        "SourceBucketName": names.source_bucket,
        "DestinationBucketName": names.destination_bucket,
        "AccessLogsBucketName": names.access_logs_bucket,
        "TableName": names.table,
        "FunctionName": names.function,
        "FunctionRoleName": names.function_role,
        "DeadLetterQueueName": names.dead_letter_queue,
        "ApiName": names.api,
        "ApiRoleName": names.api_role,
        "StageName": "hala",
        "CodeBucket": names.artifacts_bucket,
        "CodeKey": bundle.key,
        "LiveVersion": live_version,
        "Architecture": bundle.architecture.value,
        "MemoryMegabytes": str(settings.memory_mb),
        "TimeoutSeconds": str(settings.timeout_s),
        "Scale": settings.scale,
        "OutputPrefix": settings.prefix,
        "Quality": _text(settings.quality),
        "ReservedConcurrency": _text(settings.reserved_concurrency),
        "LogRetentionDays": str(settings.log_retention_days),
        "SlowMilliseconds": str(settings.timeout_s * _SLOW_MS_A_SECOND),
        "AlarmEmail": _text(settings.alarm_email),
        "KmsKeyArn": _text(settings.kms_key),
        "ApiAuthorization": settings.api_authorization,
        "ApiRequestsPerSecond": str(settings.api_requests_per_s),
        "ApiBurst": str(settings.api_burst),
        "RequireTls": "true" if require_tls else "false",
        "ApiLoggingRole": "create" if sets_api_logging_role else "existing",
    }


def _text(value: str | int | None) -> str:
    """Give a parameter's text; an empty one leaves the template to its own choice."""
    return "" if value is None else str(value)
