"""One reader for each fact."""

import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from imgctl.aws import dead_letters, records
from imgctl.aws.errors import none_if_missing
from imgctl.aws.record_index import BY_TIME
from imgctl.core import current_record
from imgctl.core.record import Record, Status
from infra import trigger
from infra.doctor import facts
from infra.doctor.reading import Reader, Source
from infra.doctor.roles import read_rights, read_role
from infra.function_version import ALIAS, parse_version
from infra.ownership import api_logging_role

RECENT_IMAGES = 50
_DIRECTORY_BYTES = 256 * 1024  # the end of a zip file, with the names of its files
_PILLOW = re.compile(rb"PIL/(_imaging\.[\w.-]+\.(?:so|pyd))")
_LOG_PAGES = 3
_MISSING = "ResourceNotFoundException"


def _buckets(source: Source) -> facts.Buckets:
    names = ("SourceBucketName", "DestinationBucketName", "AccessLogsBucketName", "CodeBucket")
    return facts.Buckets(tuple(_bucket(source, source.parameter(name)) for name in names))


def _bucket(source: Source, name: str) -> facts.Bucket:
    head, denied = source.aws.s3.head_bucket, ("403", "AccessDenied")
    try:
        response = none_if_missing(head, "404", "NoSuchBucket", Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in denied:
            raise
        return facts.Bucket(name, is_denied=True)
    if response is None:
        return facts.Bucket(name, "does not exist")
    if none_if_missing(head, *denied, Bucket=name, ExpectedBucketOwner=source.account) is None:
        return facts.Bucket(name, "belongs to another account")
    return facts.Bucket(name, region=response.get("BucketRegion", ""))


def _trigger(source: Source) -> facts.Trigger:
    bucket = source.parameter("SourceBucketName")
    return facts.Trigger(trigger.read_notifications(source.aws.s3, bucket))


def _permissions(source: Source) -> facts.Permissions:
    function = source.parameter("FunctionName")
    return facts.Permissions(trigger.read_permissions(source.aws.lambda_, function))


def _alias(source: Source) -> facts.LiveAlias:
    function = source.parameter("FunctionName")
    return facts.LiveAlias(trigger.read_alias(source.aws.lambda_, function))


def _function(source: Source) -> facts.Function:
    described: Any = source.aws.lambda_.get_function_configuration(
        FunctionName=source.parameter("FunctionName")
    )
    return facts.Function(
        parse_version(described),
        state=described.get("State", "Active"),
        reason=described.get("StateReason", ""),
        handler=described["Handler"],
        scratch_mb=described.get("EphemeralStorage", {}).get("Size", 512),
    )


def _live_function(source: Source) -> facts.LiveFunction:
    described: Any = source.aws.lambda_.get_function_configuration(
        FunctionName=source.parameter("FunctionName"), Qualifier=ALIAS
    )
    scratch_mb = described.get("EphemeralStorage", {}).get("Size", 512)
    return facts.LiveFunction(
        parse_version(described),
        scratch_mb,
        state=described.get("State", "Active"),
        reason=described.get("StateReason", ""),
        has_snapshot=(described.get("SnapStart") or {}).get("OptimizationStatus") == "On",
    )


def _retries(source: Source) -> facts.Retries:
    response = none_if_missing(
        source.aws.lambda_.get_function_event_invoke_config,
        _MISSING,
        FunctionName=source.parameter("FunctionName"),
        Qualifier=ALIAS,
    )
    failures = (response or {}).get("DestinationConfig", {}).get("OnFailure", {})
    return facts.Retries(failures.get("Destination", ""))


def _function_role(source: Source) -> facts.FunctionRole:
    return facts.FunctionRole(read_role(source.aws.iam, source.parameter("FunctionRoleName")))


def _api_role(source: Source) -> facts.ApiRole:
    return facts.ApiRole(read_role(source.aws.iam, source.parameter("ApiRoleName")))


def _records(source: Source) -> facts.Records:
    response = none_if_missing(
        source.aws.dynamodb.describe_table, _MISSING, TableName=source.parameter("TableName")
    )
    if response is None:
        return facts.Records(None)
    table = response["Table"]
    indexes = table.get("GlobalSecondaryIndexes", ())
    properties = ("IndexName", "KeySchema", "Projection")
    states = {item["IndexName"]: item.get("IndexStatus", "ACTIVE") for item in indexes}
    return facts.Records(
        facts.Table(
            keys=tuple((key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]),
            indexes={
                item["IndexName"]: {name: item[name] for name in properties} for item in indexes
            },
            unready=tuple(name for name, state in states.items() if state != "ACTIVE"),
        )
    )


def _api(source: Source) -> facts.Api:
    client, api_id = source.aws.apigateway, source.stack.physical_id("Api")
    api: Any = client.get_rest_api(restApiId=api_id)
    method: Any = client.get_method(
        restApiId=api_id, resourceId=source.stack.physical_id("ApiFilename"), httpMethod="PUT"
    )
    stage: Any = client.get_stage(restApiId=api_id, stageName=source.parameter("StageName"))
    integration = method.get("methodIntegration") or {}
    names = ("type", "httpMethod", "uri", "credentials")
    return facts.Api(
        binary_types=frozenset(api.get("binaryMediaTypes", ())),
        authorization=method.get("authorizationType", "NONE"),
        integration={name: integration.get(name) or "" for name in names},
        stage_deployment=stage.get("deploymentId", ""),
    )


def _api_logging(source: Source) -> facts.ApiLogging:
    return facts.ApiLogging(api_logging_role(source.aws.apigateway) or "")


def _bundle(source: Source) -> facts.Bundle:
    s3: Any = source.aws.s3
    target = {"Bucket": source.parameter("CodeBucket"), "Key": source.parameter("CodeKey")}
    head = none_if_missing(s3.head_object, "404", "NoSuchKey", **target, ChecksumMode="ENABLED")
    if head is None:
        return facts.Bundle(exists=False, pillow=())
    response = s3.get_object(**target, Range=f"bytes=-{_DIRECTORY_BYTES}")
    found = {name.decode() for name in _PILLOW.findall(response["Body"].read())}
    return facts.Bundle(
        exists=True, pillow=tuple(sorted(found)), sha256=head.get("ChecksumSHA256", "")
    )


def _sdk(source: Source) -> facts.Sdk:
    """Return the version that the function's last cold start of a day logged."""
    pages = source.aws.logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{source.parameter('FunctionName')}",
        filterPattern='{ $.botocore = "*" }',
        startTime=int((source.now() - timedelta(days=1)).timestamp() * 1000),
    )
    found = ""
    for page in islice(pages, _LOG_PAGES):
        for event in page["events"]:
            match = re.search(r'"botocore": ?"([\d.]+)"', event.get("message", ""))
            found = match[1] if match else found
    return facts.Sdk(found)


