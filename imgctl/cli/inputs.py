"""The files that a command works on, and a line for what it leaves out of the named folders."""

from collections.abc import Iterable, Sequence

from imgctl.cli.image_documents import LeftOutFile
from imgctl.cli.text import printable
from imgctl.cli.ui import Ui
from imgctl.operations.input_files import EXCLUDED, LeftOut

_SHOWN = 5


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
