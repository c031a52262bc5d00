"""Two deployments of one stack at once, and clean-up that fails, on the embedded AWS.

What the other deployment does, and what AWS refuses, is put between two calls of the program by
botocore's events.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict

from imgctl.aws import session
from imgctl.aws.session import Aws
from imgctl.cli.main import run
from imgctl.local import daemon
from infra import artifacts, deployment
from infra.bundle import Bundle, build_local
from infra.bundle_cache import user_cache
from infra.deployment import DeployRequest
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
        state = deployment.observe(context, context.client.read("imgctl"), adopt=False)
        with deployment.planned(context, request, state) as plan:
            artifacts.upload(
                context.aws, self._bundle, bucket=context.names.artifacts_bucket, stack="imgctl"
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
