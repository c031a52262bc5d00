"""The function is self-contained: it is imported from its bundle while other imports fail."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from imgctl.core.formats import ImageFormat
from infra.bundle import build_local
from infra.bundle_cache import user_cache
from tests.pictures import encoded, photo

PROBE = """
import sys

class ImportBlocker:
    blocked = ("click", "rich", "infra", "ministack", "imgctl.cli", "imgctl.aws", "imgctl.local")

    def find_spec(self, name, path=None, target=None):
        if any(name == b or name.startswith(b + ".") for b in self.blocked):
            raise AssertionError(f"the function imports {name}")
        return None

sys.meta_path.insert(0, ImportBlocker())
bundle, runtime = sys.argv[1:]
sys.path[:0] = [bundle]
sys.path.append(runtime)  # Lambda's own boto3
import imgctl.worker.function as handler
import PIL
for module in (handler, PIL):
    assert module.__file__.startswith(bundle), module.__file__
print(handler.lambda_handler.__name__)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(build_local(folder, user_cache()).path) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_handler_is_imported_from_the_bundle_without_the_command_line(bundle: Path) -> None:
    runtime = sysconfig.get_paths()["purelib"]
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROBE, str(bundle), runtime],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stderr == ""
    assert process.stdout == "lambda_handler\n"


def test_the_handler_named_by_the_template_exists(bundle: Path) -> None:
    template = (Path(__file__).parents[2] / "infra" / "stack.yaml").read_text()
    (handler,) = [line for line in template.splitlines() if "Handler:" in line]
    module, _, function = handler.split()[-1].rpartition(".")
    source = bundle / (module.replace(".", "/") + ".py")
    assert f"def {function}(" in source.read_text()


RESIZE_ONE_IMAGE = """
import io, sys
sys.path[:0] = [sys.argv[1]]
from imgctl.core.limits import Limits
from imgctl.core.resize import resize
from imgctl.core.spec import ResizeSpec
with open(sys.argv[2], "rb") as source:
    resize(source, ResizeSpec(), Limits())
print(*sorted(name for name in sys.modules if name.endswith("ImagePlugin")))
"""


@pytest.mark.parametrize("format_", list(ImageFormat))
def test_an_image_loads_the_plugin_of_its_format_and_few_others(
    bundle: Path, tmp_path: Path, format_: ImageFormat
) -> None:
    """Only the five that Pillow always loads, and TIFF, whose directories EXIF uses.

    HEIC is decoded by pi-heif, which is in the bundle too.
    """
    path = tmp_path / "picture"
    path.write_bytes(encoded(photo(), format_.value))
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RESIZE_ONE_IMAGE, str(bundle), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    usual = {"Bmp", "Gif", "Jpeg", "Png", "Ppm", "Tiff"}
    loaded = {
        name.removeprefix("PIL.").removesuffix("ImagePlugin") for name in process.stdout.split()
    }
    assert loaded <= usual | {format_.plugin.removesuffix("ImagePlugin")}


def test_the_function_imports_only_what_it_uses_of_the_aws_sdk(bundle: Path) -> None:
    program = (
        "import sys; sys.path[:0] = [sys.argv[1]]; sys.path.append(sys.argv[2]);"
        "import imgctl.worker.function;"
        "print({'boto3', 's3transfer', 'multiprocessing'} & set(sys.modules))"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(bundle), sysconfig.get_paths()["purelib"]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "set()\n"
