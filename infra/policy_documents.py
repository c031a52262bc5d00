"""IAM policies for people: the general documents of `infra/policies`, narrowed to one stack.

The general documents are the only list of actions, and are for any stack whose name begins with
`imgctl` and whose resources have default names. Here each of their resources becomes those of one
stack in one account and region.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from itertools import product
from string import Formatter
from typing import Any, TypeAlias

from imgctl.core.errors import ImgctlError
from infra.deployed_stack import DeployedStack
from infra.names import InvalidName, Names, deployed_names
from infra.parameters import STAGE_NAME
from infra.policy_resources import RESOURCES
from infra.setting_spec import Text
from infra.settings import NAME_SETTINGS, STACK_SETTINGS, StackSettings

Document: TypeAlias = dict[str, Any]
"""A policy, or a statement of it, as parsed JSON."""

MAX_CHARACTERS = 6144
"""IAM's limit on a managed policy, without white space (IAM User Guide, "IAM and STS quotas")."""

_GENERAL = "arn:aws:"

# What a deployed stack says that becomes part of an ARN: parameters, and outputs.
_IN_ARNS = {*(spec.parameter for spec in NAME_SETTINGS), "KmsKeyArn", "RolePath"}
_GENERATED_IDS = ("ApiId", "ApiKeyId")
_ID = Text(re.compile(r"[a-z0-9]{1,64}"), "lowercase letters and digits")

_VIA_SERVICE = "kms:ViaService"


class PolicyKind(StrEnum):
    """Whose policy it is: the name of a document in `infra/policies`."""

    BOUNDARY_GUARD = "boundary-guard"
    DEPLOYER = "deployer"
    DEPLOYER_DATA = "deployer-data"
    DESTROYER = "destroyer"
    ERASER = "eraser"
    OPERATOR = "operator"
    PLANNER = "planner"
    RELEASE_PIPELINE = "release-pipeline"
    ROLE_BOUNDARY = "role-boundary"


class PolicyTooLong(ImgctlError):
    """The policy is longer than a managed policy may be."""

    code = "policy_too_long"


@dataclass(frozen=True, slots=True)
class PolicyScope:
    """The stack that a policy is for: where it is, its names, and the features that it uses.

    There are several names and keys while the settings differ from the deployed stack: changing
    the one into the other needs permissions for both. The IDs are `*` as long as they are unknown.
    """

    stack: str
    partition: str
    region: str
    account: str
    names: tuple[Names, ...]
    kms_keys: tuple[str, ...] = ()
    role_paths: tuple[str, ...] = ("/",)
    permissions_boundary: str = ""
    service_role: str = ""
    has_alarm_email: bool = False
    has_api_key: bool = False
    api_id: str = "*"
    api_key_id: str = "*"


def scope_of(
    stack: str,
    partition: str,
    names: Names,
    settings: StackSettings,
    deployed: DeployedStack,
    *,
    region: str,
    account: str,
    service_role: str | None = None,
) -> PolicyScope:
    """Return the scope of a stack with these settings and names, and as it is deployed.

    `service_role` is the ARN of the role that CloudFormation assumes.

    Raises InvalidName if it is deployed with a name that the settings would not accept: whoever
    deployed it must not put a wildcard into somebody's policy.
    """
    before = deployed.parameters
    _check_deployed(deployed)
    keys = (settings.kms_key or "", before.get("KmsKeyArn", ""))
    deployed_as = deployed_names(before) if before else names
    return PolicyScope(
        stack=stack,
        partition=partition,
        region=region,
        account=account,
        names=tuple(dict.fromkeys((names, deployed_as))),
        kms_keys=_distinct(keys),
        role_paths=_distinct((settings.role_path or "/", before.get("RolePath") or "/")),
        permissions_boundary=settings.permissions_boundary or "",
        service_role=service_role or "",
        has_alarm_email=bool(settings.alarm_email or before.get("AlarmEmail")),
        has_api_key="key" in (settings.api_authorization, before.get("ApiAuthorization")),
        api_id=deployed.outputs.get("ApiId", "*"),
        api_key_id=deployed.outputs.get("ApiKeyId", "*"),
    )


def general_policy(kind: PolicyKind) -> Document:
    """Return the general document."""
    text = files("infra").joinpath("policies", f"{kind}.json").read_text(encoding="utf-8")
    document: Document = json.loads(text)
    return document


