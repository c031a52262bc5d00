"""Two deployments of one stack, at once or with a stored plan, and clean-up that fails.

What the other deployment does, and what AWS refuses, is put between two calls of the program by
botocore's events.
"""

import importlib.util
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict

from imgctl.aws import session
from imgctl.aws.session import Aws
from imgctl.cli import rollout_view
from imgctl.cli.commands.deploy import CHANGES_PENDING
from imgctl.cli.main import run
from imgctl.local import daemon
from infra import artifacts, deployment, deployment_steps
from infra.bundle import Bundle, build_local, local_architecture
from infra.bundle_cache import user_cache
from infra.bundle_manifest import NAME, Target, describe
from infra.deployment import DeployRequest
from infra.function_version import read_live_version
from infra.parameters import StackSettings
from infra.template import stack_template
from tests.cli_result import CliResult
from tests.documents import checked
from tests.e2e.conftest import Local, context_of

REFUSED = (
    b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not today</Message></Error>"
    b"<RequestId>r</RequestId></ErrorResponse>"
)


class Program:
    """The program in this process, with something put before its next call of an operation."""

    def __init__(self, local: Local, bundle: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
        self.local = local
        self._bundle = bundle
        self._capfd = capfd
        self._before: dict[str, Callable[[], bytes | None]] = {}

    def before(self, operation: str, act: Callable[[], bytes | None]) -> None:
        """Call `act` once, just before the operation; the bytes it returns are the refusal."""
        self._before[operation] = act

    def refuse(self, operation: str) -> None:
        self.before(operation, lambda: REFUSED)

    def deploy_elsewhere(self, **settings: Any) -> None:
        """Begin the same stack's deployment as somebody else would, and do not wait for it."""
        context = context_of(self.local, "imgctl")
        request = DeployRequest(stack_template(), StackSettings(**settings), self._bundle)
        state = deployment_steps.observe(context, context.client.read("imgctl"), adopt=False)
        with deployment.planned(context, request, state) as plan:
            bucket = context.names.artifacts_bucket
            artifacts.upload(
                context.aws, self._bundle, bucket=bucket, stack="imgctl", tags=plan.tags
            )
            context.aws.cloudformation.execute_change_set(
                StackName="imgctl",
                ChangeSetName=plan.change_set.id,
                ClientRequestToken="imgctl-somebody-else",
            )

    def imgctl(self, *arguments: str) -> CliResult:
        self._capfd.readouterr()
        code = run(list(arguments))
        return checked(CliResult(code, *self._capfd.readouterr()), arguments)

    def listen(self, aws: Aws) -> Aws:
        events: Any = aws.session.events
        events.register("before-send.cloudformation", self._answer)
        return aws

    def _answer(self, request: Any, event_name: str, **_: Any) -> Any:
        act = self._before.pop(event_name.rpartition(".")[2], None)
        refusal = act() if act is not None else None
        if refusal is None:
            return None
        response: Any = AWSResponse(request.url, 403, HeadersDict(), None)  # type: ignore[arg-type]
        response._content = refusal
        return response


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """An embedded AWS for these tests."""
    local = Local(tmp_path_factory.mktemp("two") / "local")
    yield local
    daemon.stop(local.folder)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_local(tmp_path_factory.mktemp("bundle"), user_cache())


@pytest.fixture
def program(
    local: Local,
    bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Program:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGCTL_LOCAL", "1")
    monkeypatch.setenv("IMGCTL_LOCAL_DIR", str(local.folder))
    monkeypatch.setattr(deployment, "make_bundle", lambda *_, **__: bundle)
    program, connect = Program(local, bundle, capfd), session.connect_local
    monkeypatch.setattr(session, "connect_local", lambda **named: program.listen(connect(**named)))
    return program


def test_the_loser_follows_the_winner_and_plans_again(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.imgctl("destroy", "--delete-data", "--yes").succeeded()
    program.before("ExecuteChangeSet", program.deploy_elsewhere)
    created = program.imgctl("deploy", "--yes").succeeded()
    assert "Another deployment of the stack imgctl got ahead of this one." in created.err
    assert "Nothing to change" in created.err
    assert "source bucket\t" in created.out

    program.before("CreateChangeSet", partial(program.deploy_elsewhere, quality=40))
    monkeypatch.setenv("IMGCTL_QUALITY", "50")
    updated = program.imgctl("deploy", "--yes").succeeded()
    assert "got ahead of this one" in updated.err
    assert "40 → 50" in updated.err
    deployed = context_of(program.local, "imgctl").client.read("imgctl")
    assert deployed.parameters["Quality"] == "50"


def test_failing_to_clean_up_neither_makes_nor_hides_a_failure(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.imgctl("deploy", "--yes").succeeded()
    # After the execution, `discard` is the first to describe the change set again.
    program.before("ExecuteChangeSet", partial(program.refuse, "DescribeChangeSet"))
    monkeypatch.setenv("IMGCTL_QUALITY", "70")
    deployed = program.imgctl("deploy", "--yes").succeeded()
    assert "Could not delete the change set of this plan" in deployed.err

    program.refuse("ExecuteChangeSet")
    program.refuse("DeleteChangeSet")
    monkeypatch.setenv("IMGCTL_QUALITY", "80")
    refused = program.imgctl("deploy", "--yes")
    assert refused.code == 3
    assert "Not allowed to perform ExecuteChangeSet: not today" in refused.err
    assert "Could not delete the change set of this plan" in refused.err


def test_a_stored_plan_of_a_new_stack_is_applied_once(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.imgctl("destroy", "--delete-data", "--yes")
    out = ("--out", str(tmp_path / "plan.json"))
    pending = program.imgctl("deploy", "--plan", *out, "--exit-code", "--json")
    assert pending.code == CHANGES_PENDING
    assert pending.document["plan_file"] == out[1]
    assert not program.local.all_that_is_there()["buckets"]
    program.imgctl("deploy", "--plan").succeeded()  # whose change set is discarded
    asked = program.imgctl("deploy", "--apply", out[1])
    assert (asked.code, " to add, " in asked.err) == (2, True)

    # It does not stand in the way of removing what it is for, which removes it too.
    removed = program.imgctl("destroy", "--yes").succeeded()
    assert "which is empty, and its plans that were not applied" in removed.err
    gone = program.imgctl("deploy", "--apply", out[1], "--yes")
    assert (gone.code, "no longer exists" in gone.err) == (1, True)

    monkeypatch.setenv("IMGCTL_TAGS", '{"team": "photos"}')
    program.imgctl("deploy", "--plan", *out).succeeded()
    applied = program.imgctl("deploy", "--apply", out[1], "--yes", "--json").succeeded().document
    assert (applied["changed"], applied["partial"]) == (True, False)
    assert applied["outputs"]["table"] == "hala-db"
    again = program.imgctl("deploy", "--apply", out[1], "--yes").succeeded()
    assert "This plan has been applied already.\nNothing to change." in again.err
    assert "source bucket\t" in again.out

    unchanged = program.imgctl("deploy", "--plan", *out, "--exit-code").succeeded()
    assert "applying it changes nothing" in unchanged.err
    assert "Nothing to change." in program.imgctl("deploy", "--apply", out[1]).succeeded().err
    nothing = program.imgctl("deploy", "--apply", out[1], "--json").succeeded()
    assert (nothing.document["changed"], nothing.document["tags"]) == (False, [])


def test_a_stored_plan_is_refused_once_the_stack_or_the_file_has_changed(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.imgctl("deploy", "--yes").succeeded()
    first, second, tampered = (str(tmp_path / f"{name}.json") for name in ("one", "two", "three"))
    monkeypatch.setenv("IMGCTL_QUALITY", "41")
    program.imgctl("deploy", "--plan", "--out", first).succeeded()
    monkeypatch.setenv("IMGCTL_QUALITY", "42")
    monkeypatch.setenv("IMGCTL_KEEP_VERSIONS_DAYS", "5")
    refused = program.imgctl("deploy", "--plan", "--out", second)
    assert (refused.code, "--allow-data-loss" in refused.err) == (1, True)
    assert not Path(second).exists()
    program.imgctl("deploy", "--plan", "--out", second, "--allow-data-loss").succeeded()

    Path(tampered).write_text(Path(second).read_text().replace('"42"', '"90"'))
    refused = program.imgctl("deploy", "--apply", tampered, "--yes")
    assert (refused.code, "differ in: parameters, changes" in refused.err) == (1, True)
    elsewhere = program.imgctl("--stack", "other", "deploy", "--apply", second, "--yes")
    assert (elsewhere.code, "and this is the stack other" in elsewhere.err) == (1, True)
    Path(tampered).write_text(
        Path(second)
        .read_text()
        .replace('"termination_protection": null', '"termination_protection": true')
    )
    refused = program.imgctl("deploy", "--apply", tampered, "--yes")
    assert (refused.code, "the settings here do not say so" in refused.err) == (1, True)

    # The settings of the machine that applies it are not what is deployed.
    monkeypatch.delenv("IMGCTL_QUALITY")
    monkeypatch.delenv("IMGCTL_KEEP_VERSIONS_DAYS")
    program.refuse("ExecuteChangeSet")
    assert program.imgctl("deploy", "--apply", second, "--yes").code == 3
    program.imgctl("deploy", "--apply", second, "--yes").succeeded()
    deployed = context_of(program.local, "imgctl").client.read("imgctl")
    assert deployed.parameters["Quality"] == "42"
    assert deployed.parameters["KeepVersionsDays"] == "5"
    obsolete = program.imgctl("deploy", "--apply", first, "--yes", "--json")
    assert (obsolete.code, '"code": "plan_obsolete"' in obsolete.err) == (1, True)


def small_bundle(path: Path, compression: int) -> str:
    """Write a bundle that is never run; return its SHA-256."""
    function, magic = b"X = 1\n", importlib.util.MAGIC_NUMBER
    header = magic + b"\x01\0\0\0" + importlib.util.source_hash(function)
    contents = {
        "imgctl/worker/function.py": function,
        importlib.util.cache_from_source("imgctl/worker/function.py"): header + b"other code",
    }
    manifest = describe(contents, local_architecture(), Target.EMBEDDED)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in {**contents, NAME: manifest.to_json()}.items():
            archive.writestr(name, data)
    return sha256(path.read_bytes()).hexdigest()


def test_a_bundle_in_a_file_is_deployed_as_it_is(
    program: Program, bundle: Bundle, tmp_path: Path
) -> None:
    program.imgctl("deploy", "--yes").succeeded()
    program.imgctl("publish", "--yes").succeeded()  # another test may have rolled back
    file, plan = str(tmp_path / "new.zip"), str(tmp_path / "plan.json")
    digest = small_bundle(Path(file), zipfile.ZIP_STORED)
    planned = program.imgctl("deploy", "--plan", "--out", plan, "--bundle", file).succeeded()
    assert f"SHA-256 {digest}\n" in planned.err
    assert "Its bytecode could not be reproduced here" in planned.err
    refused = program.imgctl("deploy", "--apply", plan, "--yes")
    assert refused.code == 1
    assert f"this imgctl builds {bundle.sources[:12]}" in refused.err
    program.imgctl("deploy", "--apply", plan, "--yes", "--bundle", file).succeeded()
    aws, context = program.local.aws, context_of(program.local, "imgctl")
    live = read_live_version(aws.lambda_, context.names.function)
    assert b64decode(live.sha256).hex() == digest

    published = program.imgctl("publish", "--yes", "--bundle", file).succeeded()
    assert "another build" not in published.err
    small_bundle(Path(file), zipfile.ZIP_DEFLATED)
    same = program.imgctl("deploy", "--yes", "--bundle", file).succeeded()
    assert "Nothing to change" in same.err
    assert f"another build of them, with the SHA-256 {digest}" in same.err


def test_a_release_that_was_cancelled_after_an_interrupted_one_leaves_no_part(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGCTL_ROLLOUT", "canary10-5m")
    program.imgctl("deploy", "--yes").succeeded()
    program.deploy_elsewhere(rollout="canary10-5m", quality=33)
    # As if a second release had been cancelled, which the embedded AWS is too fast for.
    monkeypatch.setattr(rollout_view, "cancel_release", lambda *_: True)
    back = program.imgctl("rollback", "--yes").succeeded()
    assert "is live, with all invocations again." in back.out
    assert not context_of(program.local, "imgctl").client.read("imgctl").canary_weight
