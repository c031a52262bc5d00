import re
from collections import defaultdict
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from imgctl.core.formats import ImageFormat
from imgctl.core.keys import output_key
from imgctl.core.rendition_tables import (
    MAX_RENDITIONS,
    InvalidRendition,
    from_json,
    parse_renditions,
    settings_digest,
    to_json,
)
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import Cover, Fit, Gravity, MetadataPolicy, ResizeSpec, Scale

HALF: dict[str, Any] = {"name": "half", "prefix": "resized-", "scale": 0.5}
WEB: dict[str, Any] = {
    "name": "web", "prefix": "web/", "fit": "1600x1600", "format": "webp", "quality": 82,
}  # fmt: skip
THUMB: dict[str, Any] = {
    "name": "thumb", "prefix": "thumb/", "cover": "320x320", "format": "avif",
}  # fmt: skip


def test_a_table_says_how_a_rendition_is_made() -> None:
    half, web, thumb = parse_renditions([HALF, WEB, THUMB]).renditions
    assert half.spec == ResizeSpec()
    assert web.spec == ResizeSpec(target=Fit(1600, 1600), format=ImageFormat.WEBP, quality=82)
    assert thumb.spec == ResizeSpec(target=Cover(320, 320), format=ImageFormat.AVIF)


@pytest.mark.parametrize(
    ("fields", "spec"),
    [
        ({"scale": "1/3"}, ResizeSpec(target=Scale(Fraction(1, 3)))),
        ({"scale": "50%"}, ResizeSpec()),
        ({"scale": 0.3333333333333333}, ResizeSpec(target=Scale(Fraction("0.3333333333333333")))),
        (
            {"scale": "12.34567890123456789%"},
            ResizeSpec(target=Scale(Fraction("0.1234567890123456789"))),
        ),
        ({"scale": 0.00005}, ResizeSpec(target=Scale(Fraction(1, 20_000)))),
        ({"scale": 1}, ResizeSpec(target=Scale(Fraction(1)))),
        ({"width": 800}, ResizeSpec(target=Fit(width=800))),
        ({"height": 600}, ResizeSpec(target=Fit(height=600))),
        ({"fit": "800X600"}, ResizeSpec(target=Fit(800, 600))),
        (
            {"cover": "10x20", "gravity": "north"},
            ResizeSpec(target=Cover(10, 20, Gravity.NORTH)),
        ),
        (
            {"scale": 0.5, "metadata": "none", "format": "JPG"},
            ResizeSpec(format=ImageFormat.JPEG, metadata=MetadataPolicy.NONE),
        ),
    ],
)
def test_a_rendition_has_one_size_and_may_have_more(
    fields: dict[str, Any], spec: ResizeSpec
) -> None:
    tables = [{"name": "one", "prefix": "one-", **fields}]
    renditions = parse_renditions(tables)
    assert renditions.specs == (spec,)
    assert from_json(to_json(renditions)) == renditions


