"""Old versions of the function and bundles that a deployment deletes: told before, and deleted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgctl.cli.text import local_time
from infra.function_version import Version
from infra.pruning import NOTHING, Superseded, upcoming_version

if TYPE_CHECKING:
    from imgctl.cli.app import App
    from imgctl.cli.stack_documents import PrunedDocument
    from infra.deployed_stack import DeployedStack
    from infra.plan import Plan
    from infra.stack_context import StackContext


def plan_pruning(app: "App", context: "StackContext", plan: "Plan") -> Superseded:
    """Find what can be deleted after a plan that makes a new version; nothing after any other.

    What cannot be read is only a warning.
    """
    from infra.code_storage import find_superseded

    upcoming = upcoming_version(plan)
    if upcoming is not None:
        with _warning_of_errors(app, "No old versions and bundles will be deleted"):
            return find_superseded(
                context,
                plan.change_set.planned_from,
                keep=app.settings.keep_function_versions,
                now=datetime.now(UTC),
                upcoming=upcoming,
            )
    return NOTHING


def show_pruning(app: "App", superseded: Superseded) -> None:
    """Show what is deleted after a plan, with --verbose each of them."""
    if superseded.is_empty:
        return
    keep = app.settings.keep_function_versions
    app.ui.info(
        f"After this, imgctl deletes {described(superseded)} (keep_function_versions = {keep})."
    )
    for version in superseded.versions:
        app.ui.debug(f"  version {version.number}, published {local_time(version.modified)}")
    for key in superseded.bundles:
        app.ui.debug(f"  bundle {key}")


def prune(
    app: "App", context: "StackContext", deployed: "DeployedStack", planned: Superseded
) -> Superseded:
    """Delete what was planned to be deleted, and return what was. A failure is only a warning."""
    from infra.code_storage import delete_superseded

    if planned.is_empty:
        return NOTHING
    deleted: list[Version | str] = []
    problem = "Old versions and bundles were not all deleted"
    with app.ui.working(f"Deleting {described(planned)}"), _warning_of_errors(app, problem):
        for item in delete_superseded(
            context,
            deployed,
            planned,
            keep=app.settings.keep_function_versions,
            now=datetime.now(UTC),
        ):
            deleted.append(item)  # noqa: PERF402 - what was deleted before an error counts
    return Superseded(
        tuple(item for item in deleted if isinstance(item, Version)),
        tuple(item for item in deleted if isinstance(item, str)),
    )


def pruned_document(superseded: Superseded) -> "PrunedDocument":
    """Return the JSON of what is deleted."""
    return {
        "versions": [version.number for version in superseded.versions],
        "bundles": list(superseded.bundles),
    }


def described(superseded: Superseded) -> str:
    """Return what is deleted in a few words: `versions 1 to 4, 7, and 3 bundles`."""
    ranges = list(_ranges([version.number for version in superseded.versions]))
    parts = []
    if ranges:
        plural = "s" if len(superseded.versions) > 1 else ""
        parts.append(f"version{plural} {', '.join(ranges)}")
    if count := len(superseded.bundles):
        parts.append(f"{count} bundle{'s' if count > 1 else ''}")
    return (", and " if len(ranges) > 1 else " and ").join(parts)


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Yield ascending numbers, those in a row as one range: `1 to 4`, `7`."""
    start = 0
    for end, number in enumerate(numbers):
        if end + 1 < len(numbers) and numbers[end + 1] == number + 1:
            continue
        yield f"{number}" if start == end else f"{numbers[start]} to {number}"
        start = end + 1


@contextmanager
def _warning_of_errors(app: "App", problem: str) -> Iterator[None]:
    """Turn an error of AWS into a warning: what is not deleted now is deleted another time."""
    from botocore.exceptions import BotoCoreError, ClientError

    from imgctl.aws.errors import translate

    try:
        yield
    except (ClientError, BotoCoreError) as error:
        known = translate(error)
        reason = str(error) if known is None else known.message
        app.ui.warn(
            f"{problem}: {reason.removesuffix('.')}. The next deployment of a new version tries"
            " again."
        )
