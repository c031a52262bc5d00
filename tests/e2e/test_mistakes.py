"""A mistake in the template shows here as it would in AWS."""

import json
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError
from imgctl.aws.rest_api import open_api
from imgctl.aws.stack import load_outputs
from infra.errors import DeployError
from infra.template import stack_template
from tests.e2e.conftest import Deploy, Local
from tests.pictures import encoded, photo


@pytest.fixture
def cake(album: Path) -> Path:
    path = album / "cake.png"
    path.write_bytes(encoded(photo(), "PNG"))
    return path


def changed(text: str, to: str, *, after: str = "Parameters:") -> str:
    """Replace a passage of the template, where it stands first after another one."""
    template = stack_template()
    start = template.index(text, template.index(after))
    return template[:start] + to + template[start + len(text) :]


WRITE_RESIZED = """              - Sid: WriteResized
                Effect: Allow
                Action: [s3:GetObject, s3:PutObject]
                Resource: !Sub arn:${AWS::Partition}:s3:::${DestinationBucketName}/*
"""
BINARY_TYPES = """        - '*/*'
        - application/octet-stream
        - image/avif
        - image/bmp
        - image/gif
        - image/heic
        - image/jpeg
        - image/png
"""


def test_a_second_stack_does_not_take_the_function_of_the_first(shared: Local, album: Path) -> None:
    function = load_outputs(shared.aws, "imgctl").function
    settings = album / "second.toml"
    settings.write_text(f'function = "{function}"\nfunction_role = "another-role"\n')
    second = ("--stack", "second", "--config", str(settings))
    refused = shared.imgctl("deploy", "--yes", *second)
    assert refused.code == 1
    assert function in refused.err
    shared.imgctl("destroy", "--delete-data", "--yes", *second).succeeded()
    shared.imgctl("versions").succeeded()  # the first stack still has its function


def test_a_function_that_may_not_write_fails_the_upload_with_the_action_named(
    shared: Local, cake: Path, deploy_template: Deploy
) -> None:
    deploy_template("no-write", changed(WRITE_RESIZED, ""))
    done = shared.imgctl("upload", str(cake), "--wait", "--stack", "no-write", "--timeout", "30")
    assert done.code == 1
    assert "access_denied" in done.out
    assert "s3:PutObject" in done.out
    assert "lambda-image-role-no-write" in done.out


def test_a_function_that_may_not_read_fails_the_upload_with_the_action_named(
    shared: Local, cake: Path, deploy_template: Deploy
) -> None:
    readable = "s3:GetObject, s3:GetObjectVersion"
    deploy_template("no-read", changed(readable, "s3:GetObjectAcl", after="ReadOriginals"))
    done = shared.imgctl("upload", str(cake), "--wait", "--stack", "no-read", "--timeout", "30")
    assert done.code == 1
    assert "s3:GetObject" in done.out


def test_an_image_that_an_api_without_binary_types_would_corrupt_is_rejected(
    shared: Local, cake: Path, deploy_template: Deploy
) -> None:
    deploy_template("text-api", changed(BINARY_TYPES, ""))
    by_api = ("upload", str(cake), "--via", "api", "--wait", "--stack", "text-api")
    done = shared.imgctl(*by_api)
    assert done.code == 1
    assert "did not match the calculated checksum" in done.out
    shared.imgctl("upload", str(cake), "--force", "--wait", "--stack", "text-api").succeeded()


@pytest.mark.parametrize(
    ("stack", "template", "status"),
    [
        (
            "api-denied",
            changed("s3:PutObject", "s3:PutObjectAcl", after="Sid: WriteOriginals"),
            403,
        ),
        (
            "api-trust",
            changed("apigateway.amazonaws.com", "ec2.amazonaws.com"),
            500,
        ),
        (
            "api-map",
            changed("          integration.request.path.key: method.request.path.filename\n", ""),
            500,
        ),
    ],
)
def test_an_api_that_cannot_reach_the_bucket_fails_the_upload(
    shared: Local, cake: Path, deploy_template: Deploy, stack: str, template: str, status: int
) -> None:
    assert template != stack_template()
    deploy_template(stack, template)
    done = shared.imgctl("upload", str(cake), "--via", "api", "--wait", "--stack", stack)
    assert done.code == 1
    assert f"The API returned {status}" in done.out
    if status == 403:
        assert "s3:PutObject" in done.out


def put_unsigned(url: str) -> tuple[int, str]:
    request = urllib.request.Request(url, data=b"x", method="PUT")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_api_refuses_whoever_does_not_sign(shared: Local) -> None:
    outputs = load_outputs(shared.aws, "imgctl")
    status, body = put_unsigned(f"{outputs.api_endpoint}/{outputs.source_bucket}/x.jpg")
    assert (status, set(json.loads(body))) == (403, {"message"})


@pytest.mark.parametrize("bucket", ["dest-bucket-image-out-000000000000-us-east-1", "foreign"])
def test_the_api_reaches_the_source_bucket_alone(shared: Local, cake: Path, bucket: str) -> None:
    aws = shared.aws
    if bucket == "foreign":
        aws.s3.create_bucket(Bucket=bucket)
    api = replace(open_api(aws, load_outputs(aws, "imgctl")), bucket=bucket)
    with pytest.raises(AwsError, match=r"403.*s3:PutObject"):
        api.put("x.png", Content.of(cake.read_bytes(), "image/png"))
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=bucket, Prefix="x.png")


def test_a_broken_template_is_rolled_back_and_names_its_cause(
    shared: Local, deploy_template: Deploy
) -> None:
    taken = "dest-bucket-image-out-000000000000-us-east-1"  # the default stack's
    broken = stack_template().replace(
        "BucketName: !Ref DestinationBucketName", f"BucketName: {taken}"
    )
    with pytest.raises(DeployError, match=rf"DestinationBucket \(AWS::S3::Bucket\):.*{taken}"):
        deploy_template("broken", broken)
    names = shared.all_that_is_there()
    assert not [name for name in names["functions"] + names["apis"] if name.endswith("-broken")]

    refused = shared.imgctl("deploy", "--stack", "broken", "--yes")
    assert (refused.code, "ROLLBACK_COMPLETE" in refused.err) == (1, True)
    declined = shared.imgctl("deploy", "--stack", "broken", answers="n\n")
    assert (declined.code, "destroy`, which removes what is left" in declined.err) == (1, True)
    shared.imgctl("deploy", "--stack", "broken", answers="y\n" * 4).succeeded()
    shared.imgctl("destroy", "--stack", "broken", "--delete-data", answers="broken\n").succeeded()
