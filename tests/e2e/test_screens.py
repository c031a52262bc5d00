"""What a person sees of the pipeline on a terminal of 80 by 24."""

from pathlib import Path

from PIL import Image

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo
from tests.screen import check_screen

LONG_NAME = "a photograph with a rather long name, taken at the lake in summer.jpg"


def show(local: Local, name: str, *arguments: str, cwd: Path) -> int:
    code, lines = local.on_terminal(*arguments, cwd=cwd)
    check_screen(name, lines)
    return code


def test_a_folder_on_its_way(shared: Local, album: Path) -> None:
    (album / "lake").mkdir()
    (album / "lake" / LONG_NAME).write_bytes(encoded(photo(64, 48), "JPEG"))
    (album / "lake" / "paper.pdf").write_bytes(b"%PDF-1.7")
    upload = ("upload", "lake", "--prefix", "screens", "--jobs", "1")
    assert show(shared, "upload", *upload, cwd=album) == 0
    (album / "lake" / "cut.jpg").write_bytes(encoded(photo(400, 300), "JPEG")[:2000])
    assert show(shared, "upload-again", *upload, cwd=album) == 1
    key = f"screens/{LONG_NAME}"
    assert show(shared, "history-of-a-long-key", "history", "--key", key, cwd=album) == 0
    cut = "screens/cut.jpg"
    assert show(shared, "history", "history", "--key", cut, "--limit", "1", cwd=album) == 0
    assert show(shared, "show", "show", cut, cwd=album) == 0
    assert show(shared, "audit", "audit", "--prefix", "screens/", cwd=album) == 1


def test_a_plan_and_the_versions(shared: Local, album: Path) -> None:
    assert show(shared, "versions", "versions", cwd=album) == 0
    (album / "imgctl.toml").write_text("quality = 70\n")
    assert show(shared, "deploy-plan", "deploy", "--plan", cwd=album) == 0


def test_the_plan_of_a_new_stack(shared: Local, album: Path) -> None:
    new = ("deploy", "--plan", "--stack", "new")
    assert show(shared, "deploy-plan-new", *new, cwd=album) == 0


def test_a_result_is_shown_as_a_picture(shared: Local, album: Path) -> None:
    red = Image.new("RGB", (60, 40), (200, 0, 0))
    (album / "red.png").write_bytes(encoded(red, "PNG"))
    upload = ("upload", "red.png", "--prefix", "previews", "--preview")
    assert show(shared, "upload-preview", *upload, cwd=album) == 0
    piped = shared.imgctl("show", "previews/red.png", "--preview").succeeded()
    assert piped.err == "No previews: stdout is not a terminal.\n"
    assert "▀" not in piped.out
    result = load_outputs(shared.aws, "imgctl").destination_bucket
    shared.aws.s3.put_object(Bucket=result, Key="previews/resized-red.png", Body=b"<svg/>")
    code, lines = shared.on_terminal("show", "previews/red.png", "--preview", cwd=album)
    assert code == 0
    assert "No preview of previews/red.png: The file is in SVG format" in "\n".join(lines)
