"""The tags of a stack, which CloudFormation passes on to its resources: checked and compared."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_TAGS = 49
"""A resource of AWS has at most 50 tags, and buckets and the table have one of imgctl's."""

TAGGABLE_TYPES = frozenset(
    {
        "AWS::ApiGateway::ApiKey",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
        "AWS::ApiGateway::UsagePlan",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)
"""The types of the template's resources that can have tags (CloudFormation's resource schemas).

A change set lists the others too when the stack's tags change.
"""

_MAX_KEY, _MAX_VALUE = 128, 256
# What IAM, Lambda, CloudWatch Logs and S3 Batch Operations accept, whose models have the same
# pattern. Of its separators only the space: others cannot be told from it by eye.
_ALLOWED = re.compile(r"[\w .:/=+@-]+")
_CHARACTERS = "letters, digits, spaces and _ . : / = + - @"
_RESERVED = ("aws:", "imgctl:")
_HOW_TO_GIVE = (
    'Use a table [tags] with lines such as team = "photos"; in IMGCTL_TAGS, {"team": "photos"}.'
)


class InvalidTag(ValueError):
    """A tag that AWS would refuse, or that is reserved; `hint` says what is accepted."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class TagTable:
    """A table of tags, kept as JSON, in which a variable holds it too."""

    expected: str = 'strings, as in team = "photos"'
    type_name: str = "table"

    def parse(self, value: object) -> str:
        """Return the JSON of the tags; raises InvalidTag, which is a ValueError."""
        if isinstance(value, str):
            value = _from_json(value)
        if not isinstance(value, dict):
            raise InvalidTag("not a table", _HOW_TO_GIVE)
        return json.dumps(checked_tags(value), ensure_ascii=False)


def checked_tags(tags: Mapping[str, object]) -> dict[str, str]:
    """Return tags that every resource of a stack can have, or raise InvalidTag.

    The rules are the strictest of the services: CloudFormation wants a value, and IAM takes keys
    that differ in case only for one.
    """
    checked = {}
    for key, value in tags.items():
        _check_text(f"the key {key!r}", key, _MAX_KEY)
        if key.casefold().startswith(_RESERVED):
            raise InvalidTag(
                f"the key {key!r} is reserved", f"Keys must not begin with {_either()}."
            )
        if not isinstance(value, str):
            raise InvalidTag(
                f"the value of {key!r} is not a string",
                "Put it in quotes. If it is a setting and not a tag, move it above [tags].",
            )
        _check_text(f"the value of {key!r}", value, _MAX_VALUE)
        if value.casefold().startswith("aws:"):
            raise InvalidTag(f"the value of {key!r} is reserved", "It must not begin with aws:.")
        checked[key] = value
    same = [key for key, count in Counter(map(str.casefold, checked)).items() if count > 1]
    if same:
        spellings = " and ".join(repr(key) for key in checked if key.casefold() == same[0])
        raise InvalidTag(
            f"{spellings} differ in case only, which roles cannot have", "Use one of them."
        )
    if len(checked) > MAX_TAGS:
        raise InvalidTag(f"{len(checked)} tags", f"Use at most {MAX_TAGS}.")
    return checked


def parse_tag(text: str) -> tuple[str, str]:
    """Split `KEY=VALUE` at the first `=`; raises InvalidTag without one."""
    key, separator, value = text.partition("=")
    if not separator:
        raise InvalidTag(f"{text!r} is not KEY=VALUE", "Use KEY=VALUE, as in team=photos.")
    return key, value


def tags_from_json(text: str) -> dict[str, str]:
    """Return the tags that `TagTable` has parsed."""
    tags: dict[str, str] = json.loads(text)
    return tags


def users_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags without those that AWS sets itself, which nobody else can."""
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def tag_set(tags: Mapping[str, str]) -> list[Any]:
    """Return tags as AWS takes them: a list of `Key` and `Value`."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@dataclass(frozen=True, slots=True)
class StackTags:
    """The tags of a stack after a deployment, and the keys of those that it takes away."""

    tags: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    @classmethod
    def after(cls, present: Mapping[str, str], wanted: Mapping[str, str]) -> "StackTags":
        """Return the tags of a stack that has some, and is to have others."""
        return cls(wanted, frozenset(present) - frozenset(wanted))

    def merged_into(self, existing: Mapping[str, str]) -> dict[str, str]:
        """Return the tags of a resource that may have others, which it keeps."""
        others = {k: v for k, v in existing.items() if k not in self.removed}
        return {**others, **self.tags}


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidTag("not a table", _HOW_TO_GIVE) from None


def _check_text(what: str, text: str, longest: int) -> None:
    if not text:
        raise InvalidTag(f"{what} is empty", f"Use 1 to {longest} characters.")
    if len(text) > longest:
        raise InvalidTag(f"{what} is too long", f"Use at most {longest} characters.")
    if not _ALLOWED.fullmatch(text) or text != text.strip():
        raise InvalidTag(
            f"{what} has characters that AWS does not allow there",
            f"Use {_CHARACTERS}, without a space at the beginning or end.",
        )


def _either() -> str:
    return " or ".join(_RESERVED)
