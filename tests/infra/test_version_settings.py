"""What a version consists of, and how two of them differ, in the words of the settings."""

import base64
from dataclasses import replace

from infra.bundle_manifest import key_of
from infra.changes import PropertyChange
from infra.settings import STACK_SETTINGS
from infra.template import VERSION_PARAMETERS
from infra.version_settings import (
    CODE,
    code_digest,
    content_of,
    deployed_content,
    differences,
    named_setting,
)
from tests.infra.test_function_version import PARAMETERS, VERSION

HASH, OTHER = "ab" * 32, "cd" * 32
DIGEST = base64.b64encode(bytes.fromhex(HASH)).decode()
KEY = key_of(HASH)
RESULT = {"SCALE": "0.5", "OUTPUT_PREFIX": "resized-"}
PUBLISHED = replace(VERSION, bundle=KEY, environment={**VERSION.environment, **RESULT})
DEPLOYED = PARAMETERS | {
    "CodeKey": KEY,
    "Scale": "0.5",
    "OutputPrefix": "resized-",
    "Quality": "",
    "MemoryMegabytes": "1769",
    "TimeoutSeconds": "60",
    "Architecture": "arm64",
}


def test_a_version_consists_of_all_that_makes_a_new_version() -> None:
    names = {spec.name for spec in STACK_SETTINGS if spec.parameter in VERSION_PARAMETERS}
    assert content_of(PUBLISHED).keys() == {CODE, *names}


def test_a_version_is_what_was_deployed_when_it_was_published() -> None:
    assert content_of(PUBLISHED) == deployed_content(DEPLOYED)


def test_differences_have_the_names_of_settings() -> None:
    after = replace(
        PUBLISHED,
        bundle=key_of(OTHER),
        memory_mb=2048,
        environment={**PUBLISHED.environment, "QUALITY": "70"},
    )
    assert differences(content_of(PUBLISHED), content_of(after)) == (
        PropertyChange("code", HASH, OTHER),
        PropertyChange("quality", "", "70"),
        PropertyChange("memory_mb", "1769", "2048"),
    )


def test_a_snapshot_is_part_of_a_version_and_none_is_taken_by_an_earlier_imgctl() -> None:
    with_snapshot = replace(PUBLISHED, snap_start=True)
    changed = PropertyChange("snap_start", "false", "true")
    assert differences(content_of(PUBLISHED), content_of(with_snapshot)) == (changed,)
    assert "SnapStart" not in DEPLOYED
    after = deployed_content(DEPLOYED | {"SnapStart": "true"})
    assert differences(deployed_content(DEPLOYED), after) == (changed,)


def test_a_queue_that_a_version_does_not_name_is_no_difference() -> None:
    without = content_of(replace(PUBLISHED, dead_letter_queue=""))
    assert differences(without, deployed_content(DEPLOYED)) == ()


def test_parameters_are_shown_under_the_names_of_settings() -> None:
    assert named_setting(PropertyChange("Quality", "", "70")).name == "quality"
    assert named_setting(PropertyChange("RequireTls", "false", "true")).name == "RequireTls"
    code = named_setting(PropertyChange("CodeKey", KEY, "function/other.zip"))
    assert code == PropertyChange("code", HASH, "function/other.zip")
    assert code_digest(KEY) == HASH


def test_code_of_an_earlier_imgctl_is_known_by_its_zip_file() -> None:
    earlier = f"function/{HASH}.zip"
    assert code_digest(earlier) == DIGEST
    before = content_of(replace(PUBLISHED, sha256=DIGEST, bundle=""))
    assert before == deployed_content(DEPLOYED | {"CodeKey": earlier})
    assert differences(before, deployed_content(DEPLOYED)) == (
        PropertyChange("code", DIGEST, HASH),
    )


def test_other_bytes_of_the_same_sources_are_the_same_code() -> None:
    other = replace(PUBLISHED, sha256="compiled elsewhere")
    assert differences(content_of(PUBLISHED), content_of(other)) == ()
