"""A bundle in a file that the user chose, to be deployed as it is.

Its sources are proven by their digest. Its bytecode is not part of that, though it is what runs: so
it has to belong to the sources by all that it says about itself, and is compiled once more where
there is an interpreter that can. Another build of that interpreter may write other bytecode.
"""

import hashlib
from _imp import source_hash  # importlib.util's only knows the running interpreter's bytecode
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from imgctl.core.errors import Hint
from imgctl.regular_files import read_regular_file
from infra.bundle import (
    MAX_UNZIPPED_BYTES,
    Architecture,
    Bundle,
    check_libraries,
    local_architecture,
)
from infra.bundle_files import is_library
from infra.bundle_manifest import InvalidBundle, Manifest, Target, module_of, unpack
from infra.bytecode import compile_modules, find_runtime, this_interpreter
from infra.errors import BundleError

_HANDLER = "imgctl/worker/function.py"
_RUNTIME_MAGIC = (3531).to_bytes(2, "little") + b"\r\n"  # of Python 3.12, importlib's MAGIC_NUMBER
_UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: with the source's hash, which is never compared


@dataclass(frozen=True, slots=True)
class GivenBundle:
    """A bundle from a file, and its manifest.

    `is_reproduced` is whether compiling its sources here gives the bytecode that it contains.
    """

    bundle: Bundle
    manifest: Manifest
    is_reproduced: bool


def read_bundle(path: Path, *, is_local: bool) -> GivenBundle:
    """Read a bundle for Lambda, or for the embedded AWS of this machine.

    Raises BundleError for a file that is no bundle, or none that could run there, and OSError.
    """
    data = read_regular_file(path, max_bytes=MAX_UNZIPPED_BYTES)
    try:
        manifest, contents = unpack(data, max_bytes=MAX_UNZIPPED_BYTES)
        architecture = Architecture(manifest.architecture)
        _check_bytecode(contents, Target(manifest.target))
    except InvalidBundle as error:
        raise _refused(path, str(error)) from error
    except ValueError as error:
        raise _refused(path, "was written by another version of imgctl") from error
    if _HANDLER not in contents:
        raise _refused(path, f"does not contain {_HANDLER}")
    if is_local:
        _check_loadable(path, contents, architecture)
    elif manifest.target != Target.LAMBDA:
        raise _refused(path, "was built for the embedded AWS, with the packages of a machine")
    else:
        check_libraries(contents, architecture)
    bundle = Bundle(
        path,
        hashlib.sha256(data).hexdigest(),
        len(data),
        sum(map(len, contents.values())),
        architecture,
        manifest.sources,
        compiled=manifest.bytecode,
        is_given=True,
    )
    return GivenBundle(bundle, manifest, _is_reproduced(contents, Target(manifest.target)))


def check_architecture(bundle: Bundle, wanted: str) -> None:
    """Raise BundleError if a bundle is for another architecture than is wanted."""
    if bundle.architecture != wanted:
        raise BundleError(
            f"{bundle.path} is for {bundle.architecture}, and the function is to run on {wanted}.",
            hint=Hint("Nothing was changed. Build one with {}.", f"package --arch {wanted}"),
        )


def _check_bytecode(contents: Mapping[str, bytes], target: Target) -> None:
    """Raise InvalidBundle for bytecode that is not, or does not say that it is, of a source."""
    for name, data in contents.items():
        if not name.endswith(".pyc"):
            continue
        source = contents.get(module_of(name))
        if source is None:
            raise InvalidBundle(f"contains bytecode without its source: {name}")
        if target is Target.LAMBDA and data[:4] != _RUNTIME_MAGIC:
            raise InvalidBundle(f"contains bytecode of another Python than 3.12: {name}")
        expected = source_hash(int.from_bytes(data[:4], "little"), source)
        if data[4:8] != _UNCHECKED or data[8:16] != expected:
            raise InvalidBundle(f"contains bytecode of another source: {name}")


def _check_loadable(path: Path, contents: Mapping[str, bytes], architecture: Architecture) -> None:
    """Raise BundleError if this interpreter, which is the embedded AWS's, cannot load modules."""
    suffixes = (".cpython-", ".abi3.so")
    modules = [n for n in contents if is_library(n) and any(s in n for s in suffixes)]
    loadable = tuple(suffix for suffix in EXTENSION_SUFFIXES if suffix != ".so")
    fits = all(name.endswith(loadable) for name in modules)
    if not fits or architecture is not local_architecture():
        raise BundleError(
            f"{path} cannot be deployed to the embedded AWS: it is for {architecture} and another"
            " Python than the one that runs imgctl and the function here.",
            hint="Nothing was changed. Omit --bundle to build one for this machine.",
        )


def _is_reproduced(contents: Mapping[str, bytes], target: Target) -> bool:
    bytecode = {name: data for name, data in contents.items() if name.endswith(".pyc")}
    compiler = find_runtime() if target is Target.LAMBDA else this_interpreter()
    if not bytecode:
        return True
    if compiler is None:
        return False
    modules = {name: data for name, data in contents.items() if name.endswith(".py")}
    compiled = compile_modules(modules, compiler)
    return all(compiled.get(name) == data for name, data in bytecode.items())


def _refused(path: Path, reason: str) -> BundleError:
    return BundleError(
        f"{path} cannot be deployed: it {reason}.",
        hint=Hint("Nothing was changed. Build one with {}.", "package"),
    )
