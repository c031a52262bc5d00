"""What an erasure cannot reach: copies of a key's name and content elsewhere."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from imgctl.aws.errors import translate
from imgctl.aws.session import Aws
from imgctl.operations.erase_scope import KeyContent
from imgctl.operations.redrive import list_dead_letters

_POINT_IN_TIME_RECOVERY_DAYS = 35
"""How far back DynamoDB restores a table (Amazon DynamoDB Developer Guide)."""
_TRACE_DAYS = 30
"""How long X-Ray keeps traces (AWS X-Ray Developer Guide)."""
_MANIFEST_DAYS = 30
"""How long the artifacts bucket keeps the lists of batch jobs (infra/artifacts.py)."""


@dataclass(frozen=True, slots=True)
class NamingLetters:
    """How many events in the dead-letter queue name a key; `error` says why nobody knows."""

    count: int = 0
    error: str = ""


def dead_letters_naming(aws: Aws, queue_url: str, keys: Sequence[str]) -> NamingLetters:
    """Count the events in the dead-letter queue that name a key; they stay there."""
    try:
        with closing(list_dead_letters(aws.sqs, queue_url)) as events:
            return NamingLetters(sum(not set(keys).isdisjoint(e.letter.keys) for e in events))
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        return NamingLetters(error=known.message)


def what_remains(contents: Sequence[KeyContent], log_retention_days: str) -> list[str]:
    """Return a sentence about each place that an erasure does not reach, with how long it lasts."""
    logs = f"{log_retention_days} days" if log_retention_days else "as long as they are set to"
    remains = [
        f"The function's and the API's log lines with the key expire after {logs}.",
        f"S3's access logs with the key, delivered some hours late, expire after {logs}.",
        "DynamoDB's point-in-time recovery can restore the records for"
        f" {_POINT_IN_TIME_RECOVERY_DAYS} days.",
        f"X-Ray's traces of uploads through the API contain the key for {_TRACE_DAYS} days, and the"
        f" lists of `reprocess --batch` for {_MANIFEST_DAYS} days.",
        "Copies elsewhere are not known: downloads, caches such as CloudFront's, backups and"
        " replicas that somebody has set up.",
    ]
    others = sorted({bucket for content in contents for bucket in content.other_buckets})
    if others:
        remains.append(
            f"Records name objects in {', '.join(others)}, which this stack does not have."
        )
    return remains
