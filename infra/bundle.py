"""The function's bundle: its packages of imgctl and the locked dependencies, in one zip file.

The build is reproducible: names are sorted, times and modes are fixed, and nothing depends on the
machine that builds it. So a cache can return an earlier build from the same inputs.
"""

import hashlib
import io
import json
import os
import platform
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from imgctl.output_files import new_file_mode, output_file
from infra import bundle_manifest
from infra.bundle_cache import BundleCache
from infra.bundle_files import installed_files, is_library, own_files, wheel_files
from infra.bytecode import Compiler, compile_modules, find_runtime, this_interpreter
from infra.errors import BundleError
from infra.index_access import index_access, pip_files, pip_settings
from infra.package_index import PackageIndexes
from infra.wheels import locked_wheels

MAX_UNZIPPED_BYTES = 262_144_000
"""Lambda's limit on an unzipped deployment package (Lambda Developer Guide, "Quotas")."""

_HEIC_PACKAGE = "pi-heif"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
# The modules that decide a bundle's bytes.
_BUILDERS = ("bundle.py", "bundle_files.py", "bundle_manifest.py", "bytecode.py", "wheels.py")


class Architecture(StrEnum):
    """An instruction set, by Lambda's name."""

    ARM64 = "arm64"
    X86_64 = "x86_64"

    @property
    def elf_machine(self) -> int:
        """ELF's e_machine (System V ABI: EM_AARCH64 = 183, EM_X86_64 = 62)."""
        return 183 if self is Architecture.ARM64 else 62

    @property
    def wheel_platforms(self) -> tuple[str, ...]:
        """Platform tags of wheels for the runtime's glibc (2.34), in order of preference."""
        machine = "aarch64" if self is Architecture.ARM64 else "x86_64"
        return (f"manylinux2014_{machine}", f"manylinux_2_28_{machine}")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip file for Lambda: `sha256` in hexadecimal, sizes in bytes.

    `sources` is the digest that identifies its code, see `infra.bundle_manifest`. `compiled` is
    whether it includes bytecode, and `is_given` whether the user chose the file, so that no other
    build of the same sources is to be deployed in its place.
    """

    path: Path
    sha256: str
    zipped_bytes: int
    unzipped_bytes: int
    architecture: Architecture
    sources: str
    compiled: bool = False
    is_given: bool = False

    @property
    def key(self) -> str:
        """The key of the object that stores this code."""
        return bundle_manifest.key_of(self.sources)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a bundle is built from: `own` files of imgctl, and packages.

    `locked` decides what `packages` returns, which are files by their paths in the bundle and may
    have to be downloaded. Without a compiler, the bundle contains no bytecode.
    """

    architecture: Architecture
    own: Mapping[str, bytes]
    locked: Mapping[str, bytes]
    packages: Callable[[], Mapping[str, bytes]]
    compiler: Compiler | None = None
    target: bundle_manifest.Target = bundle_manifest.Target.LAMBDA

    def inputs(self) -> str:
        """Return the digest of everything that the bundle's bytes depend on."""
        builders = {name: (files("infra") / name).read_bytes() for name in _BUILDERS}
        contents = [
            {name: hashlib.sha256(data).hexdigest() for name, data in part.items()}
            for part in (self.own, self.locked, builders)
        ]
        versions = [sys.version, zlib.ZLIB_RUNTIME_VERSION, self.compiler and self.compiler.version]
        inputs = [self.architecture, self.target, versions, contents]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def build(
    destination: Path,
    architecture: Architecture,
    cache: BundleCache | None = None,
    *,
    heic: bool = True,
) -> Bundle:
    """Build the bundle for Lambda's python3.12, with its packages from the package index.

    Without `heic`, it lacks pi-heif and the libraries in it. `destination` is the file to write, or
    a folder in which to write `function-<arch>.zip`. An earlier build from the same inputs is taken
    from the cache, if there is one.

    Raises BundleError if a locked wheel cannot be downloaded, if a library is of another
    architecture, or if the bundle exceeds Lambda's limit.
    """
    lock = locked_requirements(heic=heic)

    def packages() -> Mapping[str, bytes]:
        indexes = PackageIndexes(index_access(os.environ, pip_settings(pip_files(os.environ))))
        wheels = locked_wheels(lock, architecture.wheel_platforms, indexes.download, cache)
        return {name: data for wheel in wheels for name, data in wheel_files(wheel).items()}

    recipe = Recipe(
        architecture, own_files(), {"requirements.txt": lock}, packages, compiler=find_runtime()
    )
    return build_from(recipe, destination, cache)


