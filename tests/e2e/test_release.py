"""New code, earlier versions, and deployments after them."""

import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from imgctl.aws.stack import load_outputs
from infra import deployment, function_version, release
from infra.bundle import Bundle, build_local
from infra.bundle_cache import user_cache
from tests.cli_result import CliResult
from tests.e2e.conftest import Local, context_of
from tests.pictures import decoded, encoded, photo


def width_of_a_half(local: Local, key: str) -> int:
    aws, outputs = local.aws, load_outputs(local.aws, "imgctl")
    aws.s3.put_object(Bucket=outputs.source_bucket, Key=key, Body=encoded(photo(80, 60), "PNG"))
    local.imgctl("reprocess", key).succeeded()
    answer = aws.s3.get_object(Bucket=outputs.destination_bucket, Key=f"resized-{key}")
    return decoded(answer["Body"].read()).width


def new_code(folder: Path) -> Bundle:
    """Build a bundle with a file more."""
    bundle = build_local(folder, user_cache())
    with zipfile.ZipFile(bundle.path, "a") as archive:
        archive.writestr("new.txt", "new code")
    digest = sha256(bundle.path.read_bytes()).hexdigest()
    return replace(bundle, sha256=digest, sources=digest)


def test_a_version_is_rolled_back_stays_so_and_is_published_again(
    empty: Local, tmp_path: Path
) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    refused = empty.imgctl("rollback", "--yes")
    assert (refused.code, "there is none before it" in refused.err) == (1, True)
    unchanged = empty.imgctl("publish", "--yes", "--json").succeeded().document
    assert unchanged == {
        "schema": 1,
        "live": 1,
        "before": 1,
        "changed": False,
        "changes": [],
        "pruned": {"versions": [], "bundles": []},
    }

    settings = tmp_path / "imgctl.toml"
    settings.write_text("scale = 0.25\n")
    again = ("deploy", "--yes", "--config", str(settings))
    empty.imgctl(*again).succeeded()
    listed = empty.imgctl("versions", "--json").succeeded().document
    assert [(one["version"], one["live"]) for one in listed["versions"]] == [(2, True), (1, False)]
    scale = {"name": "scale", "before": "0.5", "after": "0.25"}
    assert [one["changes"] for one in listed["versions"]] == [[scale], []]
    assert width_of_a_half(empty, "a.png") == 20

    back = empty.imgctl("rollback", "--yes").succeeded()
    assert back.out == "Version 1 is live (was 2).\n"
    assert (
        "Version 2 → 1, with the same code:\nscale\t0.25 → 0.5\nModify\tFunctionAlias\t" in back.err
    )
    assert "SourceBucket" not in back.err
    assert width_of_a_half(empty, "b.png") == 40

    deployed = empty.imgctl(*again).succeeded()
    assert "Version 1 is live after a rollback and stays live" in deployed.err
    assert width_of_a_half(empty, "c.png") == 40

    for setting, parameter in (
        ("function_role", "FunctionRoleName"),
        ("dead_letter_queue", "DeadLetterQueueName"),
        ("function", "FunctionName"),
        ("table", "TableName"),
    ):
        settings.write_text(f'{setting} = "another-name"\n')
        refused = empty.imgctl(*again, "--allow-data-loss")
        assert refused.code == 1
        assert f"incompatible with the changed {parameter}" in refused.err
        assert f"`imgctl --local --config {settings} publish`" in refused.err
    assert width_of_a_half(empty, "still.png") == 40
    settings.write_text("scale = 0.25\n")

    published = empty.imgctl("publish", "--yes", "--json").succeeded().document
    assert (published["live"], published["before"], published["changes"]) == (2, 1, [scale])
    assert width_of_a_half(empty, "d.png") == 20
    assert "Nothing to change" in empty.imgctl(*again).err

    missing = empty.imgctl("rollback", "9", "--yes")
    assert (missing.code, "no version 9" in missing.err) == (1, True)

    settings.write_text("scale = 0.25\nquality = 60\nkeep_function_versions = 1\n")
    told = "After this, imgctl deletes version 1 (keep_function_versions = 1)."
    assert told in empty.imgctl(*again, "--plan").succeeded().err
    deleted = {"versions": [1], "bundles": []}
    assert empty.imgctl(*again, "--json").succeeded().document["pruned"] == deleted
    gone = empty.imgctl("rollback", "1", "--yes")
    assert (gone.code, "no version 1 any more" in gone.err) == (1, True)
    assert empty.imgctl("rollback", "--yes").succeeded().out == "Version 2 is live (was 3).\n"


