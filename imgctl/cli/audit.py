"""`imgctl audit`."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App, Command, app_of

if TYPE_CHECKING:
    from imgctl.aws.audit import Finding, Services
    from imgctl.cli.words import Line

_READERS = 24


@click.command(cls=Command, epilog="Example: imgctl audit --prefix holiday/")
@click.option("--prefix", default="", help="Of the keys that begin so alone.")
@click.pass_context
def audit(context: click.Context, *, prefix: str) -> int:
    """Check that every source object has one current record and its output.

    Names each object of which something is missing. `imgctl reprocess` sends those again.
    """
    from imgctl.aws.audit import judged, orphans, source_objects

    app = app_of(context)
    counts: Counter[str] = Counter()
    named = []
    with services(app) as read:
        pages = source_objects(read.s3, read.outputs.source_bucket, prefix=prefix)
        with app.ui.progress("Checking", None) as step:
            for page in pages:
                for found in judged(read, page):
                    counts["objects"] += 1
                    if found.problem is not None:
                        named.append(_name(app, found))
                step(len(page))
            named += [_name(app, found) for found in orphans(read, prefix=prefix)]
    counts.update(finding["problem"] for finding in named)
    problems = ", ".join(f"{n} {what}".replace("_", " ") for what, n in counts.items())
    app.ui.note(f"{problems or '0 objects'}" + ("" if named else ": all is there"))
    if counts.keys() - {"objects", "failed", "object_gone"}:
        command = app.command
        app.ui.note(
            f"`{command} redrive`, then `{command} reprocess --missing`, mends what it can."
        )
    app.ui.result({"findings": named, "totals": dict(counts)}, "")
    return 1 if named else 0


@contextmanager
def services(app: App) -> Iterator["Services"]:
    """Give what an audit reads with; made here, because threads share clients but make none."""
    from imgctl.aws.audit import Services

    with ThreadPoolExecutor(_READERS) as pool:
        yield Services(app.aws.s3, app.aws.dynamodb, pool, app.outputs)


def _name(app: App, found: "Finding") -> dict[str, str]:
    app.ui.show(_line(found))
    return {
        "key": found.source.key,
        "version_id": found.source.version_id,
        "problem": str(found.problem),
        "reason": found.reason,
    }


def _line(found: "Finding") -> "Line":
    from imgctl.cli.words import Line, printable

    name = str(found.problem).replace("_", " ")
    reason = f"  {printable(found.reason)}" if found.reason else ""
    return Line(name, "red", printable(found.source.key), reason)
