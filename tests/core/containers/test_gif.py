"""Reading the blocks of GIFs."""

import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgctl.core.containers import gif as gif_reader
from imgctl.core.errors import PictureError, TooLarge
from imgctl.core.geometry import Size
from imgctl.core.spec import MetadataPolicy, ResizeSpec
from tests.core.costs import measured_cost
from tests.core.damage import damaged
from tests.core.gifs import Frame, gif
from tests.core.resizing import halve
from tests.pictures import animation

PALETTE = [(0, 0, 0), (255, 255, 255)]
FRAMES = [Frame([[0, 1]] * 2), Frame([[1, 0]] * 2)]
MEGABYTE = 1_000_000


def read(data: bytes) -> gif_reader.GifContainer:
    return gif_reader.read(io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    ("between"),
    [
        b"\0" * (2 << 20),
        bytes(random.Random(1).choices([c for c in range(256) if chr(c) not in "!,;"], k=100_000)),
        b"!\xfe" + b"\x01a" * 200_000 + b"\0",
        b"!\xfe" + (b"\xff" + b"b" * 255) * 10_000 + b"\0",
        b"!\x01\x01x\0",
    ],
    ids=["zeros", "junk", "a comment of tiny blocks", "a long comment", "an unknown extension"],
)
def test_what_is_between_the_frames_does_not_matter(between: bytes) -> None:
    container = read(gif((2, 2), PALETTE, FRAMES, between=between))
    assert (container.frames, container.size) == (2, Size(2, 2))


@pytest.mark.parametrize(("repeats", "plays"), [(None, 1), (0, 0), (1, 2), (65_535, 65_536)])
def test_repeats_are_plays_but_one(repeats: int | None, plays: int) -> None:
    assert read(gif((2, 2), PALETTE, FRAMES, repeats=repeats)).plays == plays


def test_times_disposal_and_transparency_are_those_of_each_frame() -> None:
    frames = [Frame([[0]], transparency=1, disposal=2, duration=7), Frame([[0]], duration=None)]
    first, second = read(gif((1, 1), PALETTE, frames)).images
    assert (first.transparency, first.disposal, first.duration_ms) == (1, 2, 70)
    assert (second.transparency, second.disposal, second.duration_ms) == (None, 1, 0)


def test_a_later_frame_that_is_larger_than_the_screen_is_counted_in_the_memory() -> None:
    large = gif((1, 1), PALETTE, [Frame([[0]]), Frame([[0]])]).replace(
        b",\0\0\0\0\1\0\1\0", b",\0\0\0\0\x20\x4e\x20\x4e"
    )[:]
    small_first = large.replace(b",\0\0\0\0\x20\x4e\x20\x4e", b",\0\0\0\0\1\0\1\0", 1)
    container = read(small_first)
    assert container.size == Size(1, 1)
    assert container.decoder_bytes > 20_000 * 20_000
    with pytest.raises(TooLarge):
        halve(small_first)


def test_more_blocks_than_any_picture_needs_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gif_reader, "_MAX_STEPS", 1000)
    with pytest.raises(TooLarge, match="blocks"):
        read(gif((2, 2), PALETTE, FRAMES * 500))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_damage_gives_frames_or_a_picture_error(data: st.DataObject) -> None:
    file = damaged(data, gif((2, 2), PALETTE, FRAMES, repeats=3))
    try:
        container = read(file)
    except PictureError:
        return
    assert container.frames == len(container.images) >= 1


def test_a_screen_of_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    data = gif((2, 2), PALETTE, [Frame([[0, 1]] * 2, disposal=2)])
    path = tmp_path / "huge.gif"
    path.write_bytes(data.replace(b",\0\0\0\0\2\0\2\0", b",\0\0\0\0\x40\x9c\x40\x9c"))
    cost = measured_cost(path)
    assert cost.error == "TooLarge"
    assert cost.peak_bytes < 20 * MEGABYTE


def test_a_comment_is_kept_unless_no_metadata_is() -> None:
    data = animation("GIF", comment=b"by hand")
    assert b"by hand" in halve(data).data
    assert b"by hand" not in halve(data, ResizeSpec(metadata=MetadataPolicy.NONE)).data
