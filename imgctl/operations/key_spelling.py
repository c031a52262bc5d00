"""The spelling of keys: uploads compose file names, while macOS completes them decomposed.

Both forms look the same, and are different keys (Unicode Standard Annex #15).
"""

import unicodedata
from typing import TYPE_CHECKING

from imgctl.aws import records

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def composed(key: str) -> str:
    """Return a key in Unicode's composed form (NFC), as uploads store it."""
    return unicodedata.normalize("NFC", key)


def spellings(key: str) -> tuple[str, ...]:
    """Return under which keys to look for one that somebody typed: as it is, and then composed."""
    return tuple(dict.fromkeys((key, composed(key))))


def all_spellings(key: str) -> tuple[str, ...]:
    """Return all keys that look the same: as typed, composed, and decomposed (NFD)."""
    return tuple(dict.fromkeys((*spellings(key), unicodedata.normalize("NFD", key))))


def recorded_key(dynamodb: "DynamoDBClient", table: str, key: str) -> str:
    """Return the spelling of a typed key that has records; the composed one if none has."""
    *others, last = spellings(key)
    recorded = (one for one in others if next(records.of_key(dynamodb, table, one), None))
    return next(recorded, last)
