"""Write SBOMs in CycloneDX's JSON format: of each bundle, and of the locked command line.

Run as `python -m tests.supply_chain.sbom BIN FOLDER`, by `make sbom`; BIN has the programs of the
group `audit`. The documents are reproducible: they contain neither times nor serial numbers.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import imgctl
from imgctl.output_files import new_file_mode, output_file
from infra.bundle import Architecture, Bundle, build
from infra.bundle_cache import user_cache
from tests.packaging.installation import REPOSITORY

SPEC_VERSION = "1.6"

Sbom = dict[str, Any]

_VALIDATE = f"""
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

version = SchemaVersion.from_version({SPEC_VERSION!r})
error = JsonStrictValidator(version).validate_str(sys.stdin.read())
sys.exit(None if error is None else str(error))
"""


def requirements_sbom(programs: Path, requirements: Path) -> Sbom:
    """Let cyclonedx-py describe a lock file, as dependencies of imgctl."""
    command = [
        str(programs / "cyclonedx-py"), "requirements", "--output-reproducible",
        f"--spec-version={SPEC_VERSION}", f"--pyproject={REPOSITORY / 'pyproject.toml'}",
        str(requirements),
    ]  # fmt: skip
    # Which would add a time.
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return tidied(json.loads(done.stdout))


def tidied(sbom: Sbom) -> Sbom:
    """Name components by what they are, and state which of them require which.

    cyclonedx-py names a component after its line in the lock file, which it quotes with all of its
    hashes, and does not read what a package requires.
    """
    root, components = sbom["metadata"]["component"], sbom["components"]
    root["version"] = imgctl.__version__
    for component in components:
        component["bom-ref"] = component["purl"]
        del component["description"]
    components.sort(key=lambda component: str(component["purl"]))
    required = {root["bom-ref"]: requirements_of("imgctl", extra="local")}
    required |= {one["purl"]: requirements_of(one["name"]) for one in components}
    sbom["dependencies"] = [
        {
            "ref": ref,
            "dependsOn": [c["purl"] for c in components if _normalized(c["name"]) in names],
        }
        for ref, names in required.items()
    ]
    return sbom


def requirements_of(package: str, *, extra: str = "") -> set[str]:
    """Return the names of what an installed package requires on any platform."""
    try:
        requirements = metadata.requires(package) or []
    except metadata.PackageNotFoundError:  # which is not for this platform
        return set()
    names = set()
    for requirement in requirements:
        of_extra = re.search(r"extra *== *['\"]([^'\"]+)", requirement)
        if of_extra is None or of_extra[1] == extra:
            names.add(_normalized(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]))
            if own_extra := re.match(rf"{package}\[(.+?)\]", requirement):
                names |= requirements_of(package, extra=own_extra[1])
    return names


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def bundle_sbom(packages: Sbom, parts: Iterable[Sbom], names: Iterable[str], sha256: str) -> Sbom:
    """Return the SBOM of a bundle with this digest and these files.

    `packages` describes its packages, and `parts` are the SBOMs that Pillow's wheel contains. Their
    components become Pillow's, except modules that the bundle leaves out. Other wheels contain no
    SBOM: the libraries that they bring along are named after their files.
    """
    names = sorted(names)
    root = packages["metadata"]["component"]
    (pillow,) = (each for each in packages["components"] if each["name"] == "pillow")
    root["name"] = "imgctl-function"
    root["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    stems = {name.partition(".")[0].replace("/", ".") for name in names}
    components: dict[str, Any] = {}
    depends_on = {e["ref"]: set(e.get("dependsOn", ())) for e in packages["dependencies"]}
    for package in packages["components"]:
        if package is not pillow:
            package["components"] = _libraries(package, names)
            depends_on[package["bom-ref"]] |= {lib["bom-ref"] for lib in package["components"]}
    for part in parts:
        own = part["metadata"]["component"]["bom-ref"]
        left_out = {
            component["bom-ref"]
            for component in part["components"]
            if component["name"].startswith("PIL.") and component["name"] not in stems
        }
        for component in part["components"]:
            if component["bom-ref"] not in left_out | {own}:
                components[component["bom-ref"]] = component
        for entry in part.get("dependencies", ()):
            if entry["ref"] not in left_out:
                ref = pillow["bom-ref"] if entry["ref"] == own else entry["ref"]
                depends_on.setdefault(ref, set()).update(entry.get("dependsOn", ()))
                depends_on[ref] -= left_out
    depends_on[root["bom-ref"]] = {each["bom-ref"] for each in packages["components"]}
    pillow["components"] = [components[ref] for ref in sorted(components)]
    packages["dependencies"] = [
        {"ref": ref, "dependsOn": sorted(refs)} if refs else {"ref": ref}
        for ref, refs in sorted(depends_on.items())
    ]
    return packages


def _libraries(package: Mapping[str, Any], names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the libraries that a wheel brings along: `pi_heif.libs/libheif-7a3e919c.so.1.23.0`."""
    folder = f"{_normalized(package['name']).replace('-', '_')}.libs/"
    files = (name.removeprefix(folder) for name in names if name.startswith(folder))
    return [
        {"bom-ref": f"{package['purl']}#{file}", "type": "library", "name": file.partition("-")[0]}
        for file in files
    ]


def sbom_of(bundle: Bundle, packages: Sbom) -> Sbom:
    """Return the SBOM of a bundle, read from the SBOMs in it; see `bundle_sbom`."""
    with zipfile.ZipFile(bundle.path) as archive:
        names = archive.namelist()
        parts = [json.loads(archive.read(name)) for name in names if "/sboms/" in name]
    return bundle_sbom(packages, parts, names, bundle.sha256)


def validate(programs: Path, sbom: Mapping[str, Any]) -> None:
    """End with an error unless a document follows CycloneDX's schema."""
    done = subprocess.run(
        [str(programs / "python"), "-I", "-c", _VALIDATE],
        input=json.dumps(sbom),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)


def main(programs: Path, folder: Path) -> None:
    """Write all documents into a folder."""
    sboms = {"imgctl": requirements_sbom(programs, REPOSITORY / "requirements-local.txt")}
    with tempfile.TemporaryDirectory(prefix="imgctl-sbom-") as temporary:
        for architecture in Architecture:
            bundle = build(Path(temporary), architecture, user_cache())
            lock = REPOSITORY / "infra" / "function-requirements.txt"
            sboms[bundle.path.stem] = sbom_of(bundle, requirements_sbom(programs, lock))
    folder.mkdir(parents=True, exist_ok=True)
    for name, sbom in sboms.items():
        validate(programs, sbom)
        path = folder / f"{name}.cdx.json"
        with output_file(path, mode=new_file_mode()) as file:
            file.write(json.dumps(sbom, indent=2, sort_keys=True).encode() + b"\n")
        print(path)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
