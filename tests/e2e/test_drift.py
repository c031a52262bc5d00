"""What is changed outside of imgctl is found, shown and changed back."""

from pathlib import Path

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo


def test_what_was_changed_by_hand_is_found_and_changed_back(breakable: Local, album: Path) -> None:
    aws, outputs = breakable.aws, load_outputs(breakable.aws, "imgctl")
    function, bucket = outputs.function, outputs.source_bucket
    aws.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    aws.lambda_.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"SOURCE_BUCKET": "\u202ex"}}
    )
    aws.lambda_.update_alias(FunctionName=function, Name="live", FunctionVersion="$LATEST")
    (statement,) = [
        name
        for name in _stack_resources(breakable)
        if name.startswith("imgctl-SourceBucketMayInvokeFunction")
    ]
    aws.lambda_.remove_permission(FunctionName=function, Qualifier="live", StatementId=statement)

    unchanged = breakable.imgctl("deploy", "--yes").succeeded()
    assert "unchanged since its last deployment" in unchanged.err
    assert "\u202e" not in unchanged.err
    assert "`imgctl --local deploy --revert-drift`" in unchanged.err
    planned = breakable.imgctl("deploy", "--plan", "--json").succeeded().document
    drift = {item["resource"]: item for item in planned["drift"]["resources"]}
    assert drift.keys() == {
        "Function",
        "FunctionAlias",
        "SourceBucket",
        "SourceBucketMayInvokeFunction",
    }
    (version,) = drift["FunctionAlias"]["properties"]
    assert version == {"name": "FunctionVersion", "expected": "1", "actual": "$LATEST"}
    assert drift["SourceBucketMayInvokeFunction"]["deleted"]

    listed = breakable.imgctl("versions", "--json").succeeded()
    assert listed.document["live"] is None
    assert "points at $LATEST" in listed.err
    published = breakable.imgctl("publish", "--yes")
    assert (published.code, "no published version" in published.err) == (1, True)

    reverted = breakable.imgctl("deploy", "--revert-drift", "--yes", "--json").succeeded().document
    changed = {change["resource"] for change in reverted["changes"] if not change["reevaluated"]}
    assert changed == drift.keys()
    again = breakable.imgctl("deploy", "--yes").succeeded()
    assert "No changes outside of imgctl were found" in again.err
    picture = album / "a.png"
    picture.write_bytes(encoded(photo(), "PNG"))
    breakable.imgctl("upload", str(picture), "--wait").succeeded()


def _stack_resources(local: Local) -> list[str]:
    resources = local.aws.cloudformation.list_stack_resources(StackName="imgctl")
    return [one["PhysicalResourceId"] for one in resources["StackResourceSummaries"]]
