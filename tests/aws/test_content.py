import hashlib
import os
from pathlib import Path

import pytest

from imgctl.aws.content import Content, FileChanged


@pytest.mark.parametrize("size", [0, 1, 64 * 1024 - 1, 64 * 1024, 200_000])
def test_content_is_hashed_and_read_block_by_block(size: int) -> None:
    data = os.urandom(size)
    content = Content.of(data, "image/jpeg")
    assert content.sha256 == hashlib.sha256(data).digest()
    assert content.md5 == hashlib.md5(data).hexdigest()  # noqa: S324
    blocks = [bytes(block) for block in content.blocks()]
    assert b"".join(blocks) == data
    assert all(len(block) <= 64 * 1024 for block in blocks)
    assert content.rewound().read() == data


@pytest.mark.parametrize("size", [10, 100_000, 1_000_000])
def test_another_size_than_the_file_had_is_noticed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(os.urandom(200_000))
    with path.open("rb", buffering=0) as file:
        content = Content(file, 200_000, "image/jpeg")
        os.truncate(path, size)
        with pytest.raises(FileChanged):
            _ = content.sha256
