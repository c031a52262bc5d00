"""How an upload reaches the function, read from the services themselves, and what it should be.

It is read directly because everything depends on it: CloudFormation takes a minute to look for
drift, and cannot read all of it everywhere.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imgctl.aws.errors import none_if_missing
from infra.deployed_stack import DeployedStack, StackResource
from infra.drift import PropertyDrift, ResourceDrift
from infra.function_version import ALIAS, Version

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

OBJECT_CREATED = "s3:ObjectCreated:*"
_S3 = "s3.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Notification:
    """One configuration of a bucket's notifications; `filter` is empty if it is for every key."""

    target: str
    events: tuple[str, ...]
    filter: str = ""

    @property
    def text(self) -> str:
        """How a person reads it."""
        return f"{', '.join(self.events)} to {self.target}{self.filter and f' for {self.filter}'}"


@dataclass(frozen=True, slots=True)
class InvokePermission:
    """One statement that lets S3 invoke the alias; empty if it has no such condition."""

    source_arn: str
    source_account: str


@dataclass(frozen=True, slots=True)
class Alias:
    """Which version an alias points at, and the parts of the invocations that others take."""

    version: str
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def weights_text(self) -> str | None:
        """The weights as text, such as `7: 10%`; None if no other version takes a part."""
        parts = (f"{version}: {weight:.0%}" for version, weight in sorted(self.weights.items()))
        return ", ".join(parts) or None


@dataclass(frozen=True, slots=True)
class ExpectedTrigger:
    """The trigger as it was deployed."""

    source_bucket: str
    account: str
    alias_arn: str
    alias: Alias
    environment: Mapping[str, str]
    names: Mapping[str, str]
    """The physical IDs of the resources, by logical ID."""


def expected_trigger(
    deployed: DeployedStack, resources: Iterable[StackResource]
) -> ExpectedTrigger:
    """Return the trigger that the deployed parameters describe."""
    names = {resource.logical_id: resource.physical_id for resource in resources}
    versions = [arn for name, arn in names.items() if name.startswith("CodeVersion")]
    newest = versions[0].rpartition(":")[2] if versions else ""
    alias = names.get("FunctionAlias", "")
    return ExpectedTrigger(
        source_bucket=deployed.parameters["SourceBucketName"],
        account=alias.split(":")[4] if alias else "",
        alias_arn=alias,
        alias=Alias(
            deployed.parameters.get("LiveVersion") or newest,
            {newest: float(deployed.canary_weight)} if deployed.canary_weight else {},
        ),
        environment=expected_environment(deployed.parameters),
        names=names,
    )


_ENVIRONMENT = {
    "SOURCE_BUCKET": "SourceBucketName",
    "DESTINATION_BUCKET": "DestinationBucketName",
    "TABLE_NAME": "TableName",
    "SCALE": "Scale",
    "OUTPUT_PREFIX": "OutputPrefix",
    "QUALITY": "Quality",
    "RENDITIONS": "Renditions",
    "CACHE_CONTROL": "CacheControl",
}


