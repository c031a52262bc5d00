"""Drift in the emulator's CloudFormation, where it finds less than AWS.

The emulator compares no triggers, aliases, permissions, role policies, indexes or API methods, and
ignores the deployment mode of a change set. It is a library here, as in `emulator_patches`.
"""

import copy
import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

from ministack.services import apigateway_v1, cloudformation, dynamodb, iam, lambda_svc, s3
from ministack.services.cloudformation import changesets, drift, handlers

Properties: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[str, Properties], Properties | None]
"""Reads a resource, by its physical ID and its properties in the template; None if it is gone."""

_reverting: ContextVar[str] = ContextVar("reverting", default="")
_MARK = "_reverts_drift"


def patch_drift() -> None:
    """Compare more resources, and let a change set of the mode REVERT_DRIFT revert what differs.

    Like AWS, such a change set compares the template with the present properties of a resource,
    where others compare it with those of the last deployment.
    """
    for type_, (read, properties) in _READERS.items():
        known, compared = drift._DRIFT_READERS.get(type_, (None, frozenset()))
        merged = read if known is None else _merged(known, read)
        drift._DRIFT_READERS[type_] = (merged, compared | properties)
    _patch_creation()
    _patch_differences()
    _patch_execution()


def _patch_creation() -> None:
    create = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create_in_mode(parameters: Any) -> Any:
        if changesets._p(parameters, "DeploymentMode") != "REVERT_DRIFT":
            return create(parameters)
        name = changesets._p(parameters, "StackName")
        token = _reverting.set(name)
        try:
            response = create(parameters)
        finally:
            _reverting.reset(token)
        _, made = changesets._find_change_set(changesets._p(parameters, "ChangeSetName"), name)
        if made is not None:
            made[_MARK] = True
        return response

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create_in_mode


def _patch_differences() -> None:
    compare = changesets._diff_resources

    def compare_with_present(*arguments: Any) -> Any:
        changes = compare(*arguments)
        stack = cloudformation._stacks.get(_reverting.get())
        if stack is None:
            return changes
        changed = {change["ResourceChange"]["LogicalResourceId"] for change in changes}
        drifted = _drifted(stack)
        return changes + [
            _change(stack["_resources"][name], name, found)
            for name, found in drifted.items()
            if name not in changed
        ]

    changesets._diff_resources = compare_with_present


def _patch_execution() -> None:
    execute = handlers._ACTION_HANDLERS["ExecuteChangeSet"]

    def execute_from_present(parameters: Any) -> Any:
        _, change_set = changesets._find_change_set(
            changesets._p(parameters, "ChangeSetName"), changesets._p(parameters, "StackName")
        )
        if change_set is not None and change_set.get(_MARK):
            stack = cloudformation._stacks[change_set["StackName"]]
            for name, found in _drifted(stack).items():
                if found["StackResourceDriftStatus"] == "DELETED":
                    del stack["_resources"][name]  # is created again
                else:
                    present = json.loads(found["ActualProperties"])
                    compared = json.loads(found["ExpectedProperties"])
                    properties = stack["_resources"][name]["Properties"]
                    for item in compared:
                        properties.pop(item, None)
                    properties.update(present)
        return execute(parameters)

    handlers._ACTION_HANDLERS["ExecuteChangeSet"] = execute_from_present


def _drifted(stack: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: drift.detect_resource_drift(stack, name, resource, "")
        for name, resource in stack["_resources"].items()
        if drift.supports_drift(resource.get("ResourceType", ""))
    }
    return {
        name: one
        for name, one in found.items()
        if one["StackResourceDriftStatus"] in ("MODIFIED", "DELETED")
    }


