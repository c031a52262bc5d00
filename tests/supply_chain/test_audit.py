import json
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.supply_chain import audit
from tests.supply_chain.audit import FOUND, LOCK_FILES, NOT_AUDITED, audit_all

CLEAN = {"name": "pillow", "version": "13.0.0", "vulns": []}
VULNERABLE = {
    "name": "pillow",
    "version": "9.0.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["9.0.1"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
UNKNOWN = {"name": "pillow", "skip_reason": "Dependency not found on PyPI: pillow (13.0.0)"}


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def audited(*answers: str, stderr: str = "") -> tuple[int, list[str], int]:
    """Return the exit code, what is reported, and how often pip-audit was run."""
    told, reported = list(answers), list[str]()

    def run(command: Sequence[str]) -> "CompletedProcess[str]":
        return CompletedProcess(command, 1, told.pop(0), stderr)

    paths = [Path(f"{number}.txt") for number in range(len(answers))]
    code = audit_all(run, "pip-audit", paths, reported.append)
    return code, reported, len(answers) - len(told)


def test_without_vulnerabilities_the_audit_succeeds() -> None:
    code, reported, runs = audited(report(CLEAN), report(CLEAN, CLEAN))
    assert (code, runs) == (0, 2)
    assert reported[1] == "1.txt: 2 packages, 0 known vulnerabilities"


def test_each_vulnerability_is_reported_and_every_file_is_audited() -> None:
    code, reported, runs = audited(report(VULNERABLE), report(CLEAN))
    assert (code, runs) == (FOUND, 2)
    assert reported[1:3] == [
        "  pillow 9.0.0: PYSEC-1, fixed in 9.0.1",
        "  pillow 9.0.0: PYSEC-2, fixed in no version",
    ]


def test_an_index_without_data_is_not_a_success_and_is_asked_once() -> None:
    """pip-audit itself reports success then."""
    code, reported, runs = audited(report(UNKNOWN), report(UNKNOWN))
    assert (code, runs) == (NOT_AUDITED, 1)
    assert reported == ["NOT AUDITED: 0.txt: Dependency not found on PyPI: pillow (13.0.0)"]


def test_without_a_network_the_last_line_of_the_error_is_reported() -> None:
    code, reported, runs = audited("", "", stderr="Traceback\nConnectionError: no route\n")
    assert (code, runs) == (NOT_AUDITED, 1)
    assert reported == ["NOT AUDITED: 0.txt: ConnectionError: no route"]


def test_one_unknown_package_does_not_hide_the_others() -> None:
    code, reported, runs = audited(report(CLEAN, UNKNOWN, UNKNOWN), report(VULNERABLE))
    assert (code, runs) == (FOUND, 2)
    assert reported[1].endswith("pillow (13.0.0) (and 1 more)")


def test_every_lock_file_is_audited_and_the_bundles_first() -> None:
    assert LOCK_FILES[0].name == "function-requirements.txt"
    names = {path.name for path in LOCK_FILES}
    assert {"requirements-local.txt", "requirements-dev.txt", "requirements-audit.txt"} <= names
    assert all(path.is_file() for path in LOCK_FILES)


@pytest.mark.parametrize(
    ("answer", "strict", "lenient"),
    [
        (report(CLEAN), 0, 0),
        (report(VULNERABLE), FOUND, FOUND),
        (report(UNKNOWN), NOT_AUDITED, 0),
        ("", NOT_AUDITED, 0),
    ],
)
def test_only_missing_data_can_be_accepted(
    answer: str, strict: int, lenient: int, tmp_path: Path
) -> None:
    program = tmp_path / "pip-audit"
    (tmp_path / "answer").write_text(answer)
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    program.chmod(0o755)
    assert audit.main([str(program)]) == strict
    assert audit.main(["--if-reachable", str(program)]) == lenient
