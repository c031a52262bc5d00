"""The command line in this process."""

from collections.abc import Callable

import pytest

from imgctl.cli.main import run
from tests.outcome import Done


@pytest.fixture
def imgctl(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def call(*arguments: str) -> Done:
        capfd.readouterr()
        code = run(list(arguments))
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call