def _change(resource: Mapping[str, Any], name: str, found: Mapping[str, Any]) -> Any:
    is_deleted = found["StackResourceDriftStatus"] == "DELETED"
    names = {item["PropertyPath"].split("/")[1] for item in found.get("PropertyDifferences", ())}
    details = [
        {
            "Target": {"Attribute": "Properties", "Name": item, "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for item in sorted(names)
    ]
    change = {
        "Action": "Add" if is_deleted else "Modify",
        "LogicalResourceId": name,
        "ResourceType": resource["ResourceType"],
        "Scope": [] if is_deleted else ["Properties"],
        "Details": details,
    }
    if not is_deleted:
        change |= {"PhysicalResourceId": resource["PhysicalResourceId"], "Replacement": "False"}
    return {"ResourceChange": change}


def _merged(known: Read, added: Read) -> Read:
    def read(physical_id: str, properties: Properties) -> Properties | None:
        first = known(physical_id, properties)
        second = None if first is None else added(physical_id, properties)
        return None if first is None or second is None else first | second

    return read


def _bucket(name: str, _: Properties) -> Properties:
    stored = s3._bucket_notifications.get(name)
    root = ET.fromstring(stored) if stored else None  # noqa: S314 - written by the emulator
    found = [
        {"Event": event.text, "Function": configuration.findtext("{*}CloudFunction")}
        for configuration in (root if root is not None else ())
        for event in configuration.findall("{*}Event")
    ]
    return {"NotificationConfiguration": {"LambdaConfigurations": found}} if found else {}


def _alias(arn: str, _: Properties) -> Properties | None:
    function, alias = arn.split(":")[-2:]
    known = lambda_svc._functions.get(function, {}).get("aliases", {})
    return {"FunctionVersion": known[alias]["FunctionVersion"]} if alias in known else None


def _permission(statement_id: str, properties: Properties) -> Properties | None:
    # Read by the function's name; a qualifier is part of the ARN.
    function = lambda_svc._functions.get(properties["FunctionName"].split(":")[6], {})
    statements = function.get("policy", {}).get("Statement", ())
    return {} if any(one.get("Sid") == statement_id for one in statements) else None


def _role(name: str, properties: Properties) -> Properties:
    present = iam._roles[name]["InlinePolicies"]
    names = [policy["PolicyName"] for policy in properties.get("Policies", ())]
    return {
        "Policies": [
            {"PolicyName": policy, "PolicyDocument": drift._json_or(present[policy])}
            for policy in names
            if policy in present
        ]
    }


def _table(name: str, properties: Properties) -> Properties:
    declared = properties.get("GlobalSecondaryIndexes", [])
    present = {
        index["IndexName"]: index for index in dynamodb._tables[name]["GlobalSecondaryIndexes"]
    }
    return {
        "GlobalSecondaryIndexes": [
            {item: present[index["IndexName"]].get(item) for item in index}
            for index in declared
            if index["IndexName"] in present
        ]
    }


def _api(api_id: str, _: Properties) -> Properties | None:
    api = apigateway_v1._rest_apis.get(api_id)
    return None if api is None else {"BinaryMediaTypes": api.get("binaryMediaTypes") or []}


_INTEGRATION = {"Type": "type", "Uri": "uri", "Credentials": "credentials"}


def _method(_: str, properties: Properties) -> Properties | None:
    resources = apigateway_v1._resources.get(properties["RestApiId"], {})
    methods = resources.get(properties["ResourceId"], {}).get("resourceMethods", {})
    method = methods.get(properties["HttpMethod"])
    if method is None:
        return None
    present = method.get("methodIntegration") or {}
    integration = copy.deepcopy(properties["Integration"])
    for name, stored in _INTEGRATION.items():
        if name in integration:
            integration[name] = present.get(stored)
    return {"AuthorizationType": method.get("authorizationType"), "Integration": integration}


_READERS: Mapping[str, tuple[Read, frozenset[str]]] = {
    "AWS::S3::Bucket": (_bucket, frozenset({"NotificationConfiguration"})),
    "AWS::Lambda::Alias": (_alias, frozenset({"FunctionVersion"})),
    "AWS::Lambda::Permission": (_permission, frozenset()),
    "AWS::IAM::Role": (_role, frozenset({"Policies"})),
    "AWS::DynamoDB::Table": (_table, frozenset({"GlobalSecondaryIndexes"})),
    "AWS::ApiGateway::RestApi": (_api, frozenset({"BinaryMediaTypes"})),
    "AWS::ApiGateway::Method": (_method, frozenset({"AuthorizationType", "Integration"})),
}
