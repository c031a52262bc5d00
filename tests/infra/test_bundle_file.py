"""A bundle in a file that the user chose: what can be deployed, and what is refused."""

import importlib.util
import io
import os
import sys
import zipfile
from _imp import source_hash
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.bundle import Architecture, Recipe, build_from, local_architecture
from infra.bundle_file import check_architecture, read_bundle
from infra.bundle_files import wheel_files
from infra.bundle_manifest import NAME, Target, describe
from infra.bytecode import Compiler, compile_modules, this_interpreter
from infra.errors import BundleError
from tests.infra.package_server import ARM_WHEEL, zipped

HANDLER = "imgctl/worker/function.py"
OWN = {"imgctl/__init__.py": b'__version__ = "0.0.9"\n', HANDLER: b"X = 1\n"}
FILES = {**OWN, **wheel_files(ARM_WHEEL)}
PYC = "imgctl/worker/__pycache__/function.cpython-312.pyc"
RUNTIME = sys.version_info[:2] == (3, 12)


def bundle_of(path: Path, files: Mapping[str, bytes], target: Target = Target.LAMBDA) -> Path:
    """Write a bundle of any files, with the manifest that they should have."""
    manifest = describe(files, Architecture.ARM64, target)
    path.write_bytes(zipped({**files, NAME: manifest.to_json()}))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "function.zip"


def test_the_file_of_a_build_is_read_as_it_was_built(path: Path) -> None:
    recipe = Recipe(Architecture.ARM64, OWN, {}, lambda: wheel_files(ARM_WHEEL))
    built = build_from(recipe, path)
    given = read_bundle(path, is_local=False)
    assert (given.bundle.sha256, given.bundle.key) == (built.sha256, built.key)
    assert (given.bundle.is_given, given.bundle.unzipped_bytes) == (True, built.unzipped_bytes)
    assert (given.manifest.imgctl, given.manifest.packages) == ("0.0.9", {"pillow": "99.0"})
    check_architecture(given.bundle, "arm64")
    with pytest.raises(
        BundleError, match="is for arm64, and the function is to run on x86_64"
    ) as refused:
        check_architecture(given.bundle, "x86_64")
    assert "`imgctl package --arch x86_64`" in refused.value.hint


@pytest.mark.skipif(not RUNTIME, reason="compiles with Python 3.12")
def test_bytecode_is_compiled_once_more(path: Path) -> None:
    compiled = compile_modules(
        {k: v for k, v in FILES.items() if k.endswith(".py")}, this_interpreter()
    )
    bundle_of(path, {**FILES, **compiled})
    assert read_bundle(path, is_local=False).is_reproduced

    # Bytecode of other code, which claims to be of this source.
    other = compile_modules({HANDLER: b"X = 2\n"}, this_interpreter())[PYC]
    bundle_of(path, {**FILES, **compiled, PYC: compiled[PYC][:16] + other[16:]})
    given = read_bundle(path, is_local=False)
    assert (given.bundle.compiled, given.is_reproduced) == (True, False)


