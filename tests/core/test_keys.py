import pytest

from imgctl.core.formats import ImageFormat
from imgctl.core.keys import decode_event_key, output_key, output_name, resource_id


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("cake.jpg", "resized-cake.jpg"),
        ("a/b/cake.jpg", "a/b/resized-cake.jpg"),
        ("no-extension", "resized-no-extension"),
        (".hidden", "resized-.hidden"),
        ("/leading.png", "/resized-leading.png"),
        ("double//slash.png", "double//resized-slash.png"),
        ("käse & 🍰.jpg", "resized-käse & 🍰.jpg"),
    ],
)
def test_the_folder_is_kept_and_the_name_gets_the_prefix(key: str, expected: str) -> None:
    assert output_key(key, "resized-") == expected


def test_the_extension_of_a_changed_format_is_appended() -> None:
    assert output_name("cake.v2.png", "small-", ImageFormat.JPEG) == "small-cake.v2.png.jpg"
    assert output_name("cake.png", "", ImageFormat.JPEG, suffix="@2x") == "cake@2x.png.jpg"
    assert output_key("a/cake.heic", "resized-", ImageFormat.JPEG) == "a/resized-cake.heic.jpg"


def test_a_long_key_keeps_the_extension_of_a_changed_format() -> None:
    output = output_key("x" * 1019 + ".heic", "resized-", ImageFormat.JPEG)
    assert output.endswith(".heic.jpg")
    assert len(output) == 1024
    assert output != output_key("x" * 1019 + ".heic", "resized-")


def test_a_key_too_long_for_the_prefix_is_truncated_and_stays_unique() -> None:
    assert output_key("é" * 508, "resized-") == "resized-" + "é" * 508
    keys = ["a/" + "é" * 500 + end for end in ("xyz0123456789.jpg", "xyz0123456780.jpg")]
    outputs = [output_key(key, "resized-") for key in keys]
    assert all(1020 <= len(output.encode()) <= 1024 for output in outputs)
    assert all(output.startswith("a/resized-éé") for output in outputs)
    assert all(output.endswith(".jpg") for output in outputs)
    assert len(set(outputs)) == 2


@pytest.mark.parametrize("key", ["x" * 1024, "/" * 1024, "f/" * 511 + "ab", "x." + "y" * 1022])
def test_the_longest_keys_have_an_output(key: str) -> None:
    assert len(output_key(key, "resized-").encode()) <= 1024
    assert output_key(key, "resized-") != key


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b.jpg", "a b.jpg"),
        ("a%2Bb.jpg", "a+b.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("%F0%9F%8D%B0", "🍰"),
    ],
)
def test_event_keys_are_form_encoded(encoded: str, key: str) -> None:
    assert decode_event_key(encoded) == key


def test_the_same_version_is_the_same_record_whatever_the_rest_of_the_event() -> None:
    first = resource_id("bucket", "key", version_id="v1", etag="a", sequencer="01")
    assert first == resource_id("bucket", "key", version_id="v1", etag="b", sequencer="02")
    assert len(first) == 32


@pytest.mark.parametrize(
    "other",
    [
        {"bucket": "bucket", "key": "key", "version_id": "v2"},
        {"bucket": "bucke", "key": "tkey", "version_id": "v1"},
        {"bucket": "bucket", "key": "key", "etag": "v1"},
        {"bucket": "bucket", "key": "key", "etag": "v", "sequencer": "1"},
    ],
)
def test_a_different_object_is_a_different_record(other: dict[str, str]) -> None:
    assert resource_id(**other) != resource_id("bucket", "key", version_id="v1")


def test_quotes_around_an_etag_do_not_matter() -> None:
    assert resource_id("b", "k", etag='"abc"') == resource_id("b", "k", etag="abc")