def locked_requirements(*, heic: bool) -> bytes:
    """Return the lock file of the function's packages, without pi-heif unless it is wanted."""
    lock = (files("infra") / "function-requirements.txt").read_bytes()
    return lock if heic else without_package(lock, _HEIC_PACKAGE)


def without_package(lock: bytes, name: str) -> bytes:
    """Return a requirements file without a package and its hashes."""
    pattern = rf"^{re.escape(name)}==.*\n(?:[ \t]+.*\n)*"
    return re.sub(pattern, "", lock.decode(), flags=re.MULTILINE).encode()


def build_local(
    destination: Path, cache: BundleCache | None = None, *, heic: bool = True
) -> Bundle:
    """Build the bundle for the embedded AWS, with the Pillow that is installed here.

    The embedded AWS runs the function with this interpreter, which may not load Lambda's wheel.
    This way the build also works offline. For `heic`, pi-heif is included if it is installed, as
    it is with the extra `local`.
    """
    try:
        packages = installed_files("pillow")
    except metadata.PackageNotFoundError as error:
        raise BundleError(
            "pillow is not installed.", hint="Reinstall imgctl with its dependencies."
        ) from error
    if heic:
        with suppress(metadata.PackageNotFoundError):
            packages |= installed_files(_HEIC_PACKAGE)
    recipe = Recipe(
        local_architecture(),
        own_files(),
        packages,
        lambda: packages,
        compiler=this_interpreter(),
        target=bundle_manifest.Target.EMBEDDED,
    )
    return build_from(recipe, destination, cache)


def local_architecture() -> Architecture:
    """Return this machine's architecture."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return Architecture.ARM64 if arm else Architecture.X86_64


def build_from(recipe: Recipe, destination: Path, cache: BundleCache | None = None) -> Bundle:
    """Build the bundle of a recipe, or take it from the cache; see `build`."""
    if destination.is_dir():
        destination /= f"function-{recipe.architecture}.zip"
    data = _find_or_build(recipe, cache)
    with output_file(destination, mode=new_file_mode()) as file:
        file.write(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unzipped_bytes = sum(entry.file_size for entry in archive.infolist())
    manifest = bundle_manifest.read(data)
    return Bundle(
        destination,
        hashlib.sha256(data).hexdigest(),
        len(data),
        unzipped_bytes,
        recipe.architecture,
        manifest.sources,
        compiled=manifest.bytecode,
    )


def _find_or_build(recipe: Recipe, cache: BundleCache | None) -> bytes:
    inputs = recipe.inputs() if cache else ""
    found = cache.find(inputs) if cache else None
    if found is not None:
        return found
    contents = {**recipe.packages(), **recipe.own}
    modules = {name: data for name, data in contents.items() if name.endswith(".py")}
    if recipe.compiler:
        contents |= compile_modules(modules, recipe.compiler)
    manifest = bundle_manifest.describe(contents, recipe.architecture, recipe.target)
    contents[bundle_manifest.NAME] = manifest.to_json()
    _check_size(contents)
    if recipe.target is bundle_manifest.Target.LAMBDA:
        check_libraries(contents, recipe.architecture)
    data = _zipped(contents)
    # Else the next build may succeed in compiling every module.
    if cache and (manifest.bytecode or recipe.compiler is None):
        cache.store(inputs, data)
    return data


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, for the mode below
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    return file.getvalue()


def _check_size(contents: Mapping[str, bytes]) -> None:
    unzipped_bytes = sum(map(len, contents.values()))
    if unzipped_bytes > MAX_UNZIPPED_BYTES:
        raise BundleError(
            f"The unzipped bundle has {unzipped_bytes:,} bytes;"
            f" Lambda's limit is {MAX_UNZIPPED_BYTES:,}.",
            hint="Reduce the function's dependencies.",
        )


def check_libraries(contents: Mapping[str, bytes], architecture: Architecture) -> None:
    """Raise BundleError unless Lambda can load the compiled libraries of a bundle's files."""
    libraries = {name: data for name, data in contents.items() if is_library(name)}
    for name, data in sorted(libraries.items()):
        # ELF header: magic at offset 0, byte order at 5 (1: little-endian), e_machine at 18.
        is_elf = data[:4] == b"\x7fELF" and data[5] == 1
        if not is_elf or int.from_bytes(data[18:20], "little") != architecture.elf_machine:
            raise BundleError(
                f"{name} is not an ELF library for {architecture}: Lambda cannot load it.",
                hint="Its wheel is for another one. Renew infra/function-requirements.txt.",
            )
    if not libraries:
        raise BundleError(
            "The bundle contains no compiled library: Pillow's is missing.",
            hint="Renew infra/function-requirements.txt.",
        )
