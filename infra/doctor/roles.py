"""What roles and callers may do: read, and decided by IAM's rules on patterns."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from infra.doctor.facts import Rights, Role, Stack, Statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_GONE = "NoSuchEntity"

# What daily work and deployments begin with; infra/policies has all of it.
_OPERATOR = (
    "s3:PutObject",
    "s3:GetObject",
    "dynamodb:Query",
    "dynamodb:BatchGetItem",
    "lambda:InvokeFunction",
    "sqs:ReceiveMessage",
    "logs:FilterLogEvents",
)
_DEPLOYER = (
    "cloudformation:CreateChangeSet",
    "cloudformation:ExecuteChangeSet",
    "iam:PutRolePolicy",
    "lambda:UpdateFunctionCode",
    "s3:PutBucketNotification",
)


def read_role(iam: "IAMClient", name: str) -> Role | None:
    """Return a role with its inline policies; None if there is none of that name."""
    described = none_if_missing(iam.get_role, _GONE, RoleName=name)
    if described is None:
        return None
    trust = described["Role"]["AssumeRolePolicyDocument"]
    statements: list[Statement] = []
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document: Any = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        statements += _statements(document)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return Role(
        name,
        trusted=tuple(_trusted(trust)),
        statements=tuple(statements),
        attached=tuple(item["PolicyName"] for item in attached),
    )


def read_rights(aws: Aws, stack: Stack, arn: str) -> Rights:
    """Return what the caller with this ARN lacks, as IAM simulates it. The root user can do all."""
    if arn.endswith(":root"):
        return Rights((), ())
    principal, resources = _principal(arn), _resources(stack, aws.region)
    return Rights(
        _missing(aws.iam, principal, _OPERATOR, resources),
        _missing(aws.iam, principal, _DEPLOYER, resources),
    )


def role_arn(stack: Stack, parameter: str) -> str:
    """Return the ARN of the stack's role whose name is in a parameter of the template."""
    # A stack from before there was a path has no parameter for it.
    path = stack.parameters.get("RolePath") or "/"
    name = stack.parameters[parameter]
    return f"arn:{stack.partition}:iam::{stack.trigger.account}:role{path}{name}"


def allows(role: Role, action: str, resource: str) -> bool:
    """Return whether the role's inline policies allow the action on a resource."""
    matching = [
        statement
        for statement in role.statements
        if _matches(action.lower(), (pattern.lower() for pattern in statement.actions))
        and _matches(resource, statement.resources)
    ]
    return bool(matching) and all(statement.allows for statement in matching)


def _missing(
    iam: "IAMClient", principal: str, actions: tuple[str, ...], resources: list[str]
) -> tuple[str, ...]:
    allowed = set()
    for resource in resources:
        response = iam.simulate_principal_policy(
            PolicySourceArn=principal, ActionNames=list(actions), ResourceArns=[resource]
        )
        allowed |= {
            result["EvalActionName"]
            for result in response["EvaluationResults"]
            if result["EvalDecision"] == "allowed"
        }
        if len(allowed) == len(actions):
            break
    return tuple(action for action in actions if action not in allowed)


def _resources(stack: Stack, region: str) -> list[str]:
    parameters, partition = stack.parameters, stack.partition
    end = f"{region}:{stack.trigger.account}"
    table = f"arn:{partition}:dynamodb:{end}:table/{parameters['TableName']}"
    function = parameters["FunctionName"]
    return [
        f"arn:{partition}:s3:::{parameters['SourceBucketName']}/x",
        f"arn:{partition}:s3:::{parameters['DestinationBucketName']}/x",
        f"arn:{partition}:s3:::{parameters['SourceBucketName']}",
        table,
        f"{table}/index/by-time",
        stack.trigger.alias_arn,
        f"arn:{partition}:lambda:{end}:function:{function}",
        f"arn:{partition}:sqs:{end}:{parameters['DeadLetterQueueName']}",
        f"arn:{partition}:logs:{end}:log-group:/aws/lambda/{function}:*",
        role_arn(stack, "FunctionRoleName"),
        stack.deployed.stack_id,
    ]


def _principal(arn: str) -> str:
    """Return the ARN that IAM simulates: of a session, that of its role."""
    parts = arn.split(":")
    kind, _, names = parts[5].partition("/")
    if kind != "assumed-role":
        return arn
    return ":".join([*parts[:2], "iam", "", parts[4], f"role/{names.split('/')[0]}"])


def _statements(document: Mapping[str, Any]) -> list[Statement]:
    return [
        Statement(
            item["Effect"] == "Allow",
            tuple(_listed(item.get("Action", ()))),
            tuple(_listed(item.get("Resource", ()))),
        )
        for item in _listed(document.get("Statement", ()))
        if "Condition" not in item
    ]


def _trusted(document: Mapping[str, Any]) -> Iterable[str]:
    for item in _listed(document.get("Statement", ())):
        if item["Effect"] == "Allow":
            principal = item.get("Principal", {})
            yield from _listed(principal.get("Service", ()) if isinstance(principal, dict) else ())


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | dict) else list(value)


def _matches(value: str, patterns: Iterable[str]) -> bool:
    # IAM knows * and ?, and no sets of characters.
    return any(fnmatchcase(value, pattern.replace("[", "[[]")) for pattern in patterns)
