"""Hostile bytes: whatever arrives, a picture or one of the core's own errors leaves.

`corpus/` holds small files that once broke a decoder, or are made to: mutated by
`python -m tests.core.make_corpus`, which keeps one file for each way in which Pillow failed.
"""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imgctl.core.errors import PictureError, TooLarge
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import Size
from imgctl.core.limits import Limits, working_bytes
from imgctl.core.resize import resize
from imgctl.core.spec import ResizeSpec
from tests.pictures import animation, deep_png, encoded, photo

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
SMALL = Limits(max_pixels=2_000_000)


def seeds() -> list[bytes]:
    still = [encoded(photo(40, 30), format_.value) for format_ in ImageFormat]
    moving = [animation(format_) for format_ in ("GIF", "PNG", "WEBP")]
    deep = [deep_png(20, 15, channels, lambda x, y, c: 3000 * x + y + c) for channels in (2, 3, 4)]
    odd = [encoded(photo(40, 30, "P"), "PNG"), encoded(photo(9, 9, "1"), "TIFF")]
    return [*still, *moving, *odd, *deep]


SEEDS = seeds()


def outcome(data: bytes) -> str:
    """Give the output's format, or the code of the error."""
    try:
        result = resize(io.BytesIO(data), ResizeSpec(), SMALL)
    except PictureError as error:
        return error.code if error.message and error.hint else "says too little"
    with Image.open(io.BytesIO(result.data)) as image:
        image.load()
        assert image.size == (result.resized.size.width, result.resized.size.height)
    return result.resized.format.value


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_file_that_once_broke_a_decoder_has_a_typed_outcome(path: Path) -> None:
    assert outcome(path.read_bytes()) != "says too little"


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_pictures_have_a_typed_outcome(data: st.DataObject) -> None:
    seed = bytearray(data.draw(st.sampled_from(SEEDS)))
    places = st.integers(0, len(seed) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=12)):
        seed[place] = value
    cut = data.draw(st.none() | places)
    insert = data.draw(st.binary(max_size=8))
    at = data.draw(places)
    outcome(bytes(seed[:at]) + insert + bytes(seed[at:cut]))


@given(head=st.sampled_from([s[:24] for s in SEEDS]), tail=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_a_signature_with_noise_behind_it_has_a_typed_outcome(head: bytes, tail: bytes) -> None:
    outcome(head + tail)


@given(st.binary(max_size=64))
def test_noise_is_no_picture(data: bytes) -> None:
    outcome(data)


def test_the_whole_corpus_stays_within_the_memory_that_the_function_has() -> None:
    probe = """
import io, resource, sys
from pathlib import Path
from imgctl.core.errors import PictureError
from imgctl.core.limits import Limits
from imgctl.core.resize import resize
from imgctl.core.spec import ResizeSpec
limit = 1769 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        resize(io.BytesIO(path.read_bytes()), ResizeSpec(), Limits())
    except PictureError as error:
        assert "not enough memory" not in error.message, path
print("done")
"""
    folder = str(Path(__file__).parent / "corpus")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", probe, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_picture_that_would_take_too_much_memory_is_refused_after_its_header() -> None:
    data = encoded(photo(400, 300), "PNG")
    needed = working_bytes(Size(400, 300), Size(200, 150), 1, progressive=None)
    resize(io.BytesIO(data), ResizeSpec(), Limits(max_memory_bytes=needed))
    with pytest.raises(TooLarge, match="of memory"):
        resize(io.BytesIO(data), ResizeSpec(), Limits(max_memory_bytes=needed - 1))


def test_a_scaled_decode_takes_a_quarter_of_the_memory_and_a_progressive_one_more() -> None:
    plain, progressive = (
        encoded(photo(400, 300), "JPEG", progressive=progressive) for progressive in (False, True)
    )
    enough = working_bytes(Size(200, 150), Size(200, 150), 1, progressive=None)
    limits = Limits(max_memory_bytes=enough)
    resize(io.BytesIO(plain), ResizeSpec(), limits)
    with pytest.raises(TooLarge):
        resize(io.BytesIO(plain), ResizeSpec(high_quality=True), limits)
    with pytest.raises(TooLarge):
        resize(io.BytesIO(progressive), ResizeSpec(), limits)


def test_a_swarm_of_tiny_frames_counts_as_more_than_its_pixels() -> None:
    pixel = Image.new("L", (1, 1))
    other = Image.new("L", (1, 1), 255)
    frames = [pixel, other] * 20
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=20)
    with pytest.raises(TooLarge, match="40 frames"):
        resize(io.BytesIO(data), ResizeSpec(), Limits(max_pixels=40 * 4096 - 1))
    resize(io.BytesIO(data), ResizeSpec(), Limits(max_pixels=40 * 4096))
