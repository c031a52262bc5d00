"""Tags that AWS would refuse are refused first, and what becomes of those that are there."""

import json
import re
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from infra.tags import (
    TAGGABLE_TYPES,
    InvalidTag,
    StackTags,
    TagTable,
    checked_tags,
    parse_tag,
    tags_from_json,
)
from infra.template import stack_template

TABLE = TagTable()


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"team": "photos", "cost center": "42"},
        {"a.b:c/d=e+f-g@h_i": "me@example.org"},
        {"équipe": "фото", "k" * 128: "v" * 256},
        {f"key {number}": "x" for number in range(49)},
    ],
)
def test_tags_that_every_resource_can_have(tags: dict[str, str]) -> None:
    assert checked_tags(tags) == tags
    assert (
        tags_from_json(TABLE.parse(tags)) == tags_from_json(TABLE.parse(json.dumps(tags))) == tags
    )


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"aws:team": "photos"}, "the key 'aws:team' is reserved"),
        ({"AWS:team": "photos"}, "is reserved"),
        ({"imgctl:stack": "another"}, "the key 'imgctl:stack' is reserved"),
        ({"team": "aws:photos"}, "the value of 'team' is reserved"),
        ({"": "photos"}, "the key '' is empty"),
        ({"team": ""}, "the value of 'team' is empty"),  # CloudFormation: at least one character
        ({"team": 42}, "the value of 'team' is not a string"),
        ({"team": {"lead": "me"}}, "is not a string"),
        ({"k" * 129: "v"}, "is too long"),
        ({"team": "v" * 257}, "the value of 'team' is too long"),
        ({"team#1": "photos"}, "characters that AWS does not allow"),
        ({"team": "photos\n"}, "characters"),
        ({"team": " photos"}, "characters"),
        ({"team": "ph\x1b[31motos"}, r"characters"),
        ({"te\u202eam": "photos"}, r"the key 'te\\u202eam' has characters"),
        ({"team": "a", "Team": "b"}, "'team' and 'Team' differ in case only"),
        ({f"key {number}": "x" for number in range(50)}, "50 tags"),
    ],
)
def test_what_one_of_the_services_would_refuse(tags: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidTag, match=problem) as raised:
        checked_tags(tags)
    assert raised.value.hint


@pytest.mark.parametrize("value", ["[]", "team=photos", '"team"', "", [], 7, [{"team": "photos"}]])
def test_what_is_no_table(value: object) -> None:
    with pytest.raises(InvalidTag, match="not a"):
        TABLE.parse(value)


def test_a_tag_on_the_command_line_is_split_at_the_first_equals_sign() -> None:
    assert parse_tag("query=a=b") == ("query", "a=b")
    with pytest.raises(InvalidTag, match="is not KEY=VALUE"):
        parse_tag("team")


def test_tags_that_a_stack_loses_are_known_by_their_keys() -> None:
    changed = StackTags.after({"team": "photos", "old": "x"}, {"team": "images"})
    assert (changed.tags, changed.removed) == ({"team": "images"}, frozenset({"old"}))


def test_a_bucket_keeps_the_tags_that_somebody_else_gave_it() -> None:
    tags = StackTags({"team": "images"}, frozenset({"old"}))
    existing = {"team": "photos", "old": "x", "backup": "daily", "aws:cloudformation:x": "y"}
    assert tags.merged_into(existing) == {
        "team": "images",
        "backup": "daily",
        "aws:cloudformation:x": "y",  # without which S3 refuses the others
    }


def test_the_types_with_tags_are_those_of_cloudformations_schemas() -> None:
    used = set(re.findall(r"^    Type: (AWS::\S+)$", stack_template(), re.MULTILINE))
    schemas = {
        name: PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name).schema for name in used
    }
    assert {name for name in used if "Tags" in schemas[name]["properties"]} == TAGGABLE_TYPES