def _concurrency(source: Source) -> facts.Concurrency:
    client = source.aws.lambda_
    reserved: Any = client.get_function_concurrency(FunctionName=source.parameter("FunctionName"))
    limits: Any = client.get_account_settings()["AccountLimit"]
    return facts.Concurrency(
        reserved.get("ReservedConcurrentExecutions"),
        limits["ConcurrentExecutions"],
        limits.get("UnreservedConcurrentExecutions", limits["ConcurrentExecutions"]),
    )


def _key(source: Source) -> facts.Key:
    arn = source.parameter("KmsKeyArn")
    if not arn:
        return facts.Key("")
    response = none_if_missing(source.aws.kms.describe_key, "NotFoundException", KeyId=arn)
    return facts.Key(response["KeyMetadata"]["KeyState"] if response else "gone")


def _dead_letters(source: Source) -> facts.DeadLetters:
    queue = source.parameter("DeadLetterQueueName")
    return facts.DeadLetters(dead_letters.count(source.aws.sqs, queue))


def _alarms(source: Source) -> facts.Alarms:
    names = {
        item.physical_id: item.logical_id
        for item in source.stack.resources
        if item.resource_type == "AWS::CloudWatch::Alarm"
    }
    response = source.aws.cloudwatch.describe_alarms(AlarmNames=list(names), MaxRecords=100)
    found = {item["AlarmName"]: item for item in response["MetricAlarms"]}
    return facts.Alarms(
        on=tuple(names[n] for n, item in found.items() if item["StateValue"] == "ALARM"),
        silent=tuple(names[n] for n, item in found.items() if not item["ActionsEnabled"]),
        missing=tuple(logical for name, logical in names.items() if name not in found),
    )


