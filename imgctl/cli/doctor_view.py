"""The result of `doctor` on a terminal, in a pipe and in JSON."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.layout import Line
from imgctl.cli.text import printable
from infra.doctor.examination import Examination
from infra.doctor.result import CheckResult, Status

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import DoctorDocument

_STYLES = {Status.OK: "green", Status.FAILED: "red", Status.NOT_CHECKED: "yellow"}
_WORD_CELLS = 11  # of "not checked"


def print_examination(app: App, examination: Examination) -> None:
    """Print what is wrong or was not checked, each with what to do, and the rest by area.

    With --verbose every check has a line.
    """
    ui = app.ui
    for area, group in groupby(examination.results, key=lambda result: result.check.area):
        results = list(group)
        passed = [result for result in results if result.status is Status.OK]
        if passed and not ui.verbose:
            names = ", ".join(result.check.name for result in passed)
            ui.print(_line(Status.OK, (area, names)))
        together = () if ui.verbose else _not_checked_together(results)
        if together:
            names = ", ".join(result.check.name for result in together)
            text = f"{names}: {printable(together[0].note)}"
            ui.print(_line(Status.NOT_CHECKED, (area, text)))
        for result in results:
            if ui.verbose or (result.status is not Status.OK and result not in together):
                ui.print(_result_line(app, result))
    for note in _notes(examination):
        ui.info(note)
    ui.info(_total(examination))


def _not_checked_together(results: Sequence[CheckResult]) -> Sequence[CheckResult]:
    """Return the checks of an area that were not made, if there are several with one reason."""
    skipped = [result for result in results if result.status is Status.NOT_CHECKED]
    has_one_reason = len({result.note for result in skipped}) == 1
    has_hints = any(result.problem is not None for result in skipped)
    return skipped if len(skipped) > 1 and has_one_reason and not has_hints else ()


def doctor_document(examination: Examination, mended: Sequence[str]) -> "DoctorDocument":
    """Return the results as a JSON document; `mended` are the commands that were carried out."""
    return {
        "healthy": not examination.problems,
        "checks": [
            {
                "area": result.check.area,
                "name": result.check.name,
                "status": result.status.value,
                "expected": result.check.title,
                "problem": result.problem.message if result.problem else None,
                "hint": result.problem.hint.render() if result.problem else None,
                "commands": list(result.problem.hint.commands) if result.problem else [],
                "fixable": result.problem is not None and result.problem.fix is not None,
                "note": result.note or None,
            }
            for result in examination.results
        ],
        "mended": list(mended),
    }


def _result_line(app: App, result: CheckResult) -> Line:
    name = result.check.name
    if result.problem is not None:
        hint = printable(result.problem.hint.render(app.program))
        return _line(result.status, (name, printable(result.problem.message)), hint)
    if result.status is Status.NOT_CHECKED:
        return _line(result.status, (name, printable(result.note)))
    return _line(result.status, (name, result.check.title))


def _line(status: Status, values: tuple[str, ...], hint: str = "") -> Line:
    return Line(status.value, _STYLES[status], values, hint=hint, word_cells=_WORD_CELLS)


def _notes(examination: Examination) -> list[str]:
    return [
        f"{result.check.name}: {printable(result.note)}."
        for result in examination.results
        if result.status is Status.OK and result.note
    ]


def _total(examination: Examination) -> str:
    counts = dict.fromkeys(Status, 0)
    for result in examination.results:
        counts[result.status] += 1
    parts = [f"{count} {status.value}" for status, count in counts.items() if count]
    return f"{len(examination.results)} checks: {', '.join(parts)}"
