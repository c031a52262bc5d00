from dataclasses import replace

import pytest

from imgctl.core.limits import Limits
from imgctl.core.rendition_tables import to_json
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec
from imgctl.worker.settings import SettingsError, from_environ
from tests.worker.cloud import THREE

ENVIRON = {
    "SOURCE_BUCKET": "in",
    "DESTINATION_BUCKET": "out",
    "TABLE_NAME": "hala-db",
    "OUTPUT_PREFIX": "resized-",
    "SCALE": "0.5",
}


def test_the_environment_is_read() -> None:
    settings = from_environ(ENVIRON)
    assert settings.destination_bucket == "out"
    assert settings.renditions == RenditionSet.unnamed("resized-", ResizeSpec())
    assert settings.cache_control == ""


def test_the_quality_is_read() -> None:
    assert from_environ(ENVIRON | {"QUALITY": "60"}).renditions.specs[0].quality == 60
    with pytest.raises(SettingsError, match="QUALITY"):
        from_environ(ENVIRON | {"QUALITY": "0"})


def test_renditions_take_the_place_of_scale_prefix_and_quality() -> None:
    settings = from_environ(ENVIRON | {"RENDITIONS": to_json(THREE), "SCALE": "", "QUALITY": "60"})
    assert settings.renditions == THREE


@pytest.mark.parametrize("text", ["", "[]", '[{"name": "a", "prefix": "a-"}]', "[" * 10_000])
def test_invalid_renditions_are_rejected(text: str) -> None:
    with pytest.raises(SettingsError, match="RENDITIONS is invalid"):
        from_environ(ENVIRON | {"RENDITIONS": text})


@pytest.mark.parametrize("name", ENVIRON)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environ({k: v for k, v in ENVIRON.items() if k != name})


@pytest.mark.parametrize("scale", ["0", "2", "half", "1/0"])
def test_an_invalid_scale_is_rejected(scale: str) -> None:
    with pytest.raises(SettingsError, match="SCALE"):
        from_environ(ENVIRON | {"SCALE": scale})


def test_a_function_that_would_trigger_itself_is_rejected() -> None:
    with pytest.raises(SettingsError, match="would trigger"):
        from_environ(ENVIRON | {"DESTINATION_BUCKET": "in"})


@pytest.mark.parametrize(("megabytes", "mebibytes"), [("256", 87), ("1769", 1600), ("4096", 3927)])
def test_an_image_may_not_need_more_memory_than_the_function_has(
    megabytes: str, mebibytes: int
) -> None:
    limits = from_environ(ENVIRON | {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": megabytes}).limits
    assert limits.max_process_bytes == mebibytes * 1024 * 1024
    assert limits.max_memory_bytes == limits.max_process_bytes * 3 / 4


def test_the_default_limits_are_those_of_the_default_function() -> None:
    limits = from_environ(ENVIRON).limits.for_time(45)  # of 60 s, without the reserve
    assert replace(Limits(), max_cpu_seconds=None) == limits
