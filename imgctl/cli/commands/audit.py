"""`imgctl audit`."""

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command, completer
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from imgctl.aws.audit import AuditContext
    from imgctl.aws.findings import Finding, Problem
    from imgctl.cli.image_documents import AuditFinding
    from imgctl.cli.layout import Line

_OF_SETTINGS = {"output_missing", "output_outdated"}  # which no event would have mended
_NOT_REPAIRABLE = {"failed", "object_gone"}


@click.command(
    cls=Command,
    examples=[
        "imgctl audit",
        "imgctl audit --prefix holiday/",
        "imgctl audit --acknowledge papers/report.pdf",
    ],
)
@click.option(
    "--prefix",
    default="",
    shell_complete=completer("keys"),
    help="Only keys starting with this prefix.",
)
@click.option(
    "--acknowledge", multiple=True, metavar="KEY", shell_complete=completer("keys"),
    help="Do not count this key's failure any more, until it is uploaded again.",
)  # fmt: skip
@click.pass_context
def audit(context: click.Context, *, prefix: str, acknowledge: tuple[str, ...]) -> int:
    """Check that every original has a current record and its output.

    Lists every object with a problem; `reprocess` resends them. Objects that Lambda may still be
    processing are pending, which is no problem.
    """
    from imgctl.aws.findings import OutputSettings
    from imgctl.operations.audit import audit_context
    from infra.function_version import read_live_version

    app = app_of(context)
    if "" in acknowledge:
        raise click.UsageError("The key is empty.")
    if acknowledge and prefix:
        raise click.UsageError("Use one of --acknowledge and --prefix.")
    live = read_live_version(app.aws.lambda_, app.outputs.function)
    settings = OutputSettings.of(live.environment)
    with audit_context(app.aws.s3, app.aws.dynamodb, app.outputs, settings) as reading:
        if acknowledge:
            return _acknowledge(app, reading, acknowledge)
        return _audit(app, reading, prefix, live.timeout_s)


def _acknowledge(app: App, reading: "AuditContext", keys: tuple[str, ...]) -> int:
    from imgctl.aws.audit import acknowledge
    from imgctl.cli.image_documents import AcknowledgeDocument
    from imgctl.cli.layout import Line
    from imgctl.cli.text import printable
    from imgctl.operations.key_spelling import recorded_key

    acknowledged = []
    for typed in keys:
        key = recorded_key(reading.dynamodb, reading.outputs.table, typed)
        acknowledge(reading, key)
        acknowledged.append(key)
        app.ui.print(Line("acknowledged", "green", (printable(key),), word_cells=12))
    app.ui.result(AcknowledgeDocument(acknowledged=acknowledged), "")
    return 0


def _audit(app: App, reading: "AuditContext", prefix: str, timeout_s: int) -> int:
    from imgctl.cli.image_documents import AuditDocument
    from imgctl.operations import audit as operation

    since = operation.pending_since(timeout_s, datetime.now(UTC))
    counts = Counter({"objects": 0})
    findings: list[AuditFinding] = []
    open_problems: set[str] = set()
    with app.ui.progress("Checking", None) as advance:
        for page in operation.audit(reading, prefix=prefix, pending_since=since):
            counts["objects"] += page.checked
            for finding in page.problems:
                counts["acknowledged" if finding.acknowledged else str(finding.problem)] += 1
                if finding.is_open:
                    open_problems.add(str(finding.problem))
                if not finding.acknowledged or app.ui.verbose:
                    app.ui.print(_line(finding))
                if app.ui.json_wanted:  # otherwise not kept: there may be millions
                    findings.append(_plain(finding))
            advance(page.checked)
    objects = counts.pop("objects")
    totals = [f"{objects} object{'' if objects == 1 else 's'}"]
    totals += [f"{n} {name}".replace("_", " ") for name, n in counts.items()]
    app.ui.info(", ".join(totals) + ("" if open_problems else ": nothing missing"))
    for hint in _hints(open_problems):
        app.ui.info(hint.render(app.program))
    app.ui.result(AuditDocument(findings=findings, totals={"objects": objects, **counts}), "")
    return 1 if open_problems else 0


def _hints(open_problems: set[str]) -> list[Hint]:
    hints = []
    if open_problems and open_problems <= _OF_SETTINGS:
        hints.append(Hint("Run {} to make them.", "reprocess --missing"))
    elif open_problems - _NOT_REPAIRABLE:
        hints.append(Hint("Run {}, then {}, to repair.", "redrive", "reprocess --missing"))
    if open_problems & _NOT_REPAIRABLE:
        hints.append(Hint("Run {} to accept a failure.", "audit --acknowledge KEY"))
    return hints


def _line(finding: "Finding") -> "Line":
    from imgctl.cli.layout import Line
    from imgctl.cli.text import printable

    problem = str(finding.problem).replace("_", " ")
    if finding.acknowledged:
        problem += ", acknowledged"
    style = "red" if finding.is_open else "dim"
    key, reason = printable(finding.source.key), printable(finding.reason or "")
    return Line(problem, style, (key,), reason)


def _plain(finding: "Finding") -> "AuditFinding":
    problem: Problem | None = finding.problem
    assert problem is not None
    return {
        "key": finding.source.key,
        "rendition": finding.rendition,
        "version_id": finding.source.version_id,
        "problem": problem.value,
        "reason": finding.reason,
        "acknowledged": finding.acknowledged,
    }
