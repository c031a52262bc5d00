"""The fakes of the explorer respond like moto, to random sequences of what it requests."""

import hashlib
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.worker.cloud import DESTINATION, SOURCE, TABLE, Cloud
from tests.worker.explorer.fake_aws import FakeAws

BODIES = (b"one", b"two", b"")
IDS = ("r1", "r2", "current#k")


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def s3_call(random_: random.Random, versions: list[str]) -> tuple[str, dict[str, Any]]:
    where = {"Bucket": random_.choice([SOURCE, DESTINATION]), "Key": random_.choice("ab")}
    version = {"VersionId": random_.choice(versions)} if versions and random_.random() < 0.4 else {}
    match random_.randrange(6):
        case 0 | 1:
            condition = random_.choice(
                [{}, {"IfNoneMatch": "*"}, {"IfMatch": etag(random_.choice(BODIES))}]
            )
            metadata = {"record_id": random_.choice(IDS)}
            body = {
                "Body": random_.choice(BODIES),
                "Metadata": metadata,
                "ContentType": "image/png",
            }
            return "put_object", {**where, **body, **condition}
        case 2:
            return "head_object", {**where, **version}
        case 3:
            return "delete_object", {**where, **version}
        case _:
            condition = version or random_.choice([{}, {"IfMatch": etag(random_.choice(BODIES))}])
            return "get_object", {**where, **condition}


def write(random_: random.Random) -> dict[str, Any]:
    """Return a put or an update with one of the conditions that the function uses."""
    names, values = {"#m": "Mark"}, {":m": {"S": random_.choice("xy")}}
    condition: dict[str, Any] = random_.choice(
        [
            {},
            {
                "ConditionExpression": "attribute_not_exists(#m)",
                "ExpressionAttributeNames": names,
            },
            {"ConditionExpression": "attribute_exists(#m)", "ExpressionAttributeNames": names},
            *(
                {
                    "ConditionExpression": expression,
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": values,
                }
                for expression in (
                    "#m = :m",
                    "#m <> :m",
                    "#m = :m AND attribute_not_exists(LastOutput)",
                    "(attribute_not_exists(#m) OR #m <> :m) AND LastOutput = :m",
                )
            ),
        ]
    )
    item = {"Mark": {"S": random_.choice("xy")}, "Size": {"N": "1"}}
    if random_.random() < 0.4:
        item["LastOutput"] = {"S": random_.choice("xy")}
    resource_id = {"resource-id": {"S": random_.choice(IDS)}}
    if random_.random() < 0.5:
        return {"Put": {"TableName": TABLE, "Item": {**resource_id, **item}, **condition}}
    update = {
        "TableName": TABLE,
        "Key": resource_id,
        "UpdateExpression": "SET #s = :s, SupersededBy = :b",
        **condition,
    }
    update["ExpressionAttributeNames"] = {
        **condition.get("ExpressionAttributeNames", {}),
        "#s": "Mark",
    }
    update["ExpressionAttributeValues"] = {
        **condition.get("ExpressionAttributeValues", {}),
        ":s": {"S": random_.choice("xy")},
        ":b": {"S": "b"},
    }
    return {"Update": update}


def dynamodb_call(random_: random.Random) -> tuple[str, dict[str, Any]]:
    match random_.randrange(4):
        case 0:
            key = {"resource-id": {"S": random_.choice(IDS)}}
            return "get_item", {"TableName": TABLE, "Key": key, "ConsistentRead": True}
        case 1:
            ((kind, request),) = write(random_).items()
            return {"Put": "put_item", "Update": "update_item"}[kind], request
        case _:
            by_id: dict[str, Any] = {}
            for one in (write(random_) for _ in range(3)):
                ((kind, request),) = one.items()
                by_id[request["Item" if kind == "Put" else "Key"]["resource-id"]["S"]] = one
            return "transact_write_items", {"TransactItems": list(by_id.values())}


def response_of(client: Any, name: str, arguments: Any, names: dict[str, str]) -> Any:
    """Return what the function reads of a response, with version IDs numbered as they appear."""
    try:
        response = getattr(client, name)(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return code, [reason["Code"] for reason in error.response.get("CancellationReasons", [])]
    read = {
        name: response[name]
        for name in ("ETag", "Metadata", "ContentLength", "Item")
        if name in response
    }
    if "Body" in response:
        body = response["Body"]
        read["Body"] = body if isinstance(body, bytes) else body.read()
    version = response.get("VersionId", "null")  # moto leaves out what S3 calls null
    if version != "null" and "ETag" in response:
        read["VersionId"] = names.setdefault(version, f"{len(names)}")
    return read


@pytest.mark.parametrize("seed", range(12))
def test_random_requests_are_answered_as_by_moto(cloud: Cloud, seed: int) -> None:
    random_ = random.Random(seed)
    fake = FakeAws()
    cloud.s3.delete_bucket(Bucket=SOURCE)
    cloud.s3.create_bucket(Bucket=SOURCE)  # without versions, until they are enabled
    real_names: dict[str, str] = {}
    fake_names: dict[str, str] = {}
    real_by_number: dict[str, str] = {}
    for step in range(150):
        if step == (0, 30, 1000)[seed % 3]:
            enabled: Any = {"Status": "Enabled"}
            for target in (cloud.s3, fake):
                target.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration=enabled)
        known = [*real_by_number, "null"] if SOURCE in fake.state.versioned else []
        name, arguments = (
            s3_call(random_, known) if random_.random() < 0.6 else dynamodb_call(random_)
        )
        number = arguments.get("VersionId")
        if number is not None and arguments["Bucket"] != SOURCE:
            continue
        real, faked = dict(arguments), dict(arguments)
        if number in real_by_number:
            real["VersionId"] = real_by_number[number]
            faked["VersionId"] = next(k for k, v in fake_names.items() if v == number)
        client: Any = cloud.s3 if "Bucket" in arguments else cloud.dynamodb
        expected = response_of(client, name, real, real_names)
        assert response_of(fake, name, faked, fake_names) == expected, (step, arguments)
        real_by_number = {number: version for version, number in real_names.items()}
