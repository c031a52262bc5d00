"""The wheels of a lock file: which of a release's Lambda can load, and where they are kept."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.bundle_cache import BundleCache

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<hashes>( --hash=\S+)+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# A wheel's name: https://packaging.python.org/specifications/binary-distribution-format/
_WHEEL = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?"
    r"-(?P<pythons>[^-]+)-(?P<abis>[^-]+)-(?P<platforms>[^-]+)\.whl"
)
_RUNTIME_MINOR = 12  # of Lambda's python3.12


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """A release, and the SHA-256 digests in hexadecimal of the files that may be used of it."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def cache_key(self, platforms: Sequence[str]) -> str:
        """Return the digest under which the wheel for these platforms is kept."""
        parts = ["wheel", self.name, self.version, sorted(self.hashes), list(platforms)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def allows(self, data: bytes) -> bool:
        """Return whether a file is one of the locked ones, by its digest."""
        return hashlib.sha256(data).hexdigest() in self.hashes

    def preference(self, filename: str, platforms: Sequence[str]) -> tuple[int, int] | None:
        """Return the rank of a wheel of this release, the lowest being the best.

        None is a file that is no wheel of it, or one that Lambda could not load. `platforms` are
        tags in the order of preference.
        """
        wheel = _WHEEL.fullmatch(filename)
        if (
            wheel is None
            or normalized(wheel["name"]) != normalized(self.name)
            or wheel["version"] != self.version
        ):
            return None
        abi = _abi_rank(wheel["pythons"].split("."), wheel["abis"].split("."))
        tags = wheel["platforms"].split(".")
        ranks = [at for at, tag in enumerate((*platforms, "any")) if tag in tags]
        return None if abi is None or not ranks else (abi, ranks[0])


def locked_packages(lock: bytes) -> list[LockedPackage]:
    """Return the packages of a requirements file that pins each with hashes.

    Raises ValueError for any other requirement.
    """
    text = re.sub(r"[ \t]*\\\n[ \t]*", " ", lock.decode())
    lines = (line.strip() for line in text.splitlines())
    packages = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        requirement = _REQUIREMENT.fullmatch(line)
        if requirement is None:
            raise ValueError(f"not a pinned requirement with hashes: {line}")
        hashes = frozenset(_HASH.findall(requirement["hashes"]))
        packages.append(LockedPackage(requirement["name"], requirement["version"], hashes))
    return packages


def locked_wheels(
    lock: bytes,
    platforms: Sequence[str],
    download: Callable[[LockedPackage, Sequence[str]], bytes],
    cache: BundleCache | None,
) -> list[bytes]:
    """Return the wheel of each locked package, from the cache or else downloaded and then kept."""
    wheels = []
    for package in locked_packages(lock):
        key = package.cache_key(platforms)
        wheel = cache.find(key) if cache else None
        if wheel is None or not package.allows(wheel):
            wheel = download(package, platforms)
            if cache:
                cache.store(key, wheel)
        wheels.append(wheel)
    return wheels


def normalized(name: str) -> str:
    """Return a package's name as indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _abi_rank(pythons: Sequence[str], abis: Sequence[str]) -> int | None:
    """Return 0 for a wheel for the runtime's CPython, 1 for the stable ABI, 2 for pure Python."""
    runtime = f"cp3{_RUNTIME_MINOR}"
    if runtime in pythons and runtime in abis:
        return 0
    minors = [int(tag[3:]) for tag in pythons if re.fullmatch(r"cp3\d+", tag)]
    if "abi3" in abis and any(minor <= _RUNTIME_MINOR for minor in minors):
        return 1
    return 2 if "none" in abis and {"py3", f"py3{_RUNTIME_MINOR}"} & set(pythons) else None
