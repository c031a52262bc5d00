"""A plan in a file, to be applied later or elsewhere: what it says, and how it is read.

The change set in CloudFormation is what is executed, and what is shown before. The file only names
it, and says what it was when it was planned: a file that says anything else is refused.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from imgctl import __version__
from imgctl.core.errors import ImgctlError
from imgctl.output_files import output_file
from imgctl.regular_files import read_regular_file
from infra.bundle import Bundle
from infra.bundle_manifest import sources_in
from infra.changes import Change, Risk
from infra.deployed_stack import DeployedStack
from infra.errors import BundleError
from infra.json_fields import InvalidField, JsonFields
from infra.names import STACK_NAME
from infra.plan import Plan
from infra.stored_change_set import PLAN_AGAIN
from infra.version_settings import code_digest

SCHEMA = 1

_MAX_BYTES = 4_000_000  # the plan of a new stack has about 13 KB


class InvalidPlanFile(ImgctlError):
    """A file is no plan, or one for another stack."""

    code = "plan_file"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a plan is to be applied."""

    account: str
    region: str
    partition: str
    stack: str


@dataclass(frozen=True, slots=True)
class PlannedCode:
    """The code of a plan: its bundle's `key`, and the `sha256` of the file in hexadecimal.

    `is_given` is whether the user chose the file with --bundle, so that no other build will do.
    """

    key: str
    architecture: str
    sha256: str
    is_given: bool


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """What a plan's file says.

    `change_set` is an ARN, empty if there was nothing to change. `before` has the stack's status,
    id, time of change and parameters when it was planned. `content` is what would change, in JSON,
    to be compared with what CloudFormation says. `termination_protection` is what the settings
    wanted, which is no part of a change set.
    """

    imgctl: str
    target: Target
    change_set: str
    before: DeployedStack
    content: Mapping[str, Any]
    code: PlannedCode
    is_last_step: bool
    termination_protection: bool | None


def stored_plan(target: Target, plan: Plan, before: DeployedStack, bundle: Bundle) -> StoredPlan:
    """Return what the file of a plan says."""
    code = PlannedCode(bundle.key, bundle.architecture.value, bundle.sha256, bundle.is_given)
    return StoredPlan(
        __version__,
        target,
        plan.change_set.id,
        before,
        content_of(plan),
        code,
        plan.is_last_step,
        plan.termination_protection,
    )


def content_of(plan: Plan) -> dict[str, Any]:
    """Return what a plan would change, as its file says it."""
    change_set = plan.change_set
    content = {
        "parameters": dict(change_set.parameters),
        "tags": dict(change_set.tags),
        "changes": _sorted(_sorted_properties(change) for change in change_set.changes),
        "risks": {
            risk.name.lower(): sorted(c.logical_id for c in change_set.changes if risk in c.risks)
            for risk in Risk
        },
        "allow_data_loss": change_set.allows_data_loss,
    }
    normalized: dict[str, Any] = json.loads(json.dumps(content))  # tuples are lists in JSON
    return normalized


def _sorted_properties(change: Change) -> dict[str, Any]:
    document = asdict(change)
    return {**document, "properties": _sorted(document["properties"])}


def _sorted(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort what CloudFormation lists in no particular order."""
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def write(stored: StoredPlan, path: Path) -> None:
    """Write a plan's file, which only the user can read. Raises OSError."""
    before, code = stored.before, stored.code
    document = {
        "schema": SCHEMA,
        "imgctl": stored.imgctl,
        **asdict(stored.target),
        "change_set": stored.change_set or None,
        "last_step": stored.is_last_step,
        "termination_protection": stored.termination_protection,
        "before": {
            "status": before.status,
            "stack_id": before.stack_id,
            "changed": before.changed,
            "live_version": before.live_version,
            "parameters": dict(before.parameters),
        },
        "code": {
            "sources": sources_in(code.key),
            "key": code.key,
            "architecture": code.architecture,
            "sha256": code.sha256,
            "given": code.is_given,
        },
        **stored.content,
    }
    with output_file(path, mode=0o600) as file:
        file.write(json.dumps(document, indent=2).encode() + b"\n")


def read(path: Path) -> StoredPlan:
    """Read a plan's file. Raises InvalidPlanFile for anything else, and OSError."""
    try:
        fields = JsonFields(json.loads(read_regular_file(path, max_bytes=_MAX_BYTES)))
        if fields.take("schema", int) != SCHEMA:
            raise _invalid(path, "it was written by another version of imgctl")
        return _parse(fields)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, InvalidField) else "it is not a plan in JSON"
        raise _invalid(path, reason) from error


