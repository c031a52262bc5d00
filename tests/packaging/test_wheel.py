"""The installed program, run from the folder of somebody who uses it."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

import imgctl
from infra.bundle_files import own_files
from tests.infra.package_server import ARM_WHEEL, lock, running_index
from tests.packaging.installation import REPOSITORY, Installation, run_here

LICENSE = REPOSITORY / "LICENSE"
PHOTO = REPOSITORY / "imgctl" / "local" / "photos" / "rocket.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Create a folder with a photo, and with modules that have the names of imgctl's imports."""
    shutil.copy2(PHOTO, tmp_path)
    (tmp_path / "infra").mkdir()
    modules = ("infra/__init__", "boto3", "click", "json", "PIL", "rich")
    for module in modules:
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported from the folder')")
    return tmp_path


def test_the_declared_dependencies_are_complete(installation: Installation) -> None:
    run_here("-m", "pip", "--python", installation.python, "check")


def test_every_module_can_be_imported(installation: Installation, folder: Path) -> None:
    """An undeclared dependency is missing in the installation."""
    of_the_extras = {
        "imgctl.gallery.application",
        "imgctl.gallery.server",
        "imgctl.local.drift",
        "imgctl.local.durable_services",
        "imgctl.local.emulator_logs",
        "imgctl.local.emulator_patches",
        "imgctl.local.invocations",
        "imgctl.local.s3_integrations",
        "imgctl.local.server",
        "imgctl.local.snapshots",
        "infra.template_json",
    }
    probe = (
        "import imgctl, infra, importlib, pkgutil\n"
        "for package in (imgctl, infra):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        f"        if module.name not in {of_the_extras!r}:\n"
        "            importlib.import_module(module.name)\n"
    )
    completed = installation.run(installation.python, "-I", "-c", probe, cwd=folder)
    assert completed.returncode == 0, completed.stderr


@pytest.mark.parametrize("as_module", [False, True])
def test_the_version_is_that_of_the_sources(
    installation: Installation, folder: Path, *, as_module: bool
) -> None:
    program = [installation.python, "-m", "imgctl"] if as_module else [installation.imgctl]
    completed = installation.run(*program, "--version", cwd=folder)
    assert (completed.stdout, completed.stderr) == (f"imgctl, version {imgctl.__version__}\n", "")


def test_settings_are_written_and_read(installation: Installation, folder: Path) -> None:
    completed = installation.run(installation.imgctl, "init", "--stack", "photos", cwd=folder)
    assert completed.returncode == 0, completed.stderr
    completed = installation.run(installation.imgctl, "config", "--json", cwd=folder)
    document = json.loads(completed.stdout)
    assert document["file"] == str(folder / "imgctl.toml")
    assert document["settings"]["stack"]["value"] == "photos"


def test_a_command_that_reads_packaged_files_has_help(
    installation: Installation, folder: Path
) -> None:
    completed = installation.run(installation.imgctl, "package", "--help", cwd=folder)
    assert completed.stdout.startswith("Usage: imgctl package")


@pytest.mark.parametrize("as_module", [False, True])
def test_a_photo_is_resized(installation: Installation, folder: Path, *, as_module: bool) -> None:
    program = [installation.python, "-m", "imgctl"] if as_module else [installation.imgctl]
    completed = installation.run(*program, "resize", PHOTO.name, cwd=folder)
    assert completed.returncode == 0, completed.stderr
    assert (folder / f"resized-{PHOTO.name}").is_file()


def test_the_template_and_the_bundles_requirements_are_installed(
    installation: Installation, folder: Path
) -> None:
    (folder / "infra" / "__init__.py").unlink()
    (folder / "infra").rmdir()
    probe = (
        "from infra.template import stack_template;"
        "from importlib.resources import files;"
        "print(len(stack_template()) > 0, (files('infra') / 'function-requirements.txt').is_file())"
    )
    completed = installation.run(installation.python, "-I", "-c", probe, cwd=folder)
    assert completed.stdout.split() == ["True", "True"], completed.stderr


