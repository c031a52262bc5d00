import re

import pytest

from infra.names import InvalidName, check_role_path, stack_names

ACCOUNT, REGION = "123456789012", "eu-west-2"


def test_the_default_stack_has_the_original_names() -> None:
    names = stack_names("imgctl", ACCOUNT, REGION)
    assert (names.table, names.function) == ("hala-db", "Landa-image-s3-function")
    assert (names.function_role, names.api_role) == ("lambda-image-role", "api-gw-s3-role")
    assert names.api == "Quaen-Hala-API"


def test_bucket_names_end_in_account_and_region_unless_chosen() -> None:
    names = stack_names("imgctl", ACCOUNT, REGION, {"destination_bucket": "my-own-bucket"})
    assert names.source_bucket == "src-bucket-image-in-123456789012-eu-west-2"
    assert names.destination_bucket == "my-own-bucket"


def test_stacks_of_different_names_share_no_resource() -> None:
    one, other = (stack_names(stack, ACCOUNT, REGION) for stack in ("imgctl", "staging"))
    values = [[getattr(names, name) for name in names.__slots__] for names in (one, other)]
    assert not set(values[0]) & set(values[1])
    assert other.table == "hala-db-staging"


@pytest.mark.parametrize("stack", ["Upper", "1st", "under_score", "ends-", "a--b", "", "ä"])
def test_a_stack_name_that_aws_would_reject_is_an_error(stack: str) -> None:
    with pytest.raises(InvalidName, match="not allowed"):
        stack_names(stack, ACCOUNT, REGION)


def test_a_stack_name_too_long_for_a_bucket_says_by_how_much() -> None:
    with pytest.raises(InvalidName) as refused:
        stack_names("a-rather-long-stack-name", ACCOUNT, "ap-southeast-2")
    excess = re.search(r"(\d+) characters", refused.value.hint)
    assert excess is not None
    shorter = "a-rather-long-stack-name"[: -int(excess[1])].rstrip("-")
    with pytest.raises(InvalidName):
        stack_names(shorter + "xx", ACCOUNT, "ap-southeast-2")


@pytest.mark.parametrize("bucket", ["ab", "Capital", "under_score", "-dash", "a..b", "x" * 64])
def test_a_bucket_name_that_s3_would_reject_is_an_error(bucket: str) -> None:
    with pytest.raises(InvalidName, match="bucket name"):
        stack_names("imgctl", ACCOUNT, REGION, {"source_bucket": bucket})


def test_source_and_destination_cannot_be_the_same_bucket() -> None:
    with pytest.raises(InvalidName, match="resized again"):
        stack_names(
            "imgctl", ACCOUNT, REGION, {"source_bucket": "one", "destination_bucket": "one"}
        )


@pytest.mark.parametrize("other", ["access_logs_bucket", "table"])
def test_buckets_and_table_cannot_share_a_name(other: str) -> None:
    with pytest.raises(InvalidName, match="one names more than one"):
        stack_names("imgctl", ACCOUNT, REGION, {"source_bucket": "one", other: "one"})


BEFORE = {"RolePath": "", "FunctionRoleName": "f", "ApiRoleName": "a"}


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"RolePath": "/p/"}, "function_role and api_role"),
        ({"RolePath": "/p/", "FunctionRoleName": "g"}, "new name for api_role too"),
    ],
)
def test_a_role_is_not_moved_under_its_name(change: dict[str, str], hint: str) -> None:
    with pytest.raises(InvalidName, match="cannot be moved") as refused:
        check_role_path(BEFORE, BEFORE | change)
    assert hint in refused.value.hint


def test_new_roles_may_have_another_path() -> None:
    check_role_path({}, BEFORE | {"RolePath": "/p/"})
    check_role_path(BEFORE, {"RolePath": "/p/", "FunctionRoleName": "g", "ApiRoleName": "b"})
    check_role_path({"FunctionRoleName": "f", "ApiRoleName": "a"}, BEFORE)  # an earlier version's
