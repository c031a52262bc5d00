import base64
import hashlib
import importlib.util
import marshal
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.bundle import (
    Architecture,
    Bundle,
    BundleError,
    build_from,
    build_local,
    download_packages,
)
from infra.bytecode import find_runtime

ARM, X86 = Architecture.ARM64, Architecture.X86_64


def elf(machine: int, *, big_endian: bool = False) -> bytes:
    """Return the first bytes of an ELF shared library."""
    order = b"\x02" if big_endian else b"\x01"
    return (
        b"\x7fELF\x02" + order + b"\x01" + b"\x00" * 9 + b"\x03\x00" + machine.to_bytes(2, "little")
    )


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
        "bin/tool": b"#!/somebody/elses/python",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def names_in(bundle: Bundle) -> list[str]:
    with zipfile.ZipFile(bundle.path) as archive:
        return archive.namelist()


def test_the_bundle_contains_code_and_licenses(packages: Path, tmp_path: Path) -> None:
    names = names_in(build_from(packages, tmp_path, ARM))
    assert [name for name in names if not name.startswith("imgctl/")] == [
        "PIL/__init__.py",
        "PIL/_imaging.cpython-312-aarch64-linux-gnu.so",
        "pillow-13.0.0.dist-info/licenses/LICENSE",
        "pillow.libs/libjpeg-1a2b.so.62.4.0",
    ]


def test_of_imgctl_the_bundle_contains_only_what_the_function_runs(
    packages: Path, tmp_path: Path
) -> None:
    names = names_in(build_from(packages, tmp_path, ARM))
    own = {name for name in names if name.startswith("imgctl/")}
    assert {"imgctl/__init__.py", "imgctl/core/pixels.py", "imgctl/worker/handler.py"} <= own
    assert all(name.split("/")[1] in ("__init__.py", "core", "sandbox", "worker") for name in own)


def test_the_build_is_reproducible_in_another_folder(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = build_from(packages, tmp_path / "one", ARM)
    for path in packages.rglob("*"):  # as if built at another time, with another umask
        path.chmod(0o700)
        path.touch()
    two = build_from(packages, tmp_path / "two", ARM)
    assert one.path != two.path
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.sha256 == two.sha256 == hashlib.sha256(one.path.read_bytes()).hexdigest()
    assert one.key == f"function/{one.sha256}.zip"


@pytest.mark.parametrize(
    "other", [elf(62), elf(183, big_endian=True), b"MZ\x90\x00" + b"\x00" * 20]
)
def test_a_library_of_another_architecture_is_rejected_by_name(
    packages: Path, tmp_path: Path, other: bytes
) -> None:
    (packages / "pillow.libs" / "libjpeg-1a2b.so.62.4.0").write_bytes(other)
    with pytest.raises(BundleError, match=r"libjpeg-1a2b\.so.*arm64"):
        build_from(packages, tmp_path, ARM)


def test_a_bundle_without_its_library_is_rejected(packages: Path, tmp_path: Path) -> None:
    for library in (*packages.rglob("*.so"), *packages.rglob("*.so.*")):
        library.unlink()
    with pytest.raises(BundleError, match="no compiled library"):
        build_from(packages, tmp_path, ARM)


def test_a_bundle_over_lambdas_limit_is_rejected(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.bundle.MAX_UNZIPPED_BYTES", 1000)
    with pytest.raises(BundleError, match="limit is 1,000"):
        build_from(packages, tmp_path, ARM)


def test_the_local_bundle_runs_without_other_packages(tmp_path: Path) -> None:
    bundle = build_local(tmp_path)
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle.path) as archive:
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


def wheel(folder: Path, platform: str, library: bytes) -> Path:
    """Build a wheel of a package named pillow."""
    path = folder / f"pillow-99.0-cp312-cp312-{platform}.whl"
    files = {
        "PIL/__init__.py": b"",
        "PIL/_imaging.so": library,
        "pillow-99.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pillow\nVersion: 99.0\n",
        "pillow-99.0.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-{platform}\n".encode()
        ),
    }
    digests = {n: base64.urlsafe_b64encode(hashlib.sha256(d).digest()) for n, d in files.items()}
    record = "".join(f"{n},sha256={d.decode().rstrip('=')},\n" for n, d in digests.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("pillow-99.0.dist-info/RECORD", record)
    return path


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Architecture, Path]:
    """Let pip use a folder of wheels instead of an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return {
        ARM: wheel(folder, "manylinux2014_aarch64", elf(183)),
        X86: wheel(folder, "manylinux_2_28_x86_64", elf(62)),
    }


@pytest.mark.parametrize("architecture", [ARM, X86])
def test_pip_downloads_the_locked_wheel_of_the_architecture(
    wheels: dict[Architecture, Path], tmp_path: Path, architecture: Architecture
) -> None:
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels.values()]
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("pillow==99.0 " + " ".join(f"--hash=sha256:{h}" for h in hashes))
    target = tmp_path / "target"
    download_packages(requirements, architecture, target)
    bundle = build_from(target, tmp_path, architecture)
    assert "PIL/_imaging.so" in names_in(bundle)


@pytest.mark.usefixtures("wheels")
def test_a_wheel_with_another_hash_is_rejected(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pillow==99.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(BundleError, match=r"(?i)pip could not download.*(hash|match)"):
        download_packages(requirements, ARM, tmp_path / "target")


@pytest.mark.usefixtures("wheels")
def test_a_missing_package_is_reported_in_one_sentence(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pillow==13.0.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(BundleError, match="pip could not download Pillow for arm64: No matching"):
        download_packages(requirements, ARM, tmp_path / "target")


def test_the_bytecode_is_valid_and_unchecked(packages: Path, tmp_path: Path) -> None:
    bundle = build_from(packages, tmp_path, ARM, python=Path(sys.executable))
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
    python = Path(sys.executable)
    one = build_from(packages, tmp_path / "one", ARM, python=python)
    two = build_from(packages, tmp_path / "two", ARM, python=python)
    assert one.path.read_bytes() == two.path.read_bytes()


def test_only_the_runtimes_python_compiles_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: sys.executable)
    runtime = find_runtime()
    assert (runtime is not None) == (sys.version_info[:2] == (3, 12))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert (find_runtime() is not None) == (sys.version_info[:2] == (3, 12))


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
def test_pip_is_not_imported_from_the_working_folder(
    wheels: dict[Architecture, Path], tmp_path: Path
) -> None:
    digest = hashlib.sha256(wheels[ARM].read_bytes()).hexdigest()
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pillow==99.0 --hash=sha256:{digest}")
    download_packages(requirements, ARM, tmp_path / "target")
    assert (tmp_path / "target" / "PIL" / "_imaging.so").is_file()


@pytest.mark.usefixtures("hostile_folder")
def test_the_compiler_is_not_imported_from_the_working_folder(
    packages: Path, tmp_path: Path
) -> None:
    bundle = build_from(packages, tmp_path, ARM, python=Path(sys.executable))
    assert any(name.endswith(".pyc") for name in names_in(bundle))