def narrowed_policy(kind: PolicyKind, scope: PolicyScope) -> Document:
    """Return the policy for one stack; raises PolicyTooLong if IAM would reject it."""
    general, values = general_policy(kind), _values(scope)
    statements = [_narrowed(statement, values) for statement in general["Statement"]]
    document = {**general, "Statement": [item for item in statements if item is not None]}
    length = len(json.dumps(document, separators=(",", ":")))
    if length > MAX_CHARACTERS:
        raise PolicyTooLong(
            f"With these names the policy {kind} would have {length:,} characters, and a managed"
            f" policy may have {MAX_CHARACTERS:,}.",
            hint="Choose shorter names for the function, its role, the API and the queue.",
        )
    return document


def left_out(kind: PolicyKind, policy: Document) -> tuple[str, ...]:
    """Return the names of the general document's statements that a narrowed policy lacks."""
    kept = {statement["Sid"] for statement in policy["Statement"]}
    every = (statement["Sid"] for statement in general_policy(kind)["Statement"])
    return tuple(sid for sid in every if sid not in kept)


def _check_deployed(deployed: DeployedStack) -> None:
    kinds = {spec.parameter: spec.kind for spec in STACK_SETTINGS if spec.parameter in _IN_ARNS}
    kinds["CodeBucket"] = kinds["SourceBucketName"]
    given = {name: deployed.parameters.get(name, "") for name in kinds}
    given |= {name: deployed.outputs.get(name, "") for name in _GENERATED_IDS}
    for name, value in given.items():
        try:
            if value:
                kinds.get(name, _ID).parse(value)
        except ValueError:
            raise InvalidName(
                f"The stack {deployed.name} is deployed with an invalid {name}: {value!r}.",
                hint="imgctl did not deploy it like that. Find out who did.",
            ) from None


def _narrowed(statement: Document, values: Mapping[str, tuple[str, ...]]) -> Document | None:
    """Return a statement for one stack, or None if it is about nothing that the stack has."""
    resources = _distinct(
        resource
        for general in _listed(statement["Resource"])
        for resource in _resources(general, values)
    )
    if not resources:
        return None
    narrowed = {**statement, "Resource": resources[0] if len(resources) == 1 else list(resources)}
    if "Condition" in statement:
        narrowed["Condition"] = {
            operator: {key: _condition_value(key, value, values) for key, value in keys.items()}
            for operator, keys in statement["Condition"].items()
        }
    return narrowed


def _condition_value(key: str, value: Any, values: Mapping[str, tuple[str, ...]]) -> Any:
    if isinstance(value, list):
        return [_condition_value(key, item, values) for item in value]
    if value.startswith(_GENERAL):
        return _resources(value, values)[0]
    # They end in .amazonaws.com in all partitions (AWS KMS Developer Guide, "kms:ViaService").
    return value.replace("*", values["region"][0]) if key == _VIA_SERVICE else value


def _resources(general: str, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the ARNs of one stack that a general one stands for."""
    if general == "*":
        return ("*",)
    templates = RESOURCES[general.removeprefix(_GENERAL)]
    return tuple(
        f"arn:{partition}:{resource}"
        for partition in values["partition"]
        for template in templates
        for resource in _expanded(template, values)
    )


def _expanded(template: str, values: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    """Fill in a template with each value of what is in braces."""
    fields = dict.fromkeys(field for _, field, _, _ in Formatter().parse(template) if field)
    for chosen in product(*(values[field] for field in fields)):
        yield template.format(**dict(zip(fields, chosen, strict=True)))


def _values(scope: PolicyScope) -> dict[str, tuple[str, ...]]:
    named = [*(spec.name for spec in NAME_SETTINGS), "artifacts_bucket"]
    return {
        # The bucket for access logs has no name in a stack from before there was one.
        **{name: _distinct(getattr(names, name) for names in scope.names) for name in named},
        "account": (scope.account,),
        "api_id": (scope.api_id,),
        "api_key_id": (scope.api_key_id,),
        "if_alarm_email": ("",) * scope.has_alarm_email,
        "if_api_key": ("",) * scope.has_api_key,
        "kms_key": tuple(map(_without_partition, scope.kms_keys)),
        "partition": (scope.partition,),
        "permissions_boundary": (
            _without_partition(scope.permissions_boundary)
            or f"iam::{scope.account}:policy/imgctl-role-boundary",
        ),
        "region": (scope.region,),
        "role_path": scope.role_paths,
        "service_role": _distinct((_without_partition(scope.service_role),)),
        "stack": (scope.stack,),
        "stage": (STAGE_NAME,),
    }


def _without_partition(arn: str) -> str:
    return arn.split(":", 2)[2] if arn else ""


def _distinct(items: Iterable[str]) -> tuple[str, ...]:
    """Return the items that are not empty, each once, in their order."""
    return tuple(dict.fromkeys(item for item in items if item))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
