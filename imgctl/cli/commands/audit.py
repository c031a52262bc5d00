"""`imgctl audit`."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.aws.audit import AuditContext, Finding
    from imgctl.cli.text import Line

_READERS = 24


@click.command(cls=Command, epilog="Example: imgctl audit --prefix holiday/")
@click.option("--prefix", default="", help="Of the keys that begin so alone.")
@click.pass_context
def audit(context: click.Context, *, prefix: str) -> int:
    """Check that every source object has one current record and its output.

    Names each object of which something is missing. `imgctl reprocess` sends those again.
    """
    from imgctl.aws.audit import check_page, list_source_objects, orphans

    app = app_of(context)
    counts: Counter[str] = Counter()
    named: list[dict[str, str]] = []
    with services(app) as read:
        pages = list_source_objects(read.s3, read.outputs.source_bucket, prefix=prefix)
        with app.ui.progress("Checking", None) as step:
            for page in pages:
                counts["objects"] += len(page)
                _name(app, check_page(read, page), counts, named)
                step(len(page))
            _name(app, orphans(read, prefix=prefix), counts, named)
    clean = counts.keys() <= {"objects"}
    problems = ", ".join(f"{n} {what}".replace("_", " ") for what, n in counts.items())
    app.ui.info(f"{problems or '0 objects'}" + (": all is there" if clean else ""))
    if counts.keys() - {"objects", "failed", "object_gone"}:
        command = app.program
        app.ui.info(
            f"`{command} redrive`, then `{command} reprocess --missing`, mends what it can."
        )
    app.ui.result({"findings": named, "totals": dict(counts)}, "")
    return 0 if clean else 1


@contextmanager
def services(app: App) -> Iterator["AuditContext"]:
    """Give what an audit reads with; made here, because threads share clients but make none."""
    from imgctl.aws.audit import AuditContext

    with ThreadPoolExecutor(_READERS) as pool:
        yield AuditContext(app.aws.s3, app.aws.dynamodb, pool, app.outputs)


def _name(
    app: App, findings: Iterable["Finding"], counts: Counter[str], named: list[dict[str, str]]
) -> None:
    """Print what is missing; only for --json is it kept, for there may be millions."""
    for found in findings:
        if found.problem is None:
            continue
        counts[found.problem.value] += 1
        app.ui.print(_line(found))
        if app.ui.json_wanted:
            named.append(
                {
                    "key": found.source.key,
                    "version_id": found.source.version_id,
                    "problem": found.problem.value,
                    "reason": found.reason,
                }
            )


def _line(found: "Finding") -> "Line":
    from imgctl.cli.text import Line, printable

    name = str(found.problem).replace("_", " ")
    reason = f"  {printable(found.reason)}" if found.reason else ""
    return Line(name, "red", printable(found.source.key), reason)
