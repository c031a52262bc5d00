import io

import pytest

from imgctl.core.containers.container import Patch, patched

FILE = bytes(range(100))


@pytest.mark.parametrize(
    ("patches", "seen"),
    [
        ([Patch(10, 20)], FILE[:10] + FILE[20:]),
        ([Patch(0, 5, b"new"), Patch(90, 100)], b"new" + FILE[5:90]),
        ([Patch(100, 100, b"end")], FILE + b"end"),
        ([Patch(10, 10, b"x"), Patch(10, 11)], FILE[:10] + b"x" + FILE[11:]),
    ],
)
def test_the_decoder_sees_the_file_with_its_patches(patches: list[Patch], seen: bytes) -> None:
    file = patched(io.BytesIO(FILE), patches)
    assert file.read() == seen
    for position in (0, 3, 7, 50, len(seen) - 2, len(seen) + 5):
        assert file.seek(position) == position
        assert file.read(9) == seen[position : position + 9]
    assert file.seek(-4, io.SEEK_END) == len(seen) - 4
    assert file.read() == seen[-4:]


def test_without_patches_it_is_the_file_itself() -> None:
    file = io.BytesIO(FILE)
    assert patched(file, []) is file
