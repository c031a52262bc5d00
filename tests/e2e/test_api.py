"""The REST API as other clients call it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from imgctl.aws.stack import StackOutputs, load_outputs
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo


@pytest.fixture
def outputs(shared: Local) -> StackOutputs:
    return load_outputs(shared.aws, "imgctl")


@pytest.fixture
def cake(album: Path) -> Path:
    path = album / "cake.png"
    path.write_bytes(encoded(photo(), "PNG"))
    return path


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_command_of_the_guide_uploads_an_image(
    shared: Local, outputs: StackOutputs, cake: Path
) -> None:
    aws = shared.aws
    credentials = aws.credentials
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--fail", "--dump-header", "-", "-X", "PUT"),
            *("--data-binary", f"@{cake}", "-H", "Content-Type: image/png"),
            *("--aws-sigv4", f"aws:amz:{aws.region}:execute-api"),
            *("--user", f"{credentials.access_key}:{credentials.secret_key}"),
            f"{outputs.api_endpoint}/{outputs.source_bucket}/curl.png",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "x-amz-version-id: " in done.stdout.lower()
    stored = aws.s3.get_object(Bucket=outputs.source_bucket, Key="curl.png")
    assert (stored["ContentType"], stored["Body"].read()) == ("image/png", cake.read_bytes())


@pytest.mark.parametrize("name", ["a+b.png", "who?.png", "no#1.png", "100%25.png"])
def test_a_key_that_the_api_would_alter_is_refused_by_api_and_taken_by_s3(
    shared: Local, outputs: StackOutputs, cake: Path, name: str
) -> None:
    path = cake.rename(cake.with_name(name))
    refused = shared.imgctl("upload", str(path), "--via", "api")
    assert refused.code == 1
    assert "API Gateway decodes keys" in refused.out
    shared.imgctl("upload", str(path), "--via", "s3").succeeded()
    stored = shared.aws.s3.get_object(Bucket=outputs.source_bucket, Key=name)
    assert stored["Body"].read() == path.read_bytes()