def changed(table: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {key: value for key, value in {**table, **fields}.items() if value is not None}


@pytest.mark.parametrize(
    ("tables", "place", "message", "hint"),
    [
        ([], (None, None), "not a list of tables", "[[renditions]]"),
        ({"half": HALF}, (None, None), "not a list of tables", "[[renditions]]"),
        (["half"], (0, None), "not a table", "[[renditions]]"),
        ([HALF, changed(WEB, sclae=1)], (1, "sclae"), "unknown field sclae", "scale"),
        ([changed(HALF, name=None)], (0, None), "name is missing", "lowercase letters"),
        ([changed(HALF, name="Half")], (0, "name"), "'Half' for name", "lowercase letters"),
        ([changed(HALF, name="a" * 33)], (0, "name"), "for name", "1 to 32"),
        ([changed(HALF, name="a\n")], (0, "name"), "for name", "1 to 32"),
        ([changed(HALF, prefix=None)], (0, None), "prefix is missing", "'web/'"),
        ([changed(HALF, prefix="")], (0, "prefix"), "'' for prefix", "'web/'"),
        ([changed(HALF, prefix="../x-")], (0, "prefix"), "for prefix", "'web/'"),
        ([changed(HALF, prefix="a/../")], (0, "prefix"), "for prefix", "'web/'"),
        ([changed(HALF, prefix="/a-")], (0, "prefix"), "for prefix", "'web/'"),
        ([changed(HALF, prefix="a//b-")], (0, "prefix"), "for prefix", "'web/'"),
        ([changed(HALF, prefix="é-")], (0, "prefix"), "for prefix", "'web/'"),
        ([changed(HALF, prefix="_/")], (0, "prefix"), "for prefix", "'web/'"),
        ([changed(HALF, prefix="a" * 129)], (0, "prefix"), "for prefix", "128"),
        ([changed(HALF, scale=None)], (0, None), "the size is missing", "scale, width"),
        ([changed(HALF, fit="1x1")], (0, "fit"), "scale and fit are both given", "Use one of"),
        ([changed(HALF, scale=0)], (0, "scale"), "invalid value 0 for scale", "above 0"),
        ([changed(HALF, scale=True)], (0, "scale"), "invalid value True", "above 0"),
        ([changed(HALF, scale="0.11111111111111111111e-20")], (0, "scale"), "invalid", "above 0"),
        ([changed(HALF, scale="1e-400000")], (0, "scale"), "invalid value", "above 0"),
        ([changed(HALF, gravity="north")], (0, "gravity"), "only for cover", "use cover"),
        ([changed(WEB, fit="1600")], (0, "fit"), "'1600' for fit", "WIDTHxHEIGHT"),
        ([changed(WEB, fit="0x9")], (0, "fit"), "'0x9' for fit", "WIDTHxHEIGHT"),
        ([changed(WEB, fit=[1, 2])], (0, "fit"), "[1, 2] for fit", "WIDTHxHEIGHT"),
        ([changed(WEB, format="heic")], (0, "format"), "'heic' for format", "jpeg, png"),
        ([changed(WEB, quality=0)], (0, "quality"), "0 for quality", "from 1 to 100"),
        ([changed(WEB, quality="82")], (0, "quality"), "'82' for quality", "from 1 to 100"),
        ([changed(WEB, metadata="some")], (0, "metadata"), "'some'", "safe, all or none"),
        ([changed(THUMB, gravity="up")], (0, "gravity"), "'up' for gravity", "north"),
        ([HALF, changed(WEB, name="half")], (1, "name"), "is called half", "another name"),
        ([HALF, changed(WEB, prefix="resized-")], (1, "prefix"), "results of half", "like"),
        ([HALF, changed(WEB, prefix="resized-w-")], (1, "prefix"), "results of half", "like"),
        ([WEB, changed(THUMB, prefix="web/thumb/")], (1, "prefix"), "results of web", "inside"),
        ([changed(HALF, name=f"n{i}", prefix=f"{i}x") for i in range(17)], (16, None), "17", "16"),
        (
            [changed(HALF, name=f"n{i}", prefix=f"{i:x}{'y' * 126}/") for i in range(16)],
            (15, None),
            "bytes",
            "fewer",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_what_is_allowed(
    tables: Any, place: tuple[int | None, str | None], message: str, hint: str
) -> None:
    with pytest.raises(InvalidRendition) as raised:
        parse_renditions(tables)
    error = raised.value
    assert (error.index, error.field) == place
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", '"half"', "[[]]", "[{}]"])
def test_json_that_holds_no_renditions_is_refused(text: str) -> None:
    with pytest.raises(InvalidRendition):
        from_json(text)


def test_as_many_renditions_as_allowed_fit_into_the_environment() -> None:
    tables = [changed(WEB, name=f"web-{i}", prefix=f"web-{i:02}/") for i in range(MAX_RENDITIONS)]
    assert len(parse_renditions(tables).renditions) == MAX_RENDITIONS


def test_the_digest_says_whether_a_rendition_is_made_in_the_same_way() -> None:
    def digest(**fields: Any) -> str:
        return settings_digest(parse_renditions([changed(WEB, **fields)]).renditions[0])

    assert digest() == digest(name="other", prefix="other/")
    assert re.fullmatch("[0-9a-f]{8}", digest())
    changes: list[dict[str, Any]] = [
        {"quality": 81},
        {"format": None},
        {"metadata": "none"},
        {"fit": "1600x1601"},
    ]
    assert len({digest(), *(digest(**fields) for fields in changes)}) == 5


# ------------------------------------------------------------------ keys


def renditions(*prefixes: str) -> RenditionSet:
    return parse_renditions(
        [changed(HALF, name=f"n{index}", prefix=prefix) for index, prefix in enumerate(prefixes)]
    )


def test_a_prefix_begins_the_name_and_its_folder_the_key() -> None:
    found = renditions("resized-", "web/", "print/big-").output_keys("a/b.jpg", ImageFormat.JPEG)
    assert found == ("a/resized-b.jpg", "web/a/b.jpg", "print/a/big-b.jpg")


def test_a_changed_format_appends_its_extension() -> None:
    both = parse_renditions([HALF, WEB])
    assert both.output_keys("b.heic", ImageFormat.HEIC) == ("resized-b.heic.jpg", "web/b.heic.webp")
    assert both.output_keys("b.webp", ImageFormat.WEBP) == ("resized-b.webp", "web/b.webp")
    assert both.output_keys("b", None) == ("resized-b", "web/b.webp")


@pytest.mark.parametrize("key", ["b.jpg", "a/b.jpg", "resized-b", "é/" * 300 + "b" * 400 + ".jpg"])
def test_the_default_has_the_keys_that_it_had_before_renditions(key: str) -> None:
    single = RenditionSet.unnamed("resized-", ResizeSpec())
    assert single.output_keys(key, ImageFormat.JPEG) == (output_key(key, "resized-"),)
    assert renditions("resized-", "web/").output_keys(key, ImageFormat.JPEG)[:1] == (
        output_key(key, "resized-"),
    )


def test_the_first_rendition_keeps_the_key_of_the_one_result_however_long_it_is() -> None:
    key = "d" * 1015 + "/a.jpg"
    first, second = renditions("resized-", "small-").output_keys(key, ImageFormat.JPEG)
    assert first == output_key(key, "resized-")
    assert first != second


def test_what_would_lie_among_results_of_another_rendition_gets_a_folder_of_its_own() -> None:
    both = renditions("resized-", "web/")
    assert both.output_keys("web/a.jpg", ImageFormat.JPEG) == (
        "_/web/resized-a.jpg",
        "web/web/a.jpg",
    )
    assert both.output_keys("_/web/a.jpg", ImageFormat.JPEG)[0] == "_/_/web/resized-a.jpg"


SEGMENTS = ("a", "web", "_", "resized-a", "small-a", "print", "x-resized-a")
FOLDERS = ["", *(f"{s}/" for s in SEGMENTS), *(f"{s}/{t}/" for s, t in product(SEGMENTS, SEGMENTS))]
LONG = "l" * 980


@pytest.mark.parametrize(
    "prefixes",
    [
        ("resized-", "web/"),
        ("resized-", "small-", "web/", "print/x-"),
        ("web/", "print/"),
        ("web/resized-", "web/small-", "resized-"),
        ("a/web/", "a/print/", "resized-"),
        ("a/resized-", "a/web/small-", "small-"),
    ],
)
def test_no_two_results_share_a_key(prefixes: tuple[str, ...]) -> None:
    owners: dict[str, set[tuple[str, int]]] = defaultdict(set)
    keys = [f + s for f, s in product(FOLDERS, SEGMENTS)]
    keys += [
        f"{f}{LONG}{tail}/{s}.jpg" for f in FOLDERS for s in SEGMENTS for tail in ("", "l" * 20)
    ]
    for key in keys:
        for index, output in enumerate(renditions(*prefixes).output_keys(key, ImageFormat.JPEG)):
            owners[output].add((key, index))
            assert len(output.encode()) <= 1024
    assert [owner for owner in owners.values() if len(owner) > 1] == []
