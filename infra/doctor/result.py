"""What a check says, and what mends what it finds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from imgctl.core.errors import Hint
from infra.doctor.facts import Facts


class Status(StrEnum):
    """The result of a check."""

    OK = "ok"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class Fix(StrEnum):
    """A mend that `doctor --fix` can carry out."""

    REVERT_DRIFT = "deploy --revert-drift"
    REDRIVE = "redrive"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what to do; `fix` is set if `doctor --fix` can do it."""

    message: str
    hint: Hint
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its area and name, what holds if it passes, and the function that decides.

    The function returns a problem, a note about what it could not compare, or None. It raises
    NotRead if a fact is missing.
    """

    area: str
    name: str
    title: str
    judge: Callable[[Facts], Problem | str | None]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check and its outcome; `note` says why it was not checked, or what to know about it."""

    check: Check
    status: Status
    problem: Problem | None = None
    note: str = ""


def drifted(message: str) -> Problem:
    """Return the problem of something that was changed outside of imgctl."""
    hint = Hint("{} changes it back.", "deploy --revert-drift")
    return Problem(message, hint, Fix.REVERT_DRIFT)
