"""The embedded AWS with the stack on it, and the program as a person runs it."""

import functools
import os
import pty
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.session import Aws, connect_local
from imgctl.local import daemon
from infra import deployment, deployment_steps, stack_context
from infra.bundle import build_local
from infra.bundle_cache import user_cache
from infra.names import stack_names
from infra.parameters import StackSettings
from tests import program
from tests.cli_result import CliResult
from tests.documents import checked
from tests.screen import run_on_terminal


@dataclass(frozen=True)
class Local:
    """An embedded AWS, and how to run the program against it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell in which the program uses it."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IMGCTL_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # as if activated
        return environment | {
            "PATH": path,
            "IMGCTL_LOCAL_DIR": str(self.folder),
            "IMGCTL_LOCAL": "1",
        }

    def on_terminal(self, *arguments: str, cwd: Path) -> tuple[int, list[str]]:
        """Run `imgctl` on a terminal; return its exit code and the lines that were shown."""
        return run_on_terminal(arguments, cwd=cwd, environment=self.environment)

    def imgctl(self, *arguments: str, cwd: Path | None = None, answers: str = "") -> CliResult:
        """Run `imgctl` as its own process; with `answers`, as somebody who types them."""
        terminal, keyboard = pty.openpty()
        os.write(terminal, answers.encode())
        try:
            done = program.run(
                arguments,
                environment=self.environment,
                stdin=keyboard if answers else None,
                cwd=cwd,
            )
        finally:
            os.close(terminal)
            os.close(keyboard)
        return checked(CliResult(done.returncode, done.stdout, done.stderr), arguments)

    @property
    def aws(self) -> Aws:
        """A connection as its root user, to check what the program did."""
        return _connection(daemon.start(self.folder))

    def all_that_is_there(self) -> dict[str, list[str]]:
        """List the account's buckets, tables, functions and APIs."""
        aws = self.aws
        functions: Any = aws.session.client(
            "lambda", endpoint_url=aws.endpoint_url, region_name=aws.region
        )
        return {
            "buckets": [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]],
            "tables": aws.dynamodb.list_tables()["TableNames"],
            "functions": [f["FunctionName"] for f in functions.list_functions()["Functions"]],
            "apis": [api["name"] for api in aws.apigateway.get_rest_apis()["items"]],
        }


@functools.cache
def _connection(endpoint: daemon.Endpoint) -> Aws:
    return connect_local(
        url=endpoint.url,
        region=endpoint.region,
        access_key=endpoint.access_key,
        secret_key=endpoint.secret_key,
    )


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Local]:
    """An embedded AWS with nothing in it."""
    local = Local(tmp_path / "local")
    yield local
    daemon.stop(local.folder)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """An embedded AWS with the default stack, shared by tests that leave it unchanged."""
    local = Local(tmp_path_factory.mktemp("shared") / "local")
    local.imgctl("deploy", "--yes").succeeded()
    yield local
    daemon.stop(local.folder)


@pytest.fixture(scope="session")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """An embedded AWS with the default stack, for tests that change it by hand and mend it again.

    No image fails there, and no event.
    """
    local = Local(tmp_path_factory.mktemp("breakable") / "local")
    local.imgctl("deploy", "--yes").succeeded()
    yield local
    daemon.stop(local.folder)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder for the user's own files."""
    folder = tmp_path / "album"
    folder.mkdir()
    return folder


Deploy = Callable[[str, str], None]


def context_of(local: Local, stack: str, **names: str) -> stack_context.StackContext:
    """Return a stack at the embedded AWS, with names of its own where they are given."""
    aws = local.aws
    chosen = stack_names(stack, aws.account_id, aws.region, names)
    return stack_context.StackContext(aws, stack_context.stack_client(aws, print), stack, chosen)


def deploy_step(
    context: stack_context.StackContext, request: deployment.DeployRequest, *, adopt: bool = False
) -> None:
    """Apply the next step of a deployment, as `imgctl deploy` would."""
    deployed = context.client.read(context.stack)
    state = deployment_steps.observe(context, deployed, adopt=adopt)
    with deployment.planned(context, request, state) as plan:
        deployment.apply(context, plan, request.bundle, lambda _: None)


@pytest.fixture
def deploy_template(shared: Local) -> Deploy:
    """Deploy a template of the test's own as a stack beside the default one."""

    def deploy(stack: str, template: str) -> None:
        bundle = build_local(shared.folder, user_cache())
        request = deployment.DeployRequest(template, StackSettings(), bundle)
        deploy_step(context_of(shared, stack), request)

    return deploy
