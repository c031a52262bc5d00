"""The whole story, each step a command of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bundle_cache import user_cache
from tests.e2e.conftest import Local
from tests.pictures import PHOTOS, decoded, encoded, photo

SOURCE = "src-bucket-image-in-000000000000-us-east-1"
DESTINATION = "dest-bucket-image-out-000000000000-us-east-1"
ACCESS_LOGS = "imgctl-access-logs-000000000000-us-east-1"


def test_from_nothing_to_a_resized_photograph_and_back_to_nothing(
    empty: Local, album: Path
) -> None:
    cake = album / "cake.jpg"
    cake.write_bytes(encoded(photo(451, 300), "JPEG"))

    deployed = empty.imgctl("deploy", "--yes", "--json").succeeded().document
    assert deployed["changed"]
    assert {change["action"] for change in deployed["changes"]} == {"Add"}
    assert deployed["outputs"]["table"] == "hala-db"
    assert deployed["outputs"]["source_bucket"] == SOURCE

    again = empty.imgctl("deploy", "--yes", "--json").succeeded().document
    assert (again["changed"], again["changes"]) == (False, [])
    planned = empty.imgctl("deploy", "--plan", "--json").succeeded().document
    assert (planned["changed"], planned["changes"], planned["partial"]) == (False, [], False)

    uploaded = empty.imgctl("upload", str(cake), "--wait", "--json").succeeded().document
    (file,) = uploaded["files"]
    assert (file["key"], file["outcome"]) == ("cake.jpg", "uploaded")
    assert file["record"]["DimensionReduction"] == "451x300 → 226x150"

    (record,) = empty.imgctl("history", "--json").succeeded().document["records"]
    assert record == file["record"]
    shown = empty.imgctl("show", "cake.jpg", "--json").succeeded().document
    assert shown["record"] == record

    output = empty.aws.s3.get_object(Bucket=DESTINATION, Key="resized-cake.jpg")
    assert decoded(output["Body"].read()).size == (226, 150)
    assert set(output["Metadata"]) == {
        "original_filename",
        "original_bucket",
        "resized_dimensions",
        "processing_time",
        "record_id",
        "sequencer",
        "sha256",
    }

    empty.imgctl("destroy", "--delete-data", "--yes").succeeded()
    assert empty.all_that_is_there() == {"buckets": [], "tables": [], "functions": [], "apis": []}
    empty.imgctl("destroy", "--delete-data", "--yes").succeeded()


def test_destroy_keeps_data_and_the_next_deploy_takes_it_back(empty: Local, album: Path) -> None:
    cake = album / "cake.png"
    cake.write_bytes(encoded(photo(), "PNG"))
    empty.imgctl("deploy", "--yes").succeeded()
    empty.imgctl("upload", str(cake), "--wait").succeeded()
    before = empty.imgctl("history", "--json").document["records"]

    destroyed = empty.imgctl("destroy", "--yes", "--json").succeeded().document
    assert set(destroyed["kept"]) == {SOURCE, DESTINATION, ACCESS_LOGS, "hala-db"}
    left = empty.all_that_is_there()
    assert set(left["buckets"]) == {SOURCE, DESTINATION, ACCESS_LOGS}
    assert (left["tables"], left["functions"], left["apis"]) == (["hala-db"], [], [])
    repeated = empty.imgctl("destroy", "--yes", "--json").succeeded().document
    assert not repeated["deleted"]
    assert set(repeated["kept"]) == set(destroyed["kept"])

    planned = empty.imgctl("deploy", "--plan", "--json").succeeded().document
    assert {change["action"] for change in planned["changes"]} == {"Import"}
    told = empty.imgctl("deploy", "--plan").succeeded()
    assert "Import\tRecords" in told.out
    assert "the rest of the stack" in told.err
    empty.imgctl("deploy", "--yes").succeeded()
    assert empty.imgctl("history", "--json").document["records"] == before

    cake.write_bytes(encoded(photo(200, 100), "PNG"))
    again = empty.imgctl("upload", str(cake), "--wait", "--json").succeeded().document
    assert again["files"][0]["record"]["DimensionReduction"] == "200x100 → 100x50"


def test_a_deployment_that_would_lose_data_is_refused_until_it_is_asked_for(
    empty: Local, tmp_path: Path
) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    empty.aws.s3.put_object(Bucket=SOURCE, Key="x.png", Body=encoded(photo(), "PNG"))
    settings = tmp_path / "named.toml"
    settings.write_text('source_bucket = "another-source"\n')
    deploy = ("deploy", "--yes", "--config", str(settings))
    refused = empty.imgctl(*deploy)
    assert refused.code == 1
    assert f"outside the stack: SourceBucket ({SOURCE})" in refused.err
    assert "--allow-data-loss" in refused.err
    assert "another-source" not in empty.all_that_is_there()["buckets"]
    assert empty.imgctl(*deploy, "--json").error["code"] == "data_loss"
    planned = empty.imgctl(*deploy, "--allow-data-loss", "--plan", "--json").succeeded().document
    assert [c["resource"] for c in planned["changes"] if c["loses_data"]] == ["SourceBucket"]

    empty.imgctl(*deploy, "--allow-data-loss").succeeded()
    # Even then the bucket is only left behind, with all that is in it.
    assert {SOURCE, "another-source"} <= set(empty.all_that_is_there()["buckets"])
    assert empty.aws.s3.list_objects_v2(Bucket=SOURCE)["KeyCount"] == 1


def test_a_plan_leaves_nothing_behind(empty: Local) -> None:
    planned = empty.imgctl("deploy", "--plan", "--json").succeeded().document
    assert not planned["changed"]
    assert len(planned["changes"]) > 20
    assert empty.all_that_is_there() == {"buckets": [], "tables": [], "functions": [], "apis": []}
    assert empty.aws.cloudformation.describe_stacks()["Stacks"] == []


def test_a_second_plan_reuses_the_bundle_unless_it_is_damaged(
    shared: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shared.imgctl("deploy", "--plan").succeeded()
    (entry,) = user_cache().folder.iterdir()
    os.utime(entry, ns=(0, 0))
    built = entry.stat()
    shared.imgctl("deploy", "--plan").succeeded()
    used = entry.stat()
    assert (used.st_ino, used.st_mtime > 0) == (built.st_ino, True)

    entry.write_bytes(b"damaged")
    planned = shared.imgctl("deploy", "--plan", "--json").succeeded().document
    assert planned["changes"] == []  # the bundle that is deployed, built again
    assert entry.stat().st_size == built.st_size


def test_a_plan_that_is_declined_leaves_nothing_behind(empty: Local) -> None:
    declined = empty.imgctl("deploy", answers="n\n")
    assert (declined.code, "Nothing was changed" in declined.err) == (1, True)
    assert empty.all_that_is_there()["buckets"] == []
    assert empty.aws.cloudformation.describe_stacks()["Stacks"] == []


def test_data_and_stack_outlast_a_stop(empty: Local, album: Path) -> None:
    cake = album / "cake.png"
    cake.write_bytes(encoded(photo(), "PNG"))
    empty.imgctl("deploy", "--yes").succeeded()
    empty.imgctl("local", "stop").succeeded()
    empty.imgctl("upload", str(cake), "--wait").succeeded()
    empty.imgctl("local", "stop").succeeded()
    assert len(empty.imgctl("history", "--json").succeeded().document["records"]) == 1


def test_the_demo_needs_nothing_and_its_last_lines_work_in_the_same_shell(
    empty: Local, tmp_path: Path
) -> None:
    """The program is called by its path, as `make demo` does: PATH does not lead to it."""
    program = Path(sys.executable).with_name("imgctl")
    environment = empty.environment | {"PATH": os.environ["PATH"]}
    environment.pop("IMGCTL_LOCAL")

    def shell(line: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            ["/bin/sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)
        return done

    done = shell(f"{program} demo -o 'my pictures'")
    originals = {path.name: decoded(path.read_bytes()).size for path in PHOTOS.glob("*.[jp][pn]g")}
    assert len(originals) == 4
    for name, (width, height) in originals.items():
        result = tmp_path / "my pictures" / f"resized-{name}"
        assert f"  {result}" in done.stdout.splitlines()
        assert decoded(result.read_bytes()).size == ((width + 1) // 2, (height + 1) // 2)
    assert empty.imgctl("local", "status", "--json").document["running"] is False

    said = done.stderr.splitlines()
    deploy, upload, history, _, _, look = said[said.index("Next, with a stack that stays:") + 1 :]
    shell(deploy)
    assert "1 uploaded" in shell(upload).stderr
    assert "SUCCEEDED" in shell(history).stdout
    report = tmp_path / "my pictures" / "report.html"
    assert look == f"Open the report in a browser: {report.as_uri()}"
    assert report.read_text().count("data:image/webp;base64,") == 2 * len(originals)


def test_nothing_works_before_a_deployment_and_the_next_step_is_named(empty: Local) -> None:
    done = empty.imgctl("history")
    assert done.code == 1
    assert "imgctl --local deploy" in done.err


def test_what_is_not_ours_is_neither_taken_nor_deleted(empty: Local) -> None:
    empty.aws.s3.create_bucket(Bucket=SOURCE)
    refused = empty.imgctl("deploy", "--yes")
    assert refused.code == 1
    assert "not created by imgctl" in refused.err
    left = empty.imgctl("destroy", "--delete-data", "--yes", "--json").succeeded().document
    assert left["left_alone"] == [{"name": SOURCE, "reason": "was not created by imgctl"}]
    assert empty.all_that_is_there()["buckets"] == [SOURCE]


def test_a_stack_that_imgctl_did_not_make_is_left_alone(empty: Local) -> None:
    template = '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'
    empty.aws.cloudformation.create_stack(StackName="production", TemplateBody=template)
    for command in (["destroy"], ["destroy", "--delete-data"], ["deploy"], ["deploy", "--plan"]):
        refused = empty.imgctl(*command, "--stack", "production", "--yes")
        assert refused.code == 1
        assert "was not created by imgctl" in refused.err
    (stack,) = empty.aws.cloudformation.describe_stacks()["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_destroy_goes_by_what_was_deployed_and_not_by_todays_settings(
    empty: Local, tmp_path: Path
) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text('source_bucket = "my-own-in"\ndestination_bucket = "my-own-out"\n')
    empty.imgctl("deploy", "--yes", "--config", str(settings)).succeeded()
    empty.imgctl("destroy", "--delete-data", "--yes").succeeded()
    assert empty.all_that_is_there() == {"buckets": [], "tables": [], "functions": [], "apis": []}


def test_a_destroy_that_was_interrupted_is_finished_by_the_next(empty: Local) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    empty.aws.s3.put_object(Bucket=SOURCE, Key="x", Body=b"")
    empty.aws.cloudformation.delete_stack(StackName="imgctl")
    empty.imgctl("destroy", "--delete-data", "--yes").succeeded()
    assert empty.all_that_is_there()["buckets"] == []


@pytest.mark.parametrize("setting", ["--json", "--quiet"])
def test_two_stacks_live_side_by_side(shared: Local, album: Path, setting: str) -> None:
    stack = f"other{setting[2]}"
    shared.imgctl("deploy", "--yes", "--stack", stack, setting).succeeded()
    cake = album / f"{stack}.png"
    cake.write_bytes(encoded(photo(), "PNG"))
    shared.imgctl("upload", str(cake), "--wait", "--stack", stack).succeeded()
    records = shared.imgctl("history", "--json", "--stack", stack).document["records"]
    assert [record["OriginalObjectKey"] for record in records] == [cake.name]
    elsewhere = shared.imgctl("history", "--json", "--key", cake.name).document["records"]
    assert elsewhere == []
    shared.imgctl("destroy", "--yes", "--delete-data", "--stack", stack).succeeded()
    shared.imgctl("history", "--json").succeeded()
