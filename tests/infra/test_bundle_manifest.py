"""The digest of a bundle's sources depends on nothing that compiles or compresses them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from imgctl import __version__
from infra import bundle_manifest
from infra.bundle import Architecture, Bundle, Recipe, build_from
from infra.bundle_files import own_files, wheel_files
from infra.bundle_manifest import NAME, Target, describe, key_of, sources_in, verified
from infra.bytecode import Compiler, this_interpreter
from tests.infra.package_server import ARM_WHEEL, zipped

ROOT = Path(__file__).parents[2]
ARM = Architecture.ARM64
LIMIT = 10_000_000
OWN = {"imgctl/__init__.py": b"", "imgctl/core/x.py": b"X = 1"}
RECIPE = Recipe(ARM, OWN, {}, lambda: wheel_files(ARM_WHEEL))


def built(folder: Path, **changes: object) -> Bundle:
    return build_from(replace(RECIPE, **changes), folder)  # type: ignore[arg-type]


def test_the_digest_is_the_same_with_and_without_bytecode(tmp_path: Path) -> None:
    without = built(tmp_path)
    compiled = built(tmp_path, compiler=this_interpreter())
    assert (without.compiled, compiled.compiled) == (False, True)
    assert without.sources == compiled.sources
    assert (without.key, without.sha256 == compiled.sha256) == (compiled.key, False)


def test_the_digest_does_not_depend_on_the_builders_python_or_zlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = built(tmp_path).sources
    monkeypatch.setattr(sys, "version", "3.99")
    monkeypatch.setattr("zlib.ZLIB_RUNTIME_VERSION", "another")
    assert built(tmp_path).sources == expected


@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13"])
def test_each_python_that_imgctl_runs_on_finds_the_same_digest(name: str) -> None:
    program = (
        "from infra.bundle_files import own_files; from infra.bundle_manifest import describe;"
        "print(describe(own_files(), 'arm64').sources)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    python = shutil.which(name) or ""
    done = subprocess.run(
        [python or "false", "-c", program],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and "Traceback" not in done.stderr:
        pytest.skip(f"there is no {name} here")
    assert done.stdout == f"{describe(own_files(), ARM).sources}\n", done.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"own": {**OWN, "imgctl/core/x.py": b"X = 2"}},
        {"own": {**OWN, "imgctl/core/y.py": b""}},
        {"packages": lambda: {"PIL/other.so": ARM_WHEEL}, "target": Target.EMBEDDED},
        {"architecture": Architecture.X86_64, "target": Target.EMBEDDED},
    ],
    ids=["a module", "another module", "a package", "the architecture"],
)
def test_whatever_changes_the_code_changes_the_digest(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    assert built(tmp_path, **changes).sources != built(tmp_path).sources


def test_the_manifest_names_packages_architecture_and_bytecode(tmp_path: Path) -> None:
    bundle = built(tmp_path, own=own_files(), compiler=this_interpreter())
    manifest = bundle_manifest.read(bundle.path.read_bytes())
    assert json.loads(manifest.to_json()) == {
        "schema": 1,
        "sources": bundle.sources,
        "architecture": "arm64",
        "target": "lambda",
        "imgctl": __version__,
        "packages": {"pillow": "99.0"},
        "bytecode": True,
    }


def test_bytecode_that_is_incomplete_does_not_count(tmp_path: Path) -> None:
    broken = Compiler(tmp_path / "python", "3.12.1")
    broken.path.write_text("#!/bin/sh\nexit 1\n")
    broken.path.chmod(0o755)
    assert not built(tmp_path, compiler=broken).compiled


def test_a_bundle_proves_what_its_manifest_says(tmp_path: Path) -> None:
    bundle = built(tmp_path, compiler=this_interpreter())
    manifest = verified(bundle.path.read_bytes(), max_bytes=LIMIT)
    assert manifest is not None
    assert (manifest.sources, manifest.bytecode) == (bundle.sources, True)


def forgeries() -> dict[str, bytes]:
    manifest = describe(OWN, ARM).to_json()
    claims_bytecode = replace(describe(OWN, ARM), bytecode=True).to_json()
    return {
        "no zip file": b"PK",
        "no manifest": zipped(OWN),
        "another module": zipped({**OWN, "imgctl/core/x.py": b"import malware", NAME: manifest}),
        "a module more": zipped({**OWN, "malware.py": b"", NAME: manifest}),
        "no bytecode": zipped({**OWN, NAME: claims_bytecode}),
        "no JSON": zipped({**OWN, NAME: b"{"}),
        "a list": zipped({**OWN, NAME: b"[]"}),
        "other fields": zipped({**OWN, NAME: b'{"schema": 1, "extra": 2}'}),
        "too large": zipped({**OWN, "data.json": b"0" * (LIMIT + 1), NAME: manifest}),
    }


@pytest.mark.parametrize("forgery", forgeries())
def test_a_file_that_is_not_what_it_says_is_rejected(forgery: str) -> None:
    assert verified(forgeries()[forgery], max_bytes=LIMIT) is None


@pytest.mark.parametrize(
    "key", ["", f"function/{'ab' * 32}.zip", f"x/{key_of('ab' * 32)}", key_of("ab")]
)
def test_only_a_key_of_sources_has_their_digest(key: str) -> None:
    assert sources_in(key_of("ab" * 32)) == "ab" * 32
    assert sources_in(key) is None
