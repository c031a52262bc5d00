"""The template in JSON, for tools that read no YAML. This needs the extra `template`."""

import json
from typing import Any

import yaml

# These tags have no prefix in their long form (CloudFormation User Guide, "Intrinsic functions").
_UNPREFIXED = {"Ref", "Condition"}


def to_json(template: str) -> str:
    """Return a template in JSON, with the long form of each intrinsic function.

    One line holds one parameter, condition, resource or output: indented, the whole would exceed
    the 51,200 bytes that CloudFormation accepts in a request.
    """
    sections = parse_template(template).items()
    lines = ",\n".join(f"{json.dumps(name)}: {_section(section)}" for name, section in sections)
    return f"{{\n{lines}\n}}\n"


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # PyYAML has no type information
    """Reads the short form of intrinsic functions."""


def _construct(loader: Any, tag: str, node: Any) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)  # the attribute's name may have dots as well
    return {tag if tag in _UNPREFIXED else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _construct)


def parse_template(template: str) -> dict[str, Any]:
    """Parse a template in YAML, with the long form of each intrinsic function."""
    parsed: dict[str, Any] = yaml.load(template, _Loader)  # noqa: S506 (a SafeLoader)
    return parsed


def _section(section: Any) -> str:
    if not isinstance(section, dict):
        return _compact(section)
    members = ",\n".join(f"{json.dumps(name)}:{_compact(item)}" for name, item in section.items())
    return f"{{\n{members}\n}}"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