def test_the_same_sources_without_bytecode_change_nothing(
    empty: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    monkeypatch.setattr("infra.bundle.this_interpreter", lambda: None)
    context, bundle = context_of(empty, "imgctl"), build_local(tmp_path)
    assert not bundle.compiled
    deployed = context.client.read("imgctl")
    assert deployed.parameters["CodeKey"] == bundle.key
    with release.planned_publish(context, deployed, bundle) as plan:
        assert plan.is_empty
    (version,) = function_version.list_versions(empty.aws.lambda_, context.names.function)
    assert version.sources == bundle.sources


def test_published_code_is_what_the_next_deployment_finds(empty: Local, tmp_path: Path) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    aws, context, bundle = empty.aws, context_of(empty, "imgctl"), new_code(tmp_path)
    deployed = context.client.read("imgctl")
    with release.planned_publish(context, deployed, bundle) as plan:
        changed = {change.logical_id.rstrip("0123456789abcdef") for change in plan.changes}
        assert changed <= {"CodeVersion", "Function", "FunctionAlias", "FunctionRetries"}
        deployment.apply(context, plan, bundle, lambda _: None)
    assert function_version.live_version(aws.lambda_, context.names.function) == 2
    assert context.client.read("imgctl").parameters["CodeKey"] == bundle.key
    planned = empty.imgctl("deploy", "--plan", "--json").succeeded().document
    assert "Function" in {change["resource"] for change in planned["changes"]}  # the code here
    assert width_of_a_half(empty, "a.png") == 40


def test_a_new_version_takes_a_part_first_and_then_all_whoever_completes_it(
    empty: Local, tmp_path: Path
) -> None:
    settings = tmp_path / "imgctl.toml"

    def deploy(text: str, *options: str) -> CliResult:
        settings.write_text(f'rollout = "canary10-5m"\n{text}')
        return empty.imgctl("deploy", "--config", str(settings), *options).succeeded()

    def live() -> dict[int, int]:
        versions = empty.imgctl("versions", "--json").succeeded().document["versions"]
        return {v["version"]: v["traffic_percent"] for v in versions if v["traffic_percent"]}

    assert "Gradually" not in deploy("", "--yes").err  # nothing else is live yet
    file = str(tmp_path / "plan.json")
    planned = deploy("scale = 0.25\n", "--plan", "--out", file, "--json").document
    alarm = planned["release"].pop("alarm")
    assert alarm.startswith("imgctl-RolloutAlarm-")
    assert planned["release"] == {"percent": 10, "minutes": 5, "live_version": 1}
    released = deploy("scale = 0.25\n", "--apply", file, "--yes")
    assert "Gradually: 10% of the invocations for 5 minutes, then all." in released.err
    assert "The new version gets all invocations:" in released.err
    assert live() == {2: 100}
    assert "Nothing to change" in deploy("scale = 0.25\n", "--yes").err

    context, bundle = context_of(empty, "imgctl"), new_code(tmp_path)

    def begin() -> None:
        """Do the first step only, as if interrupted then."""
        deployed = context.client.read("imgctl")
        with release.planned_publish(context, deployed, bundle) as plan:
            assert plan.gradual is not None
            deployment.apply(context, plan, bundle, lambda _: None)

    begin()
    assert live() == {2: 90, 3: 10}
    status = empty.imgctl("status", "--json").succeeded().document
    assert status["live_version"] == "2"
    assert status["canary"] == [{"version": "3", "percent": 10}]
    doctor = empty.imgctl("doctor").err
    assert "release is not complete: version 3 takes 10% until the next deploy" in doctor
    settings.write_text("scale = 0.25\n")
    turned_off = empty.imgctl("deploy", "--config", str(settings), "--yes")
    assert (turned_off.code, "A gradual release is not complete" in turned_off.err) == (1, True)
    assert live() == {2: 90, 3: 10}

    back = empty.imgctl("rollback", "--yes").succeeded()
    assert back.out == "Version 2 is live, with all invocations again.\n"
    assert live() == {2: 100}
    assert "Version 2 is live after a rollback and stays live" in deploy("", "--plan").err

    begin()  # the version is there already
    assert live() == {2: 90, 3: 10}
    with release.planned_publish(context, context.client.read("imgctl"), bundle) as plan:
        assert plan.gradual is None
        deployment.apply(context, plan, bundle, lambda _: None)
    assert live() == {3: 100}
    assert "Gradually" not in deploy("scale = 0.25\n", "--at-once", "--yes").err
    assert live() == {4: 100}  # the code here


def test_a_renamed_function_takes_over_and_versions_tell_their_settings(
    empty: Local, tmp_path: Path
) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    settings = tmp_path / "named.toml"
    settings.write_text('function = "another-function"\nmemory_mb = 2048\n')
    empty.imgctl("deploy", "--yes", "--config", str(settings)).succeeded()
    assert width_of_a_half(empty, "a.png") == 40
    (version,) = empty.imgctl("versions", "--json").succeeded().document["versions"]
    assert (version["memory_mb"], version["timeout_s"], version["scale"]) == (2048, 60, "0.5")
    assert empty.all_that_is_there()["functions"] == ["another-function"]


def test_a_version_whose_role_is_gone_is_not_made_live_again(empty: Local, tmp_path: Path) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    settings = tmp_path / "named.toml"
    settings.write_text('function_role = "another-role"\n')
    empty.imgctl("deploy", "--yes", "--config", str(settings)).succeeded()
    assert width_of_a_half(empty, "a.png") == 40
    refused = empty.imgctl("rollback", "--yes")
    assert (
        refused.code,
        "published with FunctionRoleName lambda-image-role" in refused.err,
    ) == (1, True)
    assert width_of_a_half(empty, "b.png") == 40


def test_nothing_is_published_where_nothing_is_deployed(empty: Local) -> None:
    for command in ("publish", "versions", "rollback"):
        done = empty.imgctl(command, "--yes")
        assert done.code == 1
        assert "deploy` first" in done.err
