"""Install imgctl as its users do: a wheel, in an environment with nothing but its dependencies."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
WHEEL_SOURCES = ("imgctl", "infra", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True, slots=True)
class Installation:
    """A virtual environment with imgctl and its dependencies."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def imgctl(self) -> Path:
        return self.folder / "bin" / "imgctl"

    def run(
        self, *command: str | Path, cwd: Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command without the variables of this process, and so without its Python path."""
        environment = {"PATH": os.defpath, "HOME": str(cwd), "LANG": "C.UTF-8", **variables}
        return subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def run_here(*arguments: str | Path, cwd: Path | None = None) -> None:
    """Run this interpreter with pip cut off from any index."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    # Programs that pip asks for their version, such as rustc, may write to the home.
    with tempfile.TemporaryDirectory() as home:
        completed = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=environment | {"HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
    assert completed.returncode == 0, completed.stdout + completed.stderr


def build_wheel(folder: Path) -> Path:
    """Build the wheel in `folder`, from a copy of the sources: setuptools writes beside them."""
    sources = folder / "sources"
    sources.mkdir()
    for name in WHEEL_SOURCES:
        original = REPOSITORY / name
        if original.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(original, sources / name, ignore=ignored)
        else:
            shutil.copy2(original, sources / name)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    run_here("-c", build, folder, cwd=sources)
    shutil.rmtree(sources)
    (path,) = folder.glob("imgctl-*.whl")
    return path


def install(wheel: Path, folder: Path) -> Installation:
    """Install a wheel with its declared dependencies, which are copied from this environment.

    No extra is included, and a dependency that imgctl imports but does not declare is missing.
    """
    run_here("-m", "venv", "--without-pip", folder)
    installation = Installation(folder)
    run_here(
        "-m", "pip", "--python", installation.python, "install", "--no-deps", "--no-compile", wheel
    )
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (installed,) = metadata.distributions(name="imgctl", path=[str(purelib)])
    for distribution in dependencies_of(installed):
        copy_distribution(distribution, purelib)
    return installation


def dependencies_of(distribution: metadata.Distribution) -> Iterator[metadata.Distribution]:
    """Yield all distributions that a distribution requires, itself or through others."""
    seen: set[str] = set()
    remaining = list(distribution.requires or ())
    while remaining:
        requirement = Requirement(remaining.pop())
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and requirement.name not in seen:
            seen.add(requirement.name)
            dependency = metadata.distribution(requirement.name)
            remaining += dependency.requires or ()
            yield dependency


def copy_distribution(distribution: metadata.Distribution, target: Path) -> None:
    """Copy the installed files of a distribution, except its scripts."""
    for file in distribution.files or ():
        if ".." not in file.parts:
            copy = target / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(distribution.locate_file(file)), copy)
