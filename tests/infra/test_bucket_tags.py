"""The tags of a bucket that AWS has tags on as well, which moto does not let anybody make."""

import pytest
from botocore.stub import Stubber

from imgctl.aws.session import Aws
from infra import bucket_tags
from infra.tags import StackTags, tag_set
from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]

SYSTEM = {"aws:cloudformation:stack-name": "former"}
BUCKET = {"Bucket": "photos", "ExpectedBucketOwner": "123456789012"}


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_bucket_keeps_the_tags_without_which_s3_refuses_any_others(
    aws: Aws, *, is_replaced: bool
) -> None:
    assert aws.account_id == BUCKET["ExpectedBucketOwner"]
    present = tag_set({**SYSTEM, "backup": "daily"})
    after = {**SYSTEM, "team": "images"} | ({} if is_replaced else {"backup": "daily"})
    with Stubber(aws.s3) as s3:
        s3.add_response("get_bucket_tagging", {"TagSet": present}, BUCKET)
        sent: list[dict[str, str]] = []
        aws.s3.meta.events.register(
            "provide-client-params.s3.PutBucketTagging",
            lambda params, **_: sent.extend(params["Tagging"]["TagSet"]),
        )
        s3.add_response("put_bucket_tagging", {})
        if is_replaced:
            bucket_tags.replace(aws, "photos", {"team": "images"})
        else:
            bucket_tags.update(aws, "photos", StackTags({"team": "images"}))
    assert {tag["Key"]: tag["Value"] for tag in sent} == after
    with Stubber(aws.s3) as s3:
        s3.add_response("get_bucket_tagging", {"TagSet": present}, BUCKET)
        assert bucket_tags.read(aws, "photos") == {"backup": "daily"}