def test_the_page_is_installed_with_its_licenses_but_without_its_source(
    wheel: Path, installation: Installation, folder: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("imgctl/pages/")}
    modules = {"__init__.py", "entries.py", "failures.py", "report.py"}
    expected = {*modules, "failures.json", "page.html", "LICENSES.txt"}
    assert names == {f"imgctl/pages/{name}" for name in expected}
    probe = (
        "import io; from imgctl.pages.report import ReportHeading, write_report;"
        "file = io.BytesIO();"
        "write_report(file, ReportHeading(stack='s', region='r', generated='g'), []);"
        "print(b'data-heading' in file.getvalue())"
    )
    completed = installation.run(installation.python, "-I", "-c", probe, cwd=folder)
    assert completed.stdout.split() == ["True"], completed.stderr


def test_a_bundle_has_the_same_files_and_license_as_one_of_a_checkout(
    installation: Installation, tmp_path: Path
) -> None:
    probe = (
        "import hashlib, json; from infra.bundle_files import own_files;"
        "print(json.dumps({n: hashlib.sha256(d).hexdigest() for n, d in own_files().items()}))"
    )
    completed = installation.run(installation.python, "-I", "-c", probe, cwd=tmp_path)
    here = {name: hashlib.sha256(data).hexdigest() for name, data in own_files().items()}
    assert json.loads(completed.stdout) == here
    assert here["imgctl/LICENSE"] == hashlib.sha256(LICENSE.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["--local", "history"], "local"),
        (["gallery"], "gallery"),
        (["template", "--format", "json"], "template"),
    ],
)
def test_what_needs_an_extra_says_how_to_install_it(
    installation: Installation, folder: Path, arguments: list[str], extra: str
) -> None:
    completed = installation.run(installation.imgctl, *arguments, cwd=folder)
    assert completed.returncode == 1
    assert f"pip install 'imgctl[{extra}]'" in completed.stderr


def test_documentation_links_follow_from_the_metadata(
    installation: Installation, folder: Path
) -> None:
    probe = "from imgctl import links; print(links.documentation('x.md'), links.project_url('?'))"
    completed = installation.run(installation.python, "-I", "-c", probe, cwd=folder)
    url = "https://github.com/imgctl/imgctl/tree/main/docs/x.md"
    assert completed.stdout.split() == [url, "None"], completed.stderr


def test_in_a_checkout_the_checkouts_own_modules_are_run(
    installation: Installation, tmp_path: Path
) -> None:
    for package in ("imgctl", "infra"):
        shutil.copytree(
            REPOSITORY / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    (tmp_path / "imgctl" / "__init__.py").write_text('__version__ = "9.9"\n')
    completed = installation.run(installation.python, "-m", "imgctl", "--version", cwd=tmp_path)
    assert completed.stdout == "imgctl, version 9.9\n", completed.stderr


def test_the_function_is_bundled_without_pip(installation: Installation, tmp_path: Path) -> None:
    """In an environment without pip, as uv creates it, and with settings that would mislead pip."""
    (tmp_path / "lock.txt").write_bytes(lock(ARM_WHEEL))
    (tmp_path / "pip.conf").write_text("[global]\nno-index = true\nuser = true\n")
    probe = (
        "import importlib.util, sys; from pathlib import Path; from infra import bundle;"
        "bundle.locked_requirements = lambda **_: Path('lock.txt').read_bytes();"
        "print(bundle.build(Path(), bundle.Architecture.ARM64).sources);"
        "print(importlib.util.find_spec('pip'))"
    )
    with running_index() as index:
        completed = installation.run(
            installation.python, "-I", "-c", probe, cwd=tmp_path,
            PIP_INDEX_URL=f"{index.url}/simple", PIP_CONFIG_FILE="pip.conf", PIP_USER="1",
            PIP_PREFIX="/x", PIP_CONSTRAINT="/x", PIP_NO_INDEX="1",
        )  # fmt: skip
    assert completed.stderr == ""
    assert completed.stdout.split()[1:] == ["None"]
    assert (tmp_path / "function-arm64.zip").is_file()
