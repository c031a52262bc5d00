"""Ways to break a deployed stack by hand, each undone at the end of its block."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from imgctl.aws.session import Aws


@dataclass(frozen=True)
class Target:
    """The stack to break: its resources by logical ID, and its parameters."""

    aws: Aws
    resources: dict[str, str]
    parameters: dict[str, str]

    @classmethod
    def of(cls, aws: Aws) -> "Target":
        """Read the default stack."""
        (stack,) = aws.cloudformation.describe_stacks(StackName="imgctl")["Stacks"]
        pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(
            StackName="imgctl"
        )
        return cls(
            aws,
            {
                one["LogicalResourceId"]: one["PhysicalResourceId"]
                for page in pages
                for one in page["StackResourceSummaries"]
            },
            {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]},
        )

    @property
    def function(self) -> str:
        return self.resources["Function"]

    @property
    def bucket(self) -> str:
        return self.resources["SourceBucket"]

    @property
    def method(self) -> Any:
        """The arguments that name the API's method."""
        return {
            "restApiId": self.resources["Api"],
            "resourceId": self.resources["ApiFilename"],
            "httpMethod": "PUT",
        }


Breakage: TypeAlias = Callable[[Target], AbstractContextManager[None]]


@contextmanager
def _notified(target: Target, configuration: Any) -> Iterator[None]:
    s3, bucket = target.aws.s3, target.bucket
    before = s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    yield
    restored: Any = {k: v for k, v in before.items() if k != "ResponseMetadata"}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=restored)


def no_notification(target: Target) -> AbstractContextManager[None]:
    return _notified(target, {})


def notification_of_the_function(target: Target) -> AbstractContextManager[None]:
    arn = target.resources["FunctionAlias"].removesuffix(":live")
    target.aws.lambda_.add_permission(
        FunctionName=target.function,
        StatementId="other",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )
    created = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    return _notified(target, {"LambdaFunctionConfigurations": [created]})


@contextmanager
def no_permission(target: Target) -> Iterator[None]:
    statement = target.resources["SourceBucketMayInvokeFunction"]
    where: Any = {"FunctionName": target.function, "Qualifier": "live"}
    target.aws.lambda_.remove_permission(**where, StatementId=statement)
    yield
    target.aws.lambda_.add_permission(
        **where,
        StatementId=statement,
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{target.bucket}",
        SourceAccount=target.aws.account_id,
    )


@contextmanager
def alias_on_latest(target: Target) -> Iterator[None]:
    alias: Any = {"FunctionName": target.function, "Name": "live"}
    version = target.aws.lambda_.get_alias(**alias)["FunctionVersion"]
    target.aws.lambda_.update_alias(**alias, FunctionVersion="$LATEST")
    yield
    target.aws.lambda_.update_alias(**alias, FunctionVersion=version)


@contextmanager
def _configured(target: Target, **changes: Any) -> Iterator[None]:
    client: Any = target.aws.lambda_
    before = client.get_function_configuration(FunctionName=target.function)
    client.update_function_configuration(FunctionName=target.function, **changes)
    yield
    restored = {name: before[name] for name in changes}
    client.update_function_configuration(FunctionName=target.function, **restored)


def variable_changed(target: Target) -> AbstractContextManager[None]:
    client: Any = target.aws.lambda_
    before = client.get_function_configuration(FunctionName=target.function)
    variables = before["Environment"]["Variables"] | {"DESTINATION_BUCKET": "another"}
    return _configured(target, Environment={"Variables": variables})


def timeout_of_three_seconds(target: Target) -> AbstractContextManager[None]:
    return _configured(target, Timeout=3)


@contextmanager
def _policy(target: Target, role: str, policy: str, kept: Callable[[Any], bool]) -> Iterator[None]:
    iam = target.aws.iam
    names: Any = {"RoleName": target.resources[role], "PolicyName": policy}
    document: Any = iam.get_role_policy(**names)["PolicyDocument"]
    none = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    kept_statements = [statement for statement in document["Statement"] if kept(statement)]
    stripped = document | {"Statement": kept_statements or [none]}
    iam.put_role_policy(**names, PolicyDocument=json.dumps(stripped))
    yield
    iam.put_role_policy(**names, PolicyDocument=json.dumps(document))


def role_without_records(target: Target) -> AbstractContextManager[None]:
    return _policy(
        target, "FunctionRole", "lambda-image-policy", lambda s: s["Sid"] != "WriteRecords"
    )


def api_role_without_rights(target: Target) -> AbstractContextManager[None]:
    return _policy(target, "ApiRole", "write-originals", lambda _: False)


@contextmanager
def role_for_another_service(target: Target) -> Iterator[None]:
    iam, role = target.aws.iam, target.resources["FunctionRole"]
    before: Any = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    changed = json.dumps(before).replace("lambda.amazonaws.com", "ec2.amazonaws.com")
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=changed)
    yield
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(before))


