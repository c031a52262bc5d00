"""The files that a command works on, and a line for what it leaves out of the named folders."""

import sys
from collections.abc import Iterable, Sequence

import click

from imgctl.cli.image_documents import LeftOutFile
from imgctl.cli.text import printable
from imgctl.cli.ui import Ui
from imgctl.operations.input_files import EXCLUDED, LeftOut, split_paths

_SHOWN = 5


def with_listed_paths(paths: Sequence[str], *, nul_separated: bool) -> tuple[str, ...]:
    """Return the paths, with those of a list on stdin in place of `-`; a file is named `./-`."""
    if nul_separated and "-" not in paths:
        raise click.UsageError("Use -0 with - only: it is about the list on stdin.")
    if "-" not in paths:
        return tuple(paths)
    listed = split_paths(sys.stdin.buffer.read(), separator=b"\0" if nul_separated else b"\n")
    before = list(paths).index("-")
    return (*paths[:before], *listed, *(path for path in paths[before:] if path != "-"))


def show_left_out(ui: Ui, left_out: Sequence[LeftOut]) -> None:
    """Print what is left out: with --verbose everything, else the first few and a count.

    What could not be read is printed in any case.
    """
    failed = [item for item in left_out if item.failed]
    for item in failed:
        ui.warn(f"Could not read {printable(str(item.path))}: {item.reason}.")
    excluded = [item for item in left_out if item.reason == EXCLUDED]
    others = [item for item in left_out if not item.failed and item.reason != EXCLUDED]
    shown = others if ui.verbose or len(others) <= _SHOWN + 1 else others[:_SHOWN]
    for item in shown:
        ui.info(f"Left out {printable(str(item.path))}: {item.reason.rstrip('.')}.")
    if len(shown) < len(others):
        ui.info(f"Left out {len(others) - len(shown)} more; --verbose lists them all.")
    if excluded and not ui.verbose:
        items = "1 item" if len(excluded) == 1 else f"{len(excluded)} items"
        ui.info(f"Left out {items} {EXCLUDED}.")
    for item in excluded:
        ui.debug(f"Left out {printable(str(item.path))}: {item.reason}.")


def left_out_documents(left_out: Iterable[LeftOut]) -> list[LeftOutFile]:
    """Return what is left out for --json."""
    return [
        {"path": str(item.path), "reason": item.reason, "failed": item.failed} for item in left_out
    ]
