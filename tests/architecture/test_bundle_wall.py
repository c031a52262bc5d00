"""The function stands alone: it is imported from its bundle, behind a wall."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from infra.bundle import build_local

PROBE = """
import sys

class Wall:
    refused = ("click", "rich", "infra", "ministack", "imgctl.cli", "imgctl.aws", "imgctl.local")

    def find_spec(self, name, path=None, target=None):
        if any(name == r or name.startswith(r + ".") for r in self.refused):
            raise AssertionError(f"the function imports {name}")
        return None

sys.meta_path.insert(0, Wall())
bundle, runtime = sys.argv[1:]
sys.path[:0] = [bundle]
sys.path.append(runtime)  # Lambda's own boto3
import imgctl.worker.handler as handler
import PIL
for module in (handler, PIL):
    assert module.__file__.startswith(bundle), module.__file__
print(handler.lambda_handler.__name__)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(build_local(folder).path) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_handler_is_imported_from_the_bundle_without_the_command_line(bundle: Path) -> None:
    runtime = sysconfig.get_paths()["purelib"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROBE, str(bundle), runtime],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "lambda_handler\n"


def test_the_template_names_a_handler_that_is_there(bundle: Path) -> None:
    template = (Path(__file__).parents[2] / "infra" / "stack.yaml").read_text()
    (handler,) = [line for line in template.splitlines() if "Handler:" in line]
    module, _, function = handler.split()[-1].rpartition(".")
    source = bundle / (module.replace(".", "/") + ".py")
    assert f"def {function}(" in source.read_text()