@contextmanager
def no_index(target: Target) -> Iterator[None]:
    dynamodb, table = target.aws.dynamodb, target.resources["Records"]
    described: Any = dynamodb.describe_table(TableName=table)["Table"]
    index: Any
    (index,) = (i for i in described["GlobalSecondaryIndexes"] if i["IndexName"] == "by-status")
    dynamodb.update_table(
        TableName=table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-status"}}]
    )
    yield
    created: Any = {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
    dynamodb.update_table(
        TableName=table,
        AttributeDefinitions=described["AttributeDefinitions"],
        GlobalSecondaryIndexUpdates=[{"Create": created}],
    )


@contextmanager
def text_api(target: Target) -> Iterator[None]:
    client, api = target.aws.apigateway, target.resources["Api"]
    path = "/binaryMediaTypes/*~1*"
    client.update_rest_api(restApiId=api, patchOperations=[{"op": "remove", "path": path}])
    yield
    client.update_rest_api(restApiId=api, patchOperations=[{"op": "add", "path": path}])


@contextmanager
def integration_elsewhere(target: Target) -> Iterator[None]:
    client = target.aws.apigateway
    before = client.get_integration(**target.method)["uri"]
    for uri in (before.replace("{key}", "copy-of-{key}"), before):
        operation: Any = {"op": "replace", "path": "/uri", "value": uri}
        client.update_integration(**target.method, patchOperations=[operation])
        if uri != before:
            yield


@contextmanager
def open_api(target: Target) -> Iterator[None]:
    client = target.aws.apigateway
    for kind in ("NONE", "AWS_IAM"):
        operation: Any = {"op": "replace", "path": "/authorizationType", "value": kind}
        client.update_method(**target.method, patchOperations=[operation])
        if kind == "NONE":
            yield


@contextmanager
def another_deployment(target: Target) -> Iterator[None]:
    client, api = target.aws.apigateway, target.resources["Api"]
    stage: Any = {"restApiId": api, "stageName": "hala"}
    before = client.get_stage(**stage)["deploymentId"]
    made = client.create_deployment(restApiId=api)["id"]
    for deployment in (made, before):
        operation: Any = {"op": "replace", "path": "/deploymentId", "value": deployment}
        client.update_stage(**stage, patchOperations=[operation])
        if deployment == made:
            yield
    client.delete_deployment(restApiId=api, deploymentId=made)


@contextmanager
def no_logging_role(target: Target) -> Iterator[None]:
    client = target.aws.apigateway
    before = client.get_account()["cloudwatchRoleArn"]
    for role in ("", before):
        operation: Any = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role}
        client.update_account(patchOperations=[operation])
        if not role:
            yield


@contextmanager
def dead_letter(target: Target) -> Iterator[None]:
    queue = target.resources["DeadLetters"]
    target.aws.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    yield
    target.aws.sqs.purge_queue(QueueUrl=queue)


@contextmanager
def failures_nowhere(target: Target) -> Iterator[None]:
    alias: Any = {"FunctionName": target.function, "Qualifier": "live"}
    client = target.aws.lambda_
    before: Any = client.get_function_event_invoke_config(**alias)
    client.put_function_event_invoke_config(**alias, MaximumRetryAttempts=2)
    yield
    client.put_function_event_invoke_config(
        **alias,
        **{
            name: before[name]
            for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
        },
    )


@contextmanager
def switched_off(target: Target) -> Iterator[None]:
    client, name = target.aws.lambda_, target.function
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield
    client.delete_function_concurrency(FunctionName=name)


@contextmanager
def alarm_on(target: Target) -> Iterator[None]:
    name = target.resources["ThrottlesAlarm"]
    for state in ("ALARM", "OK"):
        target.aws.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
        if state == "ALARM":
            yield


@contextmanager
def alarm_silenced(target: Target) -> Iterator[None]:
    names = [target.resources["ErrorsAlarm"]]
    target.aws.cloudwatch.disable_alarm_actions(AlarmNames=names)
    yield
    target.aws.cloudwatch.enable_alarm_actions(AlarmNames=names)


@contextmanager
def bundle_without_pillow(target: Target) -> Iterator[None]:
    bundle: Any = {"Bucket": target.parameters["CodeBucket"], "Key": target.parameters["CodeKey"]}
    before = target.aws.s3.get_object(**bundle)["Body"].read()
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("imgctl/__init__.py", "")
    target.aws.s3.put_object(**bundle, Body=empty.getvalue())
    yield
    target.aws.s3.put_object(**bundle, Body=before)


@contextmanager
def old_sdk(target: Target) -> Iterator[None]:
    logs = target.aws.logs
    stream: Any = {"logGroupName": f"/aws/lambda/{target.function}", "logStreamName": "old"}
    line = json.dumps({"coldStart": True, "botocore": "1.34.1"})
    logs.create_log_stream(**stream)
    logs.put_log_events(
        **stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": line}]
    )
    yield
    logs.delete_log_stream(**stream)