def _subscribers(source: Source) -> facts.Subscribers:
    topics = (source.stack.physical_id("AlarmTopic"), source.parameter("AlarmTopicArn"))
    used = tuple(topic for topic in topics if topic)
    confirmed = pending = 0
    for topic in used:
        pages = source.aws.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        for subscription in (item for page in pages for item in page["Subscriptions"]):
            is_confirmed = subscription["SubscriptionArn"].startswith("arn:")
            confirmed += is_confirmed
            pending += not is_confirmed
    return facts.Subscribers(used, confirmed, pending)


def _recent_images(source: Source) -> facts.RecentImages:
    listed = records.listed(
        source.aws.dynamodb, source.parameter("TableName"), BY_TIME, first_page=RECENT_IMAGES
    )
    newest = list(islice(listed, RECENT_IMAGES))
    failed = _unacknowledged(source, _failures(newest))
    return facts.RecentImages(
        count=len(newest),
        longest_ms=max((_milliseconds(record) for record in newest), default=0),
        largest_bytes=max((record.original_file_size or 0 for record in newest), default=0),
        too_large=_keys(failed, "too_large"),
        too_slow=_keys(failed, "too_slow"),
    )


def _failures(newest_first: list[Record]) -> list[Record]:
    """Return the records of keys whose newest upload has failed."""
    newest: dict[str | None, Record] = {}
    for record in newest_first:
        newest.setdefault(record.original_object_key, record)
    return [record for record in newest.values() if record.status is Status.FAILED]


def _unacknowledged(source: Source, failures: list[Record]) -> list[Record]:
    ids = [
        current_record.current_id(record.original_bucket or "", record.original_object_key or "")
        for record in failures
    ]
    items = (
        records.get_items(source.aws.dynamodb, source.parameter("TableName"), ids) if ids else ()
    )
    current = map(current_record.from_item, items)
    accepted = {one.record_id for one in current if one.is_acknowledged}
    return [record for record in failures if record.resource_id not in accepted]


def _keys(failures: list[Record], code: str) -> tuple[str, ...]:
    return tuple(
        record.original_object_key or record.resource_id
        for record in failures
        if record.failure_code == code
    )


def _milliseconds(record: Record) -> int:
    return sum(part or 0 for part in (record.fetch_ms, record.resize_ms, record.store_ms))


def _rights(source: Source) -> facts.Rights:
    return read_rights(source.aws, source.stack, source.caller.arn)


READERS: Mapping[type, Reader] = {
    facts.Rights: _rights,
    facts.Buckets: _buckets,
    facts.Trigger: _trigger,
    facts.Permissions: _permissions,
    facts.LiveAlias: _alias,
    facts.Function: _function,
    facts.LiveFunction: _live_function,
    facts.Retries: _retries,
    facts.FunctionRole: _function_role,
    facts.ApiRole: _api_role,
    facts.Records: _records,
    facts.Api: _api,
    facts.ApiLogging: _api_logging,
    facts.Bundle: _bundle,
    facts.Sdk: _sdk,
    facts.Concurrency: _concurrency,
    facts.Key: _key,
    facts.DeadLetters: _dead_letters,
    facts.Alarms: _alarms,
    facts.Subscribers: _subscribers,
    facts.RecentImages: _recent_images,
}
"""One reader for each fact; the calls of one are not repeated by another."""
