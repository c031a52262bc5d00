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
    memory_mb: int = 1769
    timeout_s: int = 60
    log_retention_days: int = 30
    alarm_email: str = ""


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
        "LogRetentionDays": str(settings.log_retention_days),
        "SlowMilliseconds": str(settings.timeout_s * _SLOW_MS_A_SECOND),
        "AlarmEmail": settings.alarm_email,
        "RequireTls": "true" if require_tls else "false",
        "ApiLoggingRole": "create" if sets_api_logging_role else "existing",
    }
