import hashlib
import os
from pathlib import Path
from threading import Event, Thread

import pytest

from imgctl.core.errors import NotAnImage, TooLarge
from imgctl.operations.upload_content import FileChanged, MemoryBudget, opened_image
from tests.pictures import encoded, photo


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cake.jpg"
    path.write_bytes(encoded(photo(), "JPEG"))
    return path


def test_content_is_read_with_its_hash_and_type(picture: Path) -> None:
    with opened_image(str(picture), budget=MemoryBudget(), sends_all=False) as content:
        assert content.data == picture.read_bytes()
        assert content.sha256 == hashlib.sha256(content.data).digest()
        assert content.content_type == "image/jpeg"


def test_the_type_is_that_of_the_content_and_not_of_the_name(tmp_path: Path) -> None:
    path = tmp_path / "cake.jpg"
    path.write_bytes(encoded(photo(), "PNG"))
    with opened_image(str(path), budget=MemoryBudget(), sends_all=False) as content:
        assert content.content_type == "image/png"


def test_what_is_no_image_is_refused_unless_all_is_sent(picture: Path) -> None:
    picture.write_text("not a picture")
    with (
        pytest.raises(NotAnImage),
        opened_image(str(picture), budget=MemoryBudget(), sends_all=False),
    ):
        pass
    with opened_image(str(picture), budget=MemoryBudget(), sends_all=True) as content:
        assert content.content_type == "application/octet-stream"


def test_a_large_file_is_refused_before_it_is_read(picture: Path) -> None:
    os.truncate(picture, 2**40)
    with (
        pytest.raises(TooLarge),
        opened_image(str(picture), budget=MemoryBudget(), sends_all=False),
    ):
        pass


@pytest.mark.parametrize("change", ["grow", "shrink", "same size"])
def test_a_file_that_changes_while_it_is_read_is_noticed(picture: Path, change: str) -> None:
    class Changing(MemoryBudget):
        """Changes the file when there is room for it, after its beginning was read."""

        def room(self, size: int):  # type: ignore[no-untyped-def]
            data = picture.read_bytes()
            with picture.open("r+b") as file:
                match change:
                    case "grow":
                        file.seek(0, os.SEEK_END)
                        file.write(b"more")
                    case "shrink":
                        file.truncate(len(data) // 2)
                    case _:
                        file.seek(20)
                        file.write(b"other")
            os.utime(picture, ns=(1, 1))
            return super().room(size)

    with (
        pytest.raises(FileChanged, match="changed while it was read"),
        opened_image(str(picture), budget=Changing(), sends_all=False),
    ):
        pass


def test_files_wait_for_room_and_a_large_one_is_read_alone() -> None:
    budget, large, after = MemoryBudget(100), Event(), Event()

    def hold(size: int, begun: Event) -> None:
        with budget.room(size):
            begun.set()

    with budget.room(60), budget.room(40):
        threads = [Thread(target=hold, args=(1000, large)), Thread(target=hold, args=(10, after))]
        threads[0].start()
        assert not large.wait(0.05)
    assert large.wait(10)
    threads[1].start()
    assert after.wait(10)
    for thread in threads:
        thread.join()
