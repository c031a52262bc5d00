"""Compare what checkov finds in the template with the suppressions that it declares.

Run as `python -m tests.infra.scan CHECKOV`, by `make check`. Checkov does not evaluate conditions,
and a property behind one counts as set: so each variant is scanned as CloudFormation would make it,
with its conditions decided and its suppressions left out.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cfnlint import decode

from infra.template import stack_template

MOST_SUPPRESSIONS = 12

Finding = tuple[str, str]

# What a scanner finds with a customer's key, and with it and reserved invocations.
_NOT_ABOUT_KEYS = {
    ("CKV_AWS_18", "AccessLogs"),
    ("CKV_AWS_115", "Function"),
    ("CKV_AWS_117", "Function"),
    ("CKV_AWS_120", "ApiStage"),
}
_KEY = {"KmsKeyArn": "arn:aws:kms:eu-west-2:123456789012:key/1"}
_VARIANTS: dict[str, tuple[dict[str, str], set[Finding] | None]] = {
    "as it is by default, with alarms mailed": ({}, None),
    "with a customer's key": (_KEY, _NOT_ABOUT_KEYS),
    "with a customer's key and reserved invocations": (
        _KEY | {"ReservedConcurrency": "5"},
        _NOT_ABOUT_KEYS - {("CKV_AWS_115", "Function")},
    ),
    "with a topic of the user's and uploads that are watched": (
        {"AlarmTopicArn": "arn:aws:sns:eu-west-2:123456789012:mine", "WatchUploads": "true"},
        None,
    ),
    "with an API key": ({"ApiAuthorization": "key"}, None),
    "with uploads from web pages": (
        {"CorsOrigins": "https://a.example", "ApiCorsOrigin": "https://a.example"},
        None,
    ),
}
_COMMON = {
    "AlarmEmail": "me@example.org",
    "ApiLoggingRole": "create",
    "AWS::Partition": "aws",
}


def suppressions(template: dict[str, Any]) -> dict[Finding, str]:
    """Read which rules the template says that it does not follow, where, and why."""
    return {
        (skip["id"], name): skip["comment"]
        for name, resource in template["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


def decided(template: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """Give the template with its conditions decided by these parameters, and no suppressions."""
    defaults = {name: str(p.get("Default", "x")) for name, p in template["Parameters"].items()}
    parameters = defaults | _COMMON | given

    def is_met(condition: Any) -> bool:
        ((operator, operands),) = condition.items()
        if operator == "Fn::Not":
            return not is_met(operands[0])
        if operator == "Fn::And":
            return all(map(is_met, operands))
        if operator == "Fn::Or":
            return any(map(is_met, operands))
        if operator == "Condition":
            return is_met(template["Conditions"][operands])
        assert operator == "Fn::Equals", operator
        one, other = (parameters[o["Ref"]] if isinstance(o, dict) else o for o in operands)
        return bool(one == other)

    met = {name: is_met(condition) for name, condition in template["Conditions"].items()}
    nothing = {"Ref": "AWS::NoValue"}

    def decide(node: Any) -> Any:
        if isinstance(node, dict):
            if "Fn::If" in node:
                condition, then, otherwise = node["Fn::If"]
                return decide(then if met[condition] else otherwise)
            if node.get("Ref") in template["Parameters"]:
                return parameters[node["Ref"]]
            parts = {key: decide(value) for key, value in node.items() if key != "Metadata"}
            return {key: value for key, value in parts.items() if value != nothing}
        if isinstance(node, list):
            return [part for part in map(decide, node) if part != nothing]
        return node

    resources = {
        name: decide({key: value for key, value in resource.items() if key != "Condition"})
        for name, resource in template["Resources"].items()
        if met.get(resource.get("Condition"), True)
    }
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def scan(checkov: str, template: dict[str, Any]) -> tuple[int, set[Finding]]:
    """Let checkov look at a template; gives how many checks passed, and which failed where."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.json"
        path.write_text(json.dumps(template))
        done = subprocess.run(
            [checkov, "-f", str(path), "--framework", "cloudformation", "-o", "json", "--compact"],
            capture_output=True,
            text=True,
            check=False,
        )
    report = json.loads(done.stdout)
    failed = {
        (check["check_id"], check["resource"].rpartition(".")[2])
        for check in report["results"]["failed_checks"]
    }
    return report["summary"]["passed"], failed


def main() -> int:
    """Scan every variant; gives 1 where one finds what is not suppressed, or less."""
    (checkov,) = sys.argv[1:]
    template, _ = decode.decode_str(stack_template())
    template = json.loads(json.dumps(template))
    declared = suppressions(template)
    problems = []
    if len(declared) > MOST_SUPPRESSIONS:
        problems.append(f"{len(declared)} suppressions, where {MOST_SUPPRESSIONS} are the most")
    problems += [f"{where} gives no reason" for where, why in declared.items() if len(why) < 20]
    found_anywhere: set[Finding] = set()
    for name, (given, allowed) in _VARIANTS.items():
        passed, failed = scan(checkov, decided(template, given))
        found_anywhere |= failed
        excused = set(declared) if allowed is None else allowed
        print(f"checkov, {name}: {passed} passed, {len(failed & excused)} suppressed,", end=" ")
        print(f"{len(failed - excused)} failed")
        problems += [f"{check} fails at {where}, {name}" for check, where in failed - excused]
        problems += ["checkov found nothing to check"] * (passed == 0)
    problems += [
        f"{unused} is suppressed, and not found" for unused in set(declared) - found_anywhere
    ]
    for problem in problems:
        print(f"checkov: {problem}", file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
