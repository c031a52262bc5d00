import hashlib
import importlib.util
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest

from infra import bytecode
from infra.bundle import (
    Architecture,
    Bundle,
    Recipe,
    build,
    build_from,
    build_local,
    without_package,
)
from infra.bundle_cache import BundleCache, user_cache
from infra.bundle_files import own_files, wheel_files
from infra.bundle_manifest import Target
from infra.bytecode import Compiler, find_runtime, this_interpreter
from infra.errors import BundleError
from tests.infra.package_server import (
    ARM_WHEEL,
    X86_WHEEL,
    Index,
    elf,
    lock,
    running_index,
    zipped,
)
from tests.packaging.installation import REPOSITORY

ARM, X86 = Architecture.ARM64, Architecture.X86_64


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Create an unpacked wheel with files that belong in a bundle and files that do not."""
    root = tmp_path / "packages"
    files = {
        "PIL/__init__.py": b"",
        "PIL/Image.pyi": b"types",
        "PIL/ImageTk.py": b"a window",
        "PIL/_imaging.cpython-312-aarch64-linux-gnu.so": elf(183),
        "PIL/__pycache__/Image.cpython-311.pyc": b"the builder's own",
        "pillow.libs/libjpeg-1a2b.so.62.4.0": elf(183),
        "pillow-13.0.0.dist-info/RECORD": b"where it was installed",
        "pillow-13.0.0.dist-info/licenses/LICENSE": b"HPND",
        "pillow-13.0.0.dist-info/sboms/auditwheel.cdx.json": b"{}",
        "bin/tool": b"#!/somebody/elses/python",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def staged(packages: Path) -> dict[str, bytes]:
    """Return the files of a wheel with a folder's content."""
    paths = [path for path in sorted(packages.rglob("*")) if path.is_file()]
    wheel = zipped({path.relative_to(packages).as_posix(): path.read_bytes() for path in paths})
    return wheel_files(wheel)


def build_unpacked(
    packages: Path, destination: Path, architecture: Architecture, compiler: Compiler | None = None
) -> Bundle:
    """Build a bundle with the packages in a folder."""
    recipe = Recipe(architecture, own_files(), {}, lambda: staged(packages), compiler)
    return build_from(recipe, destination)


def names_in(bundle: Bundle) -> list[str]:
    with zipfile.ZipFile(bundle.path) as archive:
        return archive.namelist()


def test_the_bundle_contains_code_licenses_sboms_and_a_manifest(
    packages: Path, tmp_path: Path
) -> None:
    names = names_in(build_unpacked(packages, tmp_path, ARM))
    assert [name for name in names if not name.startswith("imgctl/")] == [
        "PIL/__init__.py",
        "PIL/_imaging.cpython-312-aarch64-linux-gnu.so",
        "imgctl-bundle.json",
        "pillow-13.0.0.dist-info/licenses/LICENSE",
        "pillow-13.0.0.dist-info/sboms/auditwheel.cdx.json",
        "pillow.libs/libjpeg-1a2b.so.62.4.0",
    ]


def test_of_imgctl_the_bundle_contains_only_what_the_function_runs(
    packages: Path, tmp_path: Path
) -> None:
    names = names_in(build_unpacked(packages, tmp_path, ARM))
    own = {name for name in names if name.startswith("imgctl/")}
    assert {"imgctl/__init__.py", "imgctl/core/pixels.py", "imgctl/worker/handler.py"} <= own
    assert {name.split("/")[1] for name in own} == {
        "LICENSE", "__init__.py", "core", "licenses", "sandbox", "worker"
    }  # fmt: skip


def test_the_bundle_contains_the_license_of_the_repository(packages: Path, tmp_path: Path) -> None:
    bundle = build_unpacked(packages, tmp_path, ARM)
    with zipfile.ZipFile(bundle.path) as archive:
        assert archive.read("imgctl/LICENSE") == (REPOSITORY / "LICENSE").read_bytes()


def test_the_bundle_contains_the_licenses_of_the_decoder_of_heic(local_bundle: Bundle) -> None:
    names = names_in(local_bundle)
    assert {f"imgctl/licenses/{name}.txt" for name in ("GPL-3.0", "LGPL-3.0")} <= {*names}
    assert any(name.endswith("licenses/LICENSES_bundled.txt") for name in names)
    assert any(name.startswith("pi_heif.libs/libheif") for name in names)


