"""The embedded AWS with the stack on it, and the program as a person runs it."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.session import Aws, connect_local
from imgctl.local import daemon
from infra import deployment
from infra.bundle import build_local
from infra.names import stack_names
from infra.parameters import StackSettings
from tests.cli_result import CliResult
from tests.documents import checked


@dataclass(frozen=True)
class Local:
    """An embedded AWS, and how to run the program against it."""

    folder: Path

    def imgctl(self, *arguments: str, cwd: Path | None = None, answers: str = "") -> CliResult:
        """Run `imgctl` as its own process; with `answers`, for somebody who types them."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IMGCTL_")}
        environment |= {"IMGCTL_LOCAL_DIR": str(self.folder), "IMGCTL_LOCAL": "1"}
        terminal, keyboard = pty.openpty()
        os.write(terminal, answers.encode())
        try:
            done = subprocess.run(
                [sys.executable, "-m", "imgctl", *arguments],
                capture_output=True,
                text=True,
                cwd=cwd,
                env=environment,
                stdin=keyboard if answers else subprocess.DEVNULL,
                timeout=120,
                check=False,
            )
        finally:
            os.close(terminal)
            os.close(keyboard)
        return checked(CliResult(done.returncode, done.stdout, done.stderr), arguments)

    @property
    def aws(self) -> Aws:
        """Its root, to look behind the program's back."""
        endpoint = daemon.start(self.folder)
        return connect_local(
            url=endpoint.url,
            region=endpoint.region,
            access_key=endpoint.access_key,
            secret_key=endpoint.secret_key,
        )

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


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Local]:
    """Give an embedded AWS with nothing in it."""
    local = Local(tmp_path / "local")
    yield local
    daemon.stop(local.folder)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """Give an embedded AWS with the default stack, shared by tests that leave it as it is."""
    local = Local(tmp_path_factory.mktemp("shared") / "local")
    local.imgctl("deploy", "--yes").succeeded()
    yield local
    daemon.stop(local.folder)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Give a folder for the user's own files."""
    folder = tmp_path / "album"
    folder.mkdir()
    return folder


Deploy = Callable[[str, str], None]


@pytest.fixture
def deploy_template(shared: Local) -> Deploy:
    """Deploy a template of the test's own as a stack beside the default one."""

    def deploy(stack: str, template: str) -> None:
        aws = shared.aws
        names = stack_names(stack, aws.account_id, aws.region)
        target = deployment.StackContext(aws, deployment.engine_for(aws), stack, names)
        bundle = build_local(shared.folder)
        wish = deployment.DeployRequest(template, StackSettings(), bundle)
        with deployment.planned(target, wish) as plan:
            deployment.apply(target, plan, bundle, lambda _: None)

    return deploy