def expected_environment(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the function's variables as the template sets them from its parameters."""
    values = {name: parameters.get(parameter, "") for name, parameter in _ENVIRONMENT.items()}
    return {name: value for name, value in values.items() if value}


def read_notifications(s3: "S3Client", bucket: str) -> tuple[Notification, ...]:
    """Return all of the bucket's notifications, to whatever target."""
    response: Any = s3.get_bucket_notification_configuration(Bucket=bucket)
    kinds = {
        "LambdaFunctionConfigurations": "LambdaFunctionArn",
        "QueueConfigurations": "QueueArn",
        "TopicConfigurations": "TopicArn",
    }
    return tuple(
        Notification(item[arn], tuple(item["Events"]), _filter_text(item))
        for kind, arn in kinds.items()
        for item in response.get(kind, ())
    )


def read_permissions(lambda_: "LambdaClient", function: str) -> tuple[InvokePermission, ...]:
    """Return the statements that let S3 invoke the alias."""
    response = none_if_missing(
        lambda_.get_policy, "ResourceNotFoundException", FunctionName=function, Qualifier=ALIAS
    )
    if response is None:
        return ()
    statements = json.loads(response["Policy"])["Statement"]
    return tuple(_permission(item) for item in statements if _lets_s3_invoke(item))


def read_alias(lambda_: "LambdaClient", function: str) -> Alias | None:
    """Return the alias that the trigger invokes; None if there is none."""
    response: Any = none_if_missing(
        lambda_.get_alias, "ResourceNotFoundException", FunctionName=function, Name=ALIAS
    )
    if response is None:
        return None
    weights = (response.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Alias(response["FunctionVersion"], {v: w for v, w in weights.items() if w})


def notification_drift(
    expected: ExpectedTrigger, notifications: Iterable[Notification]
) -> ResourceDrift | None:
    """Return how the bucket's notifications differ from the only one that was deployed."""
    wanted = Notification(expected.alias_arn, (OBJECT_CREATED,))
    present = tuple(notifications)
    if present == (wanted,):
        return None
    actual = "; ".join(item.text for item in present) or None
    return _drift(
        expected,
        "SourceBucket",
        "AWS::S3::Bucket",
        PropertyDrift("NotificationConfiguration", wanted.text, actual),
    )


def permission_drift(
    expected: ExpectedTrigger, permissions: Iterable[InvokePermission]
) -> ResourceDrift | None:
    """Return a drift if no statement lets the source bucket, in this account, invoke the alias."""
    arn_end = f":{expected.source_bucket}"
    if any(
        (not item.source_arn or item.source_arn.endswith(arn_end))
        and item.source_account in ("", expected.account)
        for item in permissions
    ):
        return None
    name = "SourceBucketMayInvokeFunction"
    return ResourceDrift(
        name, expected.names.get(name, ""), "AWS::Lambda::Permission", is_deleted=True
    )


def alias_drift(expected: ExpectedTrigger, alias: Alias | None) -> ResourceDrift | None:
    """Return how the alias differs from the one that was deployed."""
    if alias is None:
        return ResourceDrift(
            "FunctionAlias", expected.alias_arn, "AWS::Lambda::Alias", is_deleted=True
        )
    found = []
    deployed = expected.alias
    if alias.version != deployed.version:
        found.append(PropertyDrift("FunctionVersion", deployed.version, alias.version))
    if alias.weights != deployed.weights:
        found.append(PropertyDrift("RoutingConfig", deployed.weights_text, alias.weights_text))
    return _drift(expected, "FunctionAlias", "AWS::Lambda::Alias", *found)


def environment_drift(expected: ExpectedTrigger, function: Version) -> ResourceDrift | None:
    """Return how the function's variables differ from those that were deployed."""
    present = function.environment
    found = [
        PropertyDrift(
            f"Environment/Variables/{name}", expected.environment.get(name), present.get(name)
        )
        for name in sorted({*expected.environment, *present})
        if expected.environment.get(name) != present.get(name)
    ]
    return _drift(expected, "Function", "AWS::Lambda::Function", *found)


def _drift(
    expected: ExpectedTrigger, logical_id: str, type_: str, *properties: PropertyDrift
) -> ResourceDrift | None:
    if not properties:
        return None
    name = expected.names.get(logical_id, "")
    return ResourceDrift(logical_id, name, type_, properties=properties)


def _filter_text(item: Mapping[str, Any]) -> str:
    rules = item.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return ", ".join(f"{rule['Name'].lower()} {rule['Value']}" for rule in rules)


def _lets_s3_invoke(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    actions = statement.get("Action", ())
    actions = [actions] if isinstance(actions, str) else actions
    return (
        statement.get("Effect") == "Allow"
        and service in (_S3, "*")
        and any(action in ("lambda:InvokeFunction", "lambda:*") for action in actions)
    )


def _permission(statement: Mapping[str, Any]) -> InvokePermission:
    values = {
        key.lower(): value
        for operator in statement.get("Condition", {}).values()
        for key, value in operator.items()
    }
    return InvokePermission(
        str(values.get("aws:sourcearn", "")), str(values.get("aws:sourceaccount", ""))
    )