def test_a_bundle_without_heic_lacks_its_decoder(tmp_path: Path) -> None:
    names = names_in(build_local(tmp_path, user_cache(), heic=False))
    assert not [name for name in names if "heif" in name.lower() and not name.startswith("imgctl/")]
    assert any(name.startswith("PIL/") for name in names)


def test_the_lock_without_heic_keeps_every_hash_of_the_others() -> None:
    lock = (files("infra") / "function-requirements.txt").read_bytes()
    without = without_package(lock, "pi-heif")
    lines, kept = lock.decode().splitlines(), without.decode().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("pi-heif=="))
    end = next(at for at, line in enumerate(lines) if line.startswith("pillow=="))
    assert kept == lines[:start] + lines[end:]
    assert without_package(without, "pi-heif") == without


def test_a_mere_checkout_has_the_same_license(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = own_files()

    def missing(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "distribution", missing)
    assert own_files() == installed


@pytest.fixture(scope="module")
def local_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_local(tmp_path_factory.mktemp("local"), user_cache())


def test_the_local_bundle_contains_pillows_license_and_sboms(local_bundle: Bundle) -> None:
    names = [name for name in names_in(local_bundle) if ".dist-info/" in name]
    ends = [name.partition(".dist-info/")[2] for name in names]
    version = metadata.version("pillow")
    assert {"METADATA", "licenses/LICENSE", f"sboms/pillow-{version}.cdx.json"} <= set(ends)


def test_the_build_is_reproducible_in_another_folder(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = build_unpacked(packages, tmp_path / "one", ARM)
    for path in packages.rglob("*"):  # as if built at another time, with another umask
        path.chmod(0o700)
        path.touch()
    two = build_unpacked(packages, tmp_path / "two", ARM)
    assert one.path != two.path
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.sha256 == two.sha256 == hashlib.sha256(one.path.read_bytes()).hexdigest()
    assert one.key == f"function/sources-{one.sources}.zip"


@pytest.mark.parametrize(
    "other", [elf(62), elf(183, big_endian=True), b"MZ\x90\x00" + b"\x00" * 20]
)
def test_a_library_of_another_architecture_is_rejected_by_name(
    packages: Path, tmp_path: Path, other: bytes
) -> None:
    (packages / "pillow.libs" / "libjpeg-1a2b.so.62.4.0").write_bytes(other)
    with pytest.raises(BundleError, match=r"libjpeg-1a2b\.so.*arm64"):
        build_unpacked(packages, tmp_path, ARM)


def test_a_bundle_without_its_library_is_rejected(packages: Path, tmp_path: Path) -> None:
    for library in (*packages.rglob("*.so"), *packages.rglob("*.so.*")):
        library.unlink()
    with pytest.raises(BundleError, match="no compiled library"):
        build_unpacked(packages, tmp_path, ARM)


def test_a_bundle_over_lambdas_limit_is_rejected(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.bundle.MAX_UNZIPPED_BYTES", 1000)
    with pytest.raises(BundleError, match="limit is 1,000"):
        build_unpacked(packages, tmp_path, ARM)


def test_the_local_bundle_runs_without_other_packages(local_bundle: Bundle, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(local_bundle.path) as archive:
        archive.extractall(unpacked)
    probe = "from PIL import Image, features; print(Image.__file__, features.check('webp'))"
    completed = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(unpacked)!r}); {probe}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout.split() == [str(unpacked / "PIL" / "Image.py"), "True"]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Let builds download the wheels of an index on this machine, which are locked."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr("infra.bundle.locked_requirements", lambda **_: lock(ARM_WHEEL, X86_WHEEL))
    with running_index() as index:
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple/")
        yield index


@pytest.mark.parametrize("architecture", [ARM, X86])
@pytest.mark.usefixtures("index")
def test_the_bundle_for_lambda_contains_the_locked_wheel_of_its_architecture(
    tmp_path: Path, architecture: Architecture
) -> None:
    names = names_in(build(tmp_path, architecture))
    assert {"PIL/_imaging.so", "pillow-99.0.dist-info/METADATA"} <= {*names}


@pytest.mark.parametrize(
    "variables",
    [
        {"PIP_USER": "1"},
        {"PIP_PREFIX": "/nonexistent", "PIP_TARGET": "/nonexistent"},
        {"PIP_CONSTRAINT": "/nonexistent/constraints.txt"},
        {"PIP_NO_INDEX": "1"},
        {"PIP_REQUIRE_VIRTUALENV": "1", "PIP_DRY_RUN": "1", "PIP_NO_BINARY": ":all:"},
        {"PYTHONPATH": "/nonexistent", "PIP_CONFIG_FILE": "/nonexistent"},
        {"PIP_CONFIG_FILE": "pip.conf"},
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("index")
def test_settings_of_pip_do_not_change_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    expected = build(tmp_path / "one.zip", ARM)
    Path("pip.conf").write_text("[global]\nno-index = true\n[install]\nuser = true\nprefix = /x\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert build(tmp_path / "two.zip", ARM).sha256 == expected.sha256


def test_a_wheel_that_was_downloaded_before_needs_no_network(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = BundleCache(tmp_path / "cache")
    build(tmp_path / "one.zip", ARM, cache)
    asked = len(index.requests)
    index.statuses = [403] * 9
    changed = {**own_files(), "imgctl/core/new.py": b"NEW = 1"}
    monkeypatch.setattr("infra.bundle.own_files", lambda: changed)
    assert "imgctl/core/new.py" in names_in(build(tmp_path / "two.zip", ARM, cache))
    assert len(index.requests) == asked
    with pytest.raises(BundleError, match="HTTP 403"):
        build(tmp_path / "three.zip", X86, cache)


@pytest.mark.usefixtures("hostile_folder", "index")
def test_nothing_is_imported_from_the_working_folder(tmp_path: Path) -> None:
    assert "PIL/_imaging.so" in names_in(build(tmp_path, ARM))


def test_the_bytecode_is_valid_and_unchecked(packages: Path, tmp_path: Path) -> None:
    bundle = build_unpacked(packages, tmp_path, ARM, this_interpreter())
    assert bundle.compiled
    tag = sys.implementation.cache_tag
    name = f"imgctl/core/__pycache__/geometry.{tag}.pyc"
    with zipfile.ZipFile(bundle.path) as archive:
        data = archive.read(name)
        assert f"PIL/__pycache__/__init__.{tag}.pyc" in archive.namelist()
    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(data[4:8], "little") == 0b01  # PEP 552: hash-based, unchecked
    code = marshal.loads(data[16:])  # noqa: S302 (compiled by this test)
    assert code.co_filename == "/var/task/imgctl/core/geometry.py"


def test_the_bytecode_is_reproducible(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = build_unpacked(packages, tmp_path / "one", ARM, this_interpreter())
    two = build_unpacked(packages, tmp_path / "two", ARM, this_interpreter())
    assert one.path.read_bytes() == two.path.read_bytes()


@pytest.mark.parametrize(
    ("variable", "value"), [("PYTHONOPTIMIZE", "2"), ("PYTHONPYCACHEPREFIX", "elsewhere")]
)
def test_the_bytecode_does_not_depend_on_the_users_variables(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    one = build_unpacked(packages, tmp_path / "one.zip", ARM, this_interpreter())
    monkeypatch.setenv(variable, value)
    two = build_unpacked(packages, tmp_path / "two.zip", ARM, this_interpreter())
    assert one.sha256 == two.sha256


def test_only_the_runtimes_python_compiles_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: sys.executable)
    runtime = find_runtime()
    expected = this_interpreter() if sys.version_info[:2] == (3, 12) else None
    assert runtime == expected
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert find_runtime() == expected


def test_a_name_on_the_path_that_stands_for_no_interpreter_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shim = tmp_path / "python"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setattr(bytecode, "_RUNTIME", (0, 0))
    monkeypatch.setattr(shutil, "which", lambda _: str(shim))
    assert find_runtime() is None


class Builds:
    """Builds of one recipe with a cache, each of which counts how often packages are staged."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self.cache = BundleCache(folder / "cache")
        self.destination = folder / "built.zip"
        self.staged = 0
        self.recipe = Recipe(
            ARM, own_files(), {"requirements.txt": b"pillow==13"}, lambda: self.stage(packages)
        )

    def stage(self, packages: Path) -> Mapping[str, bytes]:
        self.staged += 1
        return staged(packages)

    def build(self, **changes: object) -> Bundle:
        recipe = replace(self.recipe, **changes)  # type: ignore[arg-type]
        return build_from(recipe, self.destination, self.cache)


@pytest.fixture
def builds(packages: Path, tmp_path: Path) -> Builds:
    return Builds(packages, tmp_path)


def test_an_unchanged_bundle_is_built_once(builds: Builds) -> None:
    first = builds.build()
    data = first.path.read_bytes()
    first.path.unlink()
    assert builds.build() == first
    assert (builds.staged, first.path.read_bytes()) == (1, data)


@pytest.mark.parametrize(
    "change",
    [
        {"own": {"imgctl/__init__.py": b"changed"}},
        {"locked": {"requirements.txt": b"pillow==14"}},
        {"locked": {}},
        {"compiler": this_interpreter()},
        {"target": Target.EMBEDDED},
    ],
    ids=["a source", "the lock file", "no lock file", "bytecode", "the check of libraries"],
)
def test_a_changed_input_builds_the_bundle_anew(builds: Builds, change: dict[str, object]) -> None:
    builds.build()
    builds.build(**change)
    assert builds.staged == 2
    builds.build()
    builds.build(**change)
    assert builds.staged == 2


def test_another_architecture_is_another_bundle(builds: Builds) -> None:
    builds.build()
    with pytest.raises(BundleError, match="x86_64"):
        builds.build(architecture=X86)


@pytest.mark.parametrize("name", ["infra.bundle.sys.version", "zlib.ZLIB_RUNTIME_VERSION"])
def test_another_interpreter_or_zlib_builds_the_bundle_anew(
    builds: Builds, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    builds.build()
    monkeypatch.setattr(name, "another")
    builds.build()
    assert builds.staged == 2


def test_another_build_of_the_compiler_builds_the_bundle_anew(builds: Builds) -> None:
    compiler = this_interpreter()
    builds.build(compiler=compiler)
    builds.build(compiler=replace(compiler, version="3.12.99"))
    assert builds.staged == 2


def test_changed_bundling_code_builds_the_bundle_anew(
    builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds.build()
    monkeypatch.setattr("infra.bundle._BUILDERS", ("bundle.py",))
    builds.build()
    assert builds.staged == 2


def test_a_bundle_that_was_not_compiled_as_a_whole_is_not_kept(
    builds: Builds, tmp_path: Path
) -> None:
    broken = Compiler(tmp_path / "python", "3.12.1")
    broken.path.write_text("#!/bin/sh\nexit 1\n")
    broken.path.chmod(0o755)
    builds.build(compiler=broken)
    builds.build(compiler=broken)
    assert builds.staged == 2


def test_a_rejected_bundle_is_not_kept(builds: Builds) -> None:
    for _ in range(2):
        with pytest.raises(BundleError):
            builds.build(architecture=X86)
    assert builds.staged == 2


def test_the_second_build_for_lambda_neither_downloads_nor_compiles(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.bundle.find_runtime", this_interpreter)
    cache = BundleCache(tmp_path / "cache")
    first = build(tmp_path / "one.zip", ARM, cache)
    asked = len(index.requests)
    monkeypatch.setattr(subprocess, "run", None)  # fails whoever calls it
    second = build(tmp_path / "two.zip", ARM, cache)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert second.compiled
    assert len(index.requests) == asked == 2


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder whose modules have the names of modules that a build runs."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for module in ("pip", "compileall", "json"):
        (folder / f"{module}.py").write_text("raise SystemExit('imported from the folder')")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("hostile_folder")
def test_the_compiler_is_not_imported_from_the_working_folder(
    packages: Path, tmp_path: Path
) -> None:
    bundle = build_unpacked(packages, tmp_path, ARM, this_interpreter())
    assert any(name.endswith(".pyc") for name in names_in(bundle))
