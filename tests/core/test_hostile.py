"""Hostile bytes: any input gives an image or one of the core's own errors.

`corpus/` contains small files that broke a decoder. `python -m tests.core.make_corpus` creates them
by mutation, and keeps one file for each way in which Pillow failed.
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
from imgctl.core.geometry import Size
from imgctl.core.limits import Limits, working_bytes
from imgctl.core.resize import resize
from imgctl.core.spec import ResizeSpec
from tests.core.hostile import SEEDS
from tests.pictures import encoded, photo

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
SMALL = Limits(max_pixels=2_000_000)


def outcome(data: bytes) -> str:
    """Return the format of the result, or the error code."""
    try:
        result = resize(io.BytesIO(data), ResizeSpec(), SMALL)
    except PictureError as error:
        return error.code if error.message and error.hint else "no message or hint"
    with Image.open(io.BytesIO(result.data)) as image:
        image.load()
        assert image.size == (result.resized.size.width, result.resized.size.height)
    return result.resized.format.value


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_file_that_broke_a_decoder_has_a_typed_outcome(path: Path) -> None:
    assert outcome(path.read_bytes()) != "no message or hint"


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_images_have_a_typed_outcome(data: st.DataObject) -> None:
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
def test_a_signature_followed_by_noise_has_a_typed_outcome(head: bytes, tail: bytes) -> None:
    outcome(head + tail)


@given(st.binary(max_size=64))
def test_noise_has_a_typed_outcome(data: bytes) -> None:
    outcome(data)


def test_the_corpus_fits_into_the_memory_of_the_function() -> None:
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
        assert "Not enough memory" not in error.message, path
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


def test_an_image_that_needs_too_much_memory_is_rejected_after_its_header() -> None:
    data = encoded(photo(400, 300), "PNG")
    needed = working_bytes(Size(400, 300), Size(200, 150), 1)
    resize(io.BytesIO(data), ResizeSpec(), Limits(max_memory_bytes=needed))
    with pytest.raises(TooLarge, match="of memory"):
        resize(io.BytesIO(data), ResizeSpec(), Limits(max_memory_bytes=needed - 1))


def test_scaled_decoding_needs_a_quarter_of_the_memory_and_progressive_decoding_more() -> None:
    plain, progressive = (
        encoded(photo(400, 300), "JPEG", progressive=progressive) for progressive in (False, True)
    )
    enough = working_bytes(Size(200, 150), Size(200, 150), 1)
    limits = Limits(max_memory_bytes=enough)
    resize(io.BytesIO(plain), ResizeSpec(), limits)
    with pytest.raises(TooLarge):
        resize(io.BytesIO(plain), ResizeSpec(high_quality=True), limits)
    with pytest.raises(TooLarge):
        resize(io.BytesIO(progressive), ResizeSpec(), limits)


def test_tiny_frames_count_as_more_than_their_pixels() -> None:
    pixel = Image.new("L", (1, 1))
    other = Image.new("L", (1, 1), 255)
    frames = [pixel, other] * 20
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=20)
    with pytest.raises(TooLarge, match="40 frames"):
        resize(io.BytesIO(data), ResizeSpec(), Limits(max_pixels=40 * 4096 - 1))
    resize(io.BytesIO(data), ResizeSpec(), Limits(max_pixels=40 * 4096))


def test_a_frame_that_grows_beyond_any_limit_is_refused_before_it_is_decoded() -> None:
    frame = encoded(Image.new("L", (1, 1)), "GIF")
    trailer, image = b";", frame[frame.rindex(b",", 0, -4) :]
    huge = image[:5] + (20_000).to_bytes(2, "little") * 2 + image[9:]
    with pytest.raises(TooLarge):
        resize(io.BytesIO(frame.removesuffix(trailer) + huge), ResizeSpec(), Limits())
