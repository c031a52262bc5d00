"""The wheel and its installation, made once per session."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.installation import Installation, build_wheel, install


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    yield install(wheel, folder)
    shutil.rmtree(folder)
