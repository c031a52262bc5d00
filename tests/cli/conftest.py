"""The command line in this process."""

from collections.abc import Callable

import pytest

from imgctl.cli.main import run
from tests.cli_result import CliResult
from tests.documents import checked


@pytest.fixture
def imgctl(capfd: pytest.CaptureFixture[str]) -> Callable[..., CliResult]:
    def call(*arguments: str) -> CliResult:
        capfd.readouterr()
        code = run(list(arguments))
        out, err = capfd.readouterr()
        return checked(CliResult(code, out, err), arguments)

    return call
