"""`imgctl audit`."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, completer
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from imgctl.aws.audit import Finding, Problem
    from imgctl.cli.image_documents import AuditFinding
    from imgctl.cli.layout import Line

_NOT_REPAIRABLE = {"objects", "failed", "object_gone"}


@click.command(cls=Command, epilog="Example: imgctl audit --prefix holiday/")
@click.option(
    "--prefix", default="", shell_complete=completer("keys"),
    help="Only keys starting with this prefix.",
)  # fmt: skip
@click.pass_context
def audit(context: click.Context, *, prefix: str) -> int:
    """Check that every original has a current record and its output.

    Lists every object with a problem; `reprocess` resends them.
    """
    from imgctl.cli.image_documents import AuditDocument
    from imgctl.operations import audit as operation

    app = app_of(context)
    counts: Counter[str] = Counter()
    findings: list[AuditFinding] = []
    with (
        operation.audit_context(app.aws.s3, app.aws.dynamodb, app.outputs) as reading,
        app.ui.progress("Checking", None) as advance,
    ):
        for page in operation.audit(reading, prefix=prefix):
            counts["objects"] += page.checked
            for finding in page.problems:
                counts[str(finding.problem)] += 1
                app.ui.print(_line(finding))
                if app.ui.json_wanted:  # otherwise not kept: there may be millions
                    findings.append(_plain(finding))
            advance(page.checked)
    is_clean = counts.keys() <= {"objects"}
    totals = ", ".join(f"{n} {name}".replace("_", " ") for name, n in counts.items())
    app.ui.info(f"{totals or '0 objects'}" + (": nothing missing" if is_clean else ""))
    if counts.keys() - _NOT_REPAIRABLE:
        hint = Hint("Run {}, then {}, to repair.", "redrive", "reprocess --missing")
        app.ui.info(hint.render(app.program))
    app.ui.result(AuditDocument(findings=findings, totals=dict(counts)), "")
    return 0 if is_clean else 1


def _line(finding: "Finding") -> "Line":
    from imgctl.cli.layout import Line
    from imgctl.cli.text import printable

    problem = str(finding.problem).replace("_", " ")
    return Line(problem, "red", (printable(finding.source.key),), printable(finding.reason or ""))


def _plain(finding: "Finding") -> "AuditFinding":
    problem: Problem | None = finding.problem
    assert problem is not None
    return {
        "key": finding.source.key,
        "version_id": finding.source.version_id,
        "problem": problem.value,
        "reason": finding.reason,
    }
