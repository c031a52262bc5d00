import json
from pathlib import Path
from typing import Any

import imgctl
from infra.bundle import build_local
from infra.bundle_cache import user_cache
from tests.supply_chain.sbom import bundle_sbom, requirements_of, sbom_of, tidied

PILLOW = "pkg:pypi/pillow@13.0.0"
SHA256 = "ab" * 32


def component(ref: str, name: str) -> dict[str, Any]:
    return {"bom-ref": ref, "type": "library", "name": name}


def packages() -> dict[str, Any]:
    """What cyclonedx-py writes for a lock file with Pillow."""
    line = {"bom-ref": "requirements-L3", "type": "library", "name": "pillow", "purl": PILLOW}
    return {
        "metadata": {"component": {"bom-ref": "root", "type": "application", "name": "imgctl"}},
        "components": [line | {"version": "13.0.0", "description": "requirements line 3: ..."}],
        "dependencies": [{"ref": "requirements-L3"}, {"ref": "root"}],
    }


PARTS = [
    {
        "metadata": {"component": component(PILLOW, "Pillow"), "timestamp": "2026-10-16T20:10:55Z"},
        "components": [
            component("jpeg", "libjpeg"),
            component("tk", "PIL._imagingtk"),
            component("imaging", "PIL._imaging"),
        ],
        "dependencies": [
            {"ref": PILLOW, "dependsOn": ["imaging", "tk"]},
            {"ref": "imaging", "dependsOn": ["jpeg"]},
            {"ref": "tk", "dependsOn": ["jpeg"]},
            {"ref": "jpeg"},
        ],
    },
    {
        "metadata": {"component": component("wheel", "pillow")},
        "components": [component("wheel", "pillow"), component("xau", "libXau")],
        "dependencies": [{"ref": "wheel", "dependsOn": ["xau"]}, {"ref": "xau"}],
    },
]
NAMES = ["PIL/__init__.py", "PIL/_imaging.cpython-312-aarch64-linux-gnu.so"]


def merged() -> dict[str, Any]:
    return bundle_sbom(tidied(packages()), PARTS, NAMES, SHA256)


def test_a_component_is_named_by_what_it_is() -> None:
    (pillow,) = tidied(packages())["components"]
    assert (pillow["bom-ref"], pillow.get("description")) == (PILLOW, None)


def test_pillow_contains_the_libraries_of_its_wheel() -> None:
    (pillow,) = merged()["components"]
    assert [part["name"] for part in pillow["components"]] == ["PIL._imaging", "libjpeg", "libXau"]


def test_what_depends_on_what_is_kept_without_what_the_bundle_leaves_out() -> None:
    assert merged()["dependencies"] == [
        {"ref": "imaging", "dependsOn": ["jpeg"]},
        {"ref": "jpeg"},
        {"ref": PILLOW, "dependsOn": ["imaging", "xau"]},
        {"ref": "root", "dependsOn": [PILLOW]},
        {"ref": "xau"},
    ]


def test_the_libraries_of_a_wheel_without_an_sbom_are_named_after_its_files() -> None:
    purl = "pkg:pypi/pi-heif@1.4.0"
    document = packages()
    line = {"bom-ref": "requirements-L9", "type": "library", "name": "pi-heif", "purl": purl}
    document["components"].append(line | {"version": "1.4.0", "description": "..."})
    files = ["pi_heif.libs/libde265-90fb0ce1.so.0.2.0", "pi_heif.libs/libheif-7a3e919c.so.1.23.0"]
    sbom = bundle_sbom(tidied(document), PARTS, [*NAMES, *files], SHA256)
    pi_heif, _ = sbom["components"]
    assert [library["name"] for library in pi_heif["components"]] == ["libde265", "libheif"]
    required = {entry["ref"]: entry.get("dependsOn", []) for entry in sbom["dependencies"]}
    assert required["root"] == [purl, PILLOW]
    assert required[purl] == [
        f"{purl}#libde265-90fb0ce1.so.0.2.0",
        f"{purl}#libheif-7a3e919c.so.1.23.0",
        PILLOW,
    ]


def test_the_document_is_about_one_bundle_and_has_no_time() -> None:
    sbom = merged()
    assert sbom["metadata"] == {
        "component": {
            "bom-ref": "root",
            "type": "application",
            "name": "imgctl-function",
            "version": imgctl.__version__,
            "hashes": [{"alg": "SHA-256", "content": SHA256}],
        }
    }
    assert json.dumps(sbom) == json.dumps(merged())


def test_the_sboms_in_a_real_bundle_are_read(tmp_path: Path) -> None:
    sbom = sbom_of(build_local(tmp_path, user_cache()), tidied(packages()))
    names = {part["name"] for part in sbom["components"][0]["components"]}
    assert {"PIL._imaging", "libwebp"} <= names
    assert "PIL._imagingtk" not in names
    refs = {part["bom-ref"] for part in sbom["components"][0]["components"]} | {PILLOW, "root"}
    assert {entry["ref"] for entry in sbom["dependencies"]} <= refs
    assert {ref for one in sbom["dependencies"] for ref in one.get("dependsOn", ())} <= refs


def test_requirements_include_those_of_the_extra_alone() -> None:
    assert {"boto3", "click", "ministack"} <= requirements_of("imgctl", extra="local")
    assert "ministack" not in requirements_of("imgctl")
    assert requirements_of("no-such-package") == set()
