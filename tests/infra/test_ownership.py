from typing import Any

import pytest
from botocore.stub import Stubber

from imgctl.aws.session import Aws, connect
from infra.names import stack_names
from infra.ownership import (
    ELSEWHERE,
    MISSING,
    UNTAGGED,
    NameTaken,
    Owner,
    Ownership,
    api_logging_role,
    bucket_owner,
    customer_keys,
    find_kept,
    is_proven,
)

ACCOUNT = "123456789012"
NAMES = stack_names("imgctl", ACCOUNT, "eu-west-2")
OURS = [{"Key": "imgctl:stack", "Value": "imgctl"}]


def kept(aws: Aws) -> tuple[str, ...]:
    return find_kept(aws, NAMES, "imgctl").kept


def make_bucket(aws: Aws, name: str, tags: list[dict[str, str]]) -> None:
    aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    if tags:
        aws.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})  # type: ignore[typeddict-item]


def make_table(aws: Aws, name: str, tags: list[dict[str, str]], *, encrypted: Any = None) -> None:
    aws.dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "resource-id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": False} if encrypted is None else encrypted,
        Tags=tags,  # type: ignore[arg-type]
    )


def test_nothing_is_kept_where_nothing_is(aws: Aws) -> None:
    assert kept(aws) == ()


def test_what_the_stack_left_is_found(aws: Aws) -> None:
    make_bucket(aws, NAMES.source_bucket, OURS)
    make_table(aws, NAMES.table, OURS)
    assert kept(aws) == (NAMES.source_bucket, NAMES.table)


@pytest.mark.parametrize(
    ("tags", "whose"),
    [
        ([], "not created by imgctl"),
        ([{"Key": "imgctl:stack", "Value": "staging"}], "the stack staging"),
    ],
)
def test_a_bucket_that_is_not_ours_is_never_taken(
    aws: Aws, tags: list[dict[str, str]], whose: str
) -> None:
    make_bucket(aws, NAMES.destination_bucket, tags)
    with pytest.raises(NameTaken, match=f"(?=.*{NAMES.destination_bucket}).*{whose}"):
        kept(aws)


def test_a_table_that_is_not_ours_is_never_taken(aws: Aws) -> None:
    make_table(aws, NAMES.table, [])
    with pytest.raises(NameTaken, match="hala-db"):
        kept(aws)


@pytest.mark.parametrize("role", [None, "arn:aws:iam::123456789012:role/somebody-elses"])
def test_an_account_without_a_logging_role_is_told_from_one_that_has_one(
    aws: Aws, role: str | None
) -> None:
    with Stubber(aws.apigateway) as stub:
        stub.add_response("get_account", {"cloudwatchRoleArn": role} if role else {})
        assert api_logging_role(aws.apigateway) == role


def test_a_bucket_of_the_same_stack_name_in_another_region_is_not_this_stacks(aws: Aws) -> None:
    make_bucket(aws, NAMES.source_bucket, OURS)
    elsewhere = connect(region="us-east-1")
    with pytest.raises(NameTaken):
        kept(elsewhere)


def test_a_customers_key_is_told_from_one_that_aws_manages(aws: Aws) -> None:
    theirs = aws.kms.create_key()["KeyMetadata"]
    make_table(aws, NAMES.table, [])
    for bucket, used in zip(NAMES.buckets, (theirs["KeyId"], "alias/aws/s3", None), strict=True):
        make_bucket(aws, bucket, [])
        if used is not None:
            encrypted: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": used}
            rules: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": encrypted}]}
            aws.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    assert customer_keys(aws, NAMES, NAMES.holds_data) == {theirs["Arn"]}
    assert customer_keys(aws, NAMES, (NAMES.table,)) == set()


def test_a_tables_key_counts_too_even_where_it_is_deleted(aws: Aws) -> None:
    gone = "arn:aws:kms:eu-west-2:123456789012:key/00000000-0000-0000-0000-000000000000"
    make_table(aws, NAMES.table, [], encrypted={"Enabled": True, "KMSMasterKeyId": gone})
    assert customer_keys(aws, NAMES, NAMES.holds_data) == {gone}


@pytest.mark.parametrize(
    ("owner", "is_listed", "proven"),
    [
        (Owner(Ownership.STACK, "imgctl"), False, True),
        (Owner(Ownership.STACK, "imgctl"), True, True),
        (Owner(Ownership.STACK, "other"), False, False),
        (Owner(Ownership.STACK, "other"), True, False),  # its own tag counts more than the list
        (UNTAGGED, True, True),
        (UNTAGGED, False, False),
        (ELSEWHERE, True, False),
        (MISSING, True, False),
    ],
)
def test_a_tag_or_the_living_stacks_own_list_proves_ownership(
    owner: Owner, *, is_listed: bool, proven: bool
) -> None:
    assert is_proven(owner, "imgctl", is_listed=is_listed) == proven


def test_a_buckets_owner_is_read_from_its_tag(aws: Aws) -> None:
    assert bucket_owner(aws, NAMES.source_bucket) == MISSING
    make_bucket(aws, NAMES.source_bucket, [])
    assert bucket_owner(aws, NAMES.source_bucket) == UNTAGGED
    make_bucket(aws, NAMES.destination_bucket, OURS)
    assert bucket_owner(aws, NAMES.destination_bucket) == Owner(Ownership.STACK, "imgctl")
    assert str(bucket_owner(aws, NAMES.destination_bucket)) == "belongs to the stack imgctl"