def check_target(stored: StoredPlan, target: Target) -> None:
    """Raise InvalidPlanFile unless a plan is for this stack, account and region."""
    for name, planned in asdict(stored.target).items():
        here = getattr(target, name)
        if planned != here:
            raise InvalidPlanFile(
                f"The plan is for the {name} {planned}, and this is the {name} {here}.",
                hint="Nothing was changed. Choose the one that was planned for with --profile,"
                " --region and --stack, or plan again.",
            )


def check_content(stored: StoredPlan, plan: Plan) -> None:
    """Raise InvalidPlanFile unless CloudFormation describes the change set as the file does."""
    if plan.change_set.is_empty:
        return
    content = content_of(plan)
    different = [name for name, value in content.items() if stored.content.get(name) != value]
    if different:
        raise InvalidPlanFile(
            f"The plan's file and its change set differ in: {', '.join(different)}.",
            hint="Nothing was changed. Somebody has edited the file, or it names another change"
            " set. Plan again.",
        )


def check_protection(stored: StoredPlan, wanted: bool | None) -> None:  # noqa: FBT001
    """Raise InvalidPlanFile if a plan changes the protection, and the settings here do not.

    No change set says so: a file alone must not turn off what keeps the stack from being deleted.
    """
    planned = stored.termination_protection
    if planned is not None and wanted is not planned:
        raise InvalidPlanFile(
            f"The plan turns termination protection {'on' if planned else 'off'}, and the settings"
            " here do not say so.",
            hint="Nothing was changed. Apply it with the settings that it was planned with, or plan"
            " again.",
        )


def fits(stored: StoredPlan, key: str, sha256: str) -> bool:
    """Return whether a bundle that is stored under a plan's key is the one that was planned.

    Any build of the same sources is, unless the user chose a file.
    """
    code = stored.code
    return not code.is_given or code.key != key or code.sha256 == sha256


def check_code(stored: StoredPlan, key: str, bundle: Bundle, *, digits: int) -> None:
    """Raise BundleError unless a bundle is the code of a plan, whose change set has this key.

    Messages have that many digits of the digests.
    """
    planned, here = (code_digest(of)[:digits] for of in (key, bundle.key))
    if bundle.key != key:
        which = f"{bundle.path} is" if bundle.is_given else "this imgctl builds"
        raise BundleError(
            f"The plan is for the code {planned}, and {which} {here}.",
            hint="Nothing was changed. Pass the bundle that was planned with --bundle, use the same"
            " version of imgctl, or plan again.",
        )
    if not fits(stored, key, bundle.sha256):
        raise BundleError(
            f"The plan is for another build of the code {planned}: the file whose SHA-256 is"
            f" {stored.code.sha256}.",
            hint="Nothing was changed. Pass that file with --bundle, or plan again.",
        )


def _parse(fields: JsonFields) -> StoredPlan:
    target = Target(
        account=fields.matching("account", r"\d{12}"),
        region=fields.matching("region", r"[a-z0-9-]{1,32}"),
        partition=fields.matching("partition", r"aws[a-z-]{0,20}"),
        stack=fields.matching("stack", STACK_NAME.pattern),
    )
    arn = (
        f"arn:{target.partition}:cloudformation:{target.region}:{target.account}:changeSet/imgctl-"
    )
    before, code = fields.inside("before"), fields.inside("code")
    stack = DeployedStack(
        target.stack,
        before.optional("status", r"[A-Z_]+"),
        stack_id=before.matching("stack_id", r"[ -~]*"),
        changed=before.matching("changed", r"[ -~]*"),
        parameters=before.texts("parameters"),
    )
    change_set = fields.optional("change_set", rf"{re.escape(arn)}[\w-]+/[\w-]+") or ""
    if not change_set and not stack.is_deployed:
        raise InvalidField("change_set is missing")
    return StoredPlan(
        imgctl=fields.matching("imgctl", r"[\w.+-]{1,64}"),
        target=target,
        change_set=change_set,
        before=stack,
        content={
            "parameters": fields.texts("parameters"),
            "tags": fields.texts("tags"),
            "changes": fields.take("changes", list),
            "risks": fields.take("risks", dict),
            "allow_data_loss": fields.take("allow_data_loss", bool),
        },
        code=PlannedCode(
            key=code.matching("key", r"function/sources-[0-9a-f]{64}\.zip"),
            architecture=code.matching("architecture", r"arm64|x86_64"),
            sha256=code.matching("sha256", r"[0-9a-f]{64}"),
            is_given=code.take("given", bool),
        ),
        is_last_step=fields.take("last_step", bool),
        termination_protection=fields.take("termination_protection", bool | NoneType),
    )


def _invalid(path: Path, reason: str) -> InvalidPlanFile:
    return InvalidPlanFile(
        f"{path} is not a plan that imgctl can apply: {reason}.",
        hint=PLAN_AGAIN,
    )