def test_without_an_interpreter_for_it_bytecode_is_not_proven(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_of(path, {**FILES, PYC: bytecode(OWN[HANDLER])})
    monkeypatch.setattr("infra.bundle_file.find_runtime", lambda: None)
    assert not read_bundle(path, is_local=False).is_reproduced
    broken = Compiler(Path("/bin/false"), "3.12.1")
    monkeypatch.setattr("infra.bundle_file.find_runtime", lambda: broken)
    assert not read_bundle(path, is_local=False).is_reproduced


def bytecode(source: bytes, magic: bytes = b"\xcb\r\r\n", flags: int = 1) -> bytes:
    digest = source_hash(int.from_bytes(magic, "little"), source)
    return magic + flags.to_bytes(4, "little") + digest + b"N"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({PYC: bytecode(b"another")}, "bytecode of another source"),
        ({PYC: bytecode(OWN[HANDLER], flags=3)}, "bytecode of another source"),
        ({PYC: b""}, "bytecode of another Python"),
        ({PYC: bytecode(OWN[HANDLER], magic=b"\xf3\r\r\n")}, "bytecode of another Python"),
        ({"sitecustomize.pyc": bytecode(b"")}, "bytecode without its source: sitecustomize"),
        ({"a/__pycache__/b.cpython-312.pyc": bytecode(b"")}, "bytecode without its source"),
    ],
    ids=["other source", "checked", "empty", "other Python", "no folder", "no source"],
)
def test_bytecode_that_does_not_belong_to_its_source_is_refused(
    path: Path, files: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(BundleError, match=reason):
        read_bundle(bundle_of(path, {**FILES, **files}), is_local=False)


def test_the_hash_of_a_source_is_that_of_importlib() -> None:
    magic = importlib.util.MAGIC_NUMBER
    assert bytecode(b"X = 1", magic)[8:16] == importlib.util.source_hash(b"X = 1")


def hostile() -> dict[str, tuple[bytes, str]]:
    manifest = describe(FILES, Architecture.ARM64).to_json()
    good = {**FILES, NAME: manifest}

    def entry(name: str, data: bytes = b"", mode: int = 0) -> bytes:
        file = io.BytesIO(zipped(good))
        with zipfile.ZipFile(file, "a") as archive:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
        return file.getvalue()

    return {
        "no zip file": (b"{}", "not a zip file"),
        "cut off": (zipped(good)[:-30], "not a zip file"),
        "no manifest": (zipped(FILES), "no valid imgctl-bundle.json"),
        "nested manifest": (zipped({**FILES, NAME: b"[" * 100_000}), "no valid"),
        "parent folder": (entry("../../home/x.py"), "leads elsewhere"),
        "absolute": (entry("/etc/cron.d/x"), "leads elsewhere"),
        "backslashes": (entry("..\\x.py"), "leads elsewhere"),
        "control characters": (entry("a\x1b[31m.py"), "leads elsewhere"),
        "endless": (entry("a/" * 30_000 + "a"), "leads elsewhere"),
        "folder": (entry("a/"), "leads elsewhere"),
        "file and folder": (entry(f"{HANDLER}/x.py"), "a path twice"),
        "link": (entry("link", b"/etc/passwd", 0o120777), "a link"),
        "a file more": (entry("malware.py"), "other files than"),
        "before": (b"#!/bin/sh\n" + zipped(good), "before, after or between"),
        "after": (zipped(good) + b"\n", "before, after or between"),
        "no function": (
            zipped({"a.py": b"", NAME: describe({"a.py": b""}, "arm64").to_json()}),
            "does not contain imgctl/worker/function.py",
        ),
        "other architecture": (
            zipped({**FILES, NAME: describe(FILES, "riscv").to_json()}),
            "another version of imgctl",
        ),
        "other target": (
            zipped({**FILES, NAME: describe(FILES, "arm64", "elsewhere").to_json()}),
            "another version of imgctl",
        ),
        "library of another architecture": (
            zipped({**FILES, NAME: describe(FILES, "x86_64").to_json()}),
            "not an ELF library for x86_64",
        ),
    }


HOSTILE = hostile()


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(path: Path, case: str) -> None:
    content, reason = HOSTILE[case]
    path.write_bytes(content)
    with pytest.raises(BundleError, match=reason):
        read_bundle(path, is_local=False)


def test_a_bomb_is_not_unpacked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.bundle_file.MAX_UNZIPPED_BYTES", 1_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.json", bytes(10_000_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(BundleError, match="more than Lambda's limit of 1,000,000 bytes"):
        read_bundle(path, is_local=False)

    bomb = path.read_bytes()  # which now says, in the list of files, that they are small
    path.write_bytes(bomb.replace((10_000_000).to_bytes(4, "little"), (9).to_bytes(4, "little")))
    with pytest.raises(BundleError, match="damaged"):
        read_bundle(path, is_local=False)


def test_a_name_twice_is_refused(path: Path) -> None:
    """Which of them is used depends on the program."""
    bundle_of(path, FILES)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(HANDLER, b"import malware")
    with pytest.raises(BundleError, match="a path twice"):
        read_bundle(path, is_local=False)


def test_a_pipe_and_a_huge_file_are_not_read(path: Path, tmp_path: Path) -> None:
    path.touch()
    os.truncate(path, 10**12)
    os.mkfifo(tmp_path / "pipe")
    for other in (path, tmp_path / "pipe"):
        with pytest.raises(OSError, match=str(other)):
            read_bundle(other, is_local=False)


def test_a_bundle_for_this_machine_is_not_for_lambda(path: Path) -> None:
    bundle_of(path, FILES, Target.EMBEDDED)
    with pytest.raises(BundleError, match="built for the embedded AWS"):
        read_bundle(path, is_local=False)


def test_the_embedded_aws_runs_what_this_interpreter_can_load(path: Path) -> None:
    here = local_architecture()
    for library, loadable in (
        ("PIL/_imaging.cpython-27-sparc.so", False),
        (f"PIL/_imaging{importlib.machinery.EXTENSION_SUFFIXES[0]}", True),
    ):
        files = {**OWN, library: b"\x7fELF"}
        path.write_bytes(zipped({**files, NAME: describe(files, here).to_json()}))
        if loadable:
            assert read_bundle(path, is_local=True).bundle.architecture is here
        else:
            with pytest.raises(BundleError, match="another Python than the one"):
                read_bundle(path, is_local=True)
