"""The template in JSON is the same document as in YAML."""

import json

import pytest
from cfnlint import decode

from infra.template import stack_template, with_hashed_ids
from infra.template_json import parse_template, to_json

MAX_BYTES = 51_200
"""CloudFormation's limit on a template in a request (User Guide, "Understand quotas")."""

YAML = with_hashed_ids(stack_template(), {})
FORMATS = {"yaml": YAML, "json": to_json(YAML)}


def test_both_formats_are_one_document() -> None:
    documents = [decode.decode_str(text)[0] for text in FORMATS.values()]
    assert documents[0] == documents[1] == json.loads(FORMATS["json"])


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_fits_into_a_request(name: str) -> None:
    assert len(FORMATS[name].encode()) <= MAX_BYTES


def test_the_short_forms_of_functions_become_long_ones() -> None:
    text = """\
A: !Ref B
C: !GetAtt D.E.F
G: !GetAtt [H, I]
J: !Sub ['${K}', {K: !Ref L}]
M: !If [N, !Ref AWS::NoValue, !Condition O]
P: !Select [0, !Split ['/', 'é/x']]
"""
    assert parse_template(text) == {
        "A": {"Ref": "B"},
        "C": {"Fn::GetAtt": ["D", "E.F"]},
        "G": {"Fn::GetAtt": ["H", "I"]},
        "J": {"Fn::Sub": ["${K}", {"K": {"Ref": "L"}}]},
        "M": {"Fn::If": ["N", {"Ref": "AWS::NoValue"}, {"Condition": "O"}]},
        "P": {"Fn::Select": [0, {"Fn::Split": ["/", "é/x"]}]},
    }


def test_each_resource_has_a_line_of_its_own() -> None:
    lines = FORMATS["json"].splitlines()
    assert sum(line.startswith('"SourceBucket":{"Type":"AWS::S3::Bucket"') for line in lines) == 1
