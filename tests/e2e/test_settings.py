"""Settings, as they show in the stack that is deployed with them."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo


def put(url: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=b"x", method="PUT", headers=named)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "named.toml"  # not one that is found without --config


def test_changed_settings_update_the_stack_in_place(
    empty: Local, album: Path, settings: Path
) -> None:
    deploy = ("deploy", "--yes", "--json", "--config", str(settings))
    settings.write_text("")
    empty.imgctl(*deploy).succeeded()
    cake = album / "cake.jpg"
    cake.write_bytes(encoded(photo(400, 300), "JPEG"))
    upload = ("upload", str(cake), "--wait", "--force", "--json")
    usual = empty.imgctl(*upload).succeeded().document["files"][0]["record"]["ResizedFileSize"]

    settings.write_text("quality = 30\nmemory_mb = 2048\nreserved_concurrency = 5\n")
    changed = empty.imgctl(*deploy).succeeded().document
    modified = {c["resource"]: c for c in changed["changes"] if c["action"] == "Modify"}
    assert set(modified) == {"Function"}
    assert {
        (told["name"], told["before"], told["after"])
        for told in modified["Function"]["properties"]
        if told["parameter"]
    } == {
        ("MemorySize", "1769", "2048"),
        ("Environment", "", "30"),
        ("ReservedConcurrentExecutions", "", "5"),
    }
    coarse = empty.imgctl(*upload).succeeded().document["files"][0]["record"]["ResizedFileSize"]
    assert coarse < usual
    here = album / "here"
    local = ("resize", str(cake), "-o", str(here), "--config", str(settings))
    empty.imgctl(*local).succeeded()
    assert (here / "resized-cake.jpg").stat().st_size == coarse
    assert not empty.imgctl(*deploy).succeeded().document["changed"]

    tags_alone_are_a_change(empty, deploy, settings)


def tags_alone_are_a_change(local: Local, deploy: tuple[str, ...], settings: Path) -> None:
    """Assert that tags reach what can have them, once, and are shown before they are removed."""
    settings.write_text(f'{settings.read_text()}[tags]\nteam = "photos"\n')
    tagged = local.imgctl(*deploy, "--tag", "run=7").succeeded().document
    assert tagged["tags"] == [
        {"key": "run", "before": None, "after": "7"},
        {"key": "team", "before": None, "after": "photos"},
    ]
    iam, artifacts = local.aws.iam, load_outputs(local.aws, "imgctl").code_bucket
    assert has(iam.list_role_tags(RoleName="lambda-image-role")["Tags"], team="photos", run="7")
    buckets = [bucket["Name"] for bucket in local.aws.s3.list_buckets()["Buckets"]]
    assert artifacts in buckets
    for bucket in buckets:
        tags = local.aws.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        assert has(tags, team="photos", run="7", **{"imgctl:stack": "imgctl"}), bucket
    unchanged = local.imgctl(*deploy, "--tag", "run=7").succeeded().document
    assert (unchanged["changed"], unchanged["tags"], unchanged["drift"]["resources"]) == (
        False,
        [],
        [],
    )
    removed = local.imgctl("deploy", "--plan", "--config", str(settings)).succeeded()
    assert "tag run\t7 → none\n" in removed.out
    assert "FunctionRole\tIAM::Role\tTags\n" in removed.out


def has(tags: Sequence[Any], **wanted: str) -> bool:
    return wanted.items() <= {tag["Key"]: tag["Value"] for tag in tags}.items()


def test_the_api_asks_for_what_the_settings_say(empty: Local, album: Path, settings: Path) -> None:
    cake = album / "cake.png"
    cake.write_bytes(encoded(photo(), "PNG"))
    upload = ("upload", str(cake), "--via", "api", "--wait", "--force")
    config = ("--config", str(settings))

    settings.write_text('api_authorization = "key"\n')
    made = empty.imgctl("deploy", "--yes", "--json", *config).succeeded().document
    marked = {c["resource"] for c in made["changes"] if "public_access" in c["marks"]}
    assert "ApiPut" in marked  # more callers get in than with signatures
    empty.imgctl(*upload).succeeded()
    outputs = load_outputs(empty.aws, "imgctl")
    url = f"{outputs.api_endpoint}/{outputs.source_bucket}/x.png"
    assert (put(url), put(url, x_api_key="guessed")) == (403, 403)
    key = empty.aws.apigateway.get_api_key(apiKey=outputs.api_key_id, includeValue=True)["value"]
    assert put(url, x_api_key=key) == 200

    settings.write_text("memory_mb = 2048\napi_authorization = 'key'\n")
    empty.imgctl("deploy", "--yes", *config).succeeded()
    again = empty.aws.apigateway.get_api_key(apiKey=outputs.api_key_id, includeValue=True)["value"]
    assert again == key

    settings.write_text('api_authorization = "none"\n')
    opened = empty.imgctl("deploy", "--yes", "--quiet", *config).succeeded()
    assert "Anyone on the internet" in opened.err
    assert put(url) == 200
    empty.imgctl(*upload).succeeded()

    empty.imgctl("deploy", "--yes").succeeded()
    assert put(url, x_api_key=key) == 403
    empty.imgctl(*upload).succeeded()
    assert empty.aws.apigateway.get_api_keys()["items"] == []


def test_a_customers_key_encrypts_what_is_stored_and_is_not_dropped_unasked(
    empty: Local, album: Path
) -> None:
    kms = empty.aws.session.client("kms", endpoint_url=empty.aws.endpoint_url)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    empty.imgctl("deploy", "--yes", "--cmk", key).succeeded()
    cake = album / "cake.png"
    cake.write_bytes(encoded(photo(), "PNG"))
    empty.imgctl("upload", str(cake), "--wait").succeeded()
    outputs = load_outputs(empty.aws, "imgctl")
    # What the emulator keeps of it; tests/infra/scan.py looks at the whole template.
    queue = empty.aws.sqs.get_queue_attributes(
        QueueUrl=outputs.dead_letter_queue, AttributeNames=["KmsMasterKeyId"]
    )
    assert queue["Attributes"]["KmsMasterKeyId"] == key
    iam = empty.aws.session.client("iam", endpoint_url=empty.aws.endpoint_url)
    policy = iam.get_role_policy(RoleName="lambda-image-role", PolicyName="lambda-image-policy")
    assert key in json.dumps(policy["PolicyDocument"])

    dropped = empty.imgctl("deploy", "--yes")
    assert (dropped.code, key in dropped.err) == (1, True)
    assert "kms_key" in dropped.err
    empty.imgctl("deploy", "--yes", "--cmk", key).succeeded()
    empty.imgctl("destroy", "--yes").succeeded()
    empty.aws.s3.put_bucket_encryption(  # as CloudFormation does, and the emulator's does not
        Bucket=outputs.destination_bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": key,
                    }
                }
            ]
        },
    )
    forgotten = empty.imgctl("deploy", "--yes")
    assert (forgotten.code, key in forgotten.err) == (1, True)
    empty.imgctl("deploy", "--yes", "--cmk", key).succeeded()
    empty.imgctl("destroy", "--yes", "--delete-data").succeeded()
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]


@pytest.mark.parametrize(
    ("state", "said"), [("missing", "no such key"), ("disabled", "cannot be used")]
)
def test_a_key_that_cannot_be_used_is_refused_before_anything_is_made(
    empty: Local, state: str, said: str
) -> None:
    kms = empty.aws.session.client("kms", endpoint_url=empty.aws.endpoint_url)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    if state == "missing":
        key = key.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"
    else:
        kms.disable_key(KeyId=key)
    refused = empty.imgctl("deploy", "--yes", "--cmk", key)
    assert (refused.code, said in refused.err) == (1, True)
    assert empty.all_that_is_there()["buckets"] == []


def test_the_table_is_protected_from_deletion_by_hand(shared: Local) -> None:
    outputs = load_outputs(shared.aws, "imgctl")
    with pytest.raises(shared.aws.dynamodb.exceptions.ClientError, match="protect"):
        shared.aws.dynamodb.delete_table(TableName=outputs.table)


@pytest.mark.parametrize("command", ["history", "upload x", "deploy --yes", "local start"])
def test_a_folder_with_a_settings_file_and_a_module_runs_no_code(
    tmp_path: Path, command: str
) -> None:
    """The attack: a repository brings its own state folder for the embedded AWS, with code."""
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "imgctl.toml").write_text('local = true\nlocal_dir = "assets"\n')
    (tmp_path / "x").write_bytes(b"")
    for name in ("boto3", "ministack", "imgctl", "sitecustomize"):
        code = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()"
        (assets / f"{name}.py").write_text(code)
        (tmp_path / f"{name}.py").write_text(code)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMGCTL_")}
    done = subprocess.run(
        [Path(sys.executable).with_name("imgctl"), *command.split()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "local_dir is not accepted from a file that was found" in done.stderr
    assert not (tmp_path / "ran").exists()
    assert list(assets.glob("server*")) == []
