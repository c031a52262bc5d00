"""Look for known vulnerabilities in every lock file, with pip-audit.

Run as `python -m tests.supply_chain.audit [--if-reachable] PIP_AUDIT`, by `make audit`. Exits with
1 if there is one, and with 3 if a package could not be looked up: pip-audit itself would succeed
where an index has no data on vulnerabilities, as mirrors do not. With `--if-reachable`, for CI, the
latter is only reported.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.installation import REPOSITORY

# First the shortest, with which it turns out whether there is any data.
LOCK_FILES = (
    REPOSITORY / "infra" / "function-requirements.txt",
    *sorted(REPOSITORY.glob("requirements-*.txt")),
)

FOUND, NOT_AUDITED = 1, 3

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Audit:
    """What pip-audit found out about a lock file: a line per vulnerability, and why not more.

    `audited` is the number of packages that it has data about.
    """

    audited: int = 0
    vulnerabilities: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def audit_of(stdout: str, stderr: str) -> Audit:
    """Read pip-audit's report; without one, the last line of its errors says why."""
    try:
        dependencies = json.loads(stdout)["dependencies"]
    except ValueError:
        lines = stderr.strip().splitlines() or ["pip-audit printed nothing"]
        return Audit(unknown=(lines[-1],))
    unknown = tuple(one["skip_reason"] for one in dependencies if "skip_reason" in one)
    vulnerabilities = tuple(
        f"{one['name']} {one['version']}: {found['id']},"
        f" fixed in {' or '.join(found['fix_versions']) or 'no version'}"
        for one in dependencies
        for found in one.get("vulns", ())
    )
    return Audit(len(dependencies) - len(unknown), vulnerabilities, unknown)


def audit_all(
    run: Run, pip_audit: str, lock_files: Sequence[Path], report: Callable[[str], None]
) -> int:
    """Audit lock files, report what is found, and return the exit code.

    Stops at a file of which no package could be looked up.
    """
    code = 0
    for path in lock_files:
        done = run([
            pip_audit, "--format=json", "--progress-spinner=off", "--require-hashes",
            "--disable-pip", f"--requirement={path}",
        ])  # fmt: skip
        audit = audit_of(done.stdout, done.stderr)
        if audit.audited:
            vulnerable = len(audit.vulnerabilities)
            report(f"{path.name}: {audit.audited} packages, {vulnerable} known vulnerabilities")
        for line in audit.vulnerabilities:
            report(f"  {line}")
            code = FOUND
        if audit.unknown:
            more = f" (and {len(audit.unknown) - 1} more)" if len(audit.unknown) > 1 else ""
            report(f"NOT AUDITED: {path.name}: {audit.unknown[0]}{more}")
            code = code or NOT_AUDITED
        if not audit.audited:
            break
    return code


def main(arguments: Sequence[str]) -> int:
    """Audit every lock file; return the exit code."""
    *options, pip_audit = arguments

    def run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, capture_output=True, text=True, check=False)

    code = audit_all(run, pip_audit, LOCK_FILES, print)
    return 0 if code == NOT_AUDITED and options == ["--if-reachable"] else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
