"""Renditions are added to a stack that has images, and made for these."""

from pathlib import Path

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.pictures import decoded, encoded, heic, photo

TOML = """\
cache_control = "public, max-age=3600"

[[renditions]]
name = "half"
prefix = "resized-"
scale = 0.5

[[renditions]]
name = "web"
prefix = "web/"
fit = "24x24"
format = "webp"
quality = 82

[[renditions]]
name = "thumb"
prefix = "thumb/"
cover = "8x8"
format = "avif"
"""


def test_renditions_are_added_to_a_live_stack(empty: Local, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(photo(64, 48), "JPEG"))
    (tmp_path / "IMG 1.heic").write_bytes(heic(photo(64, 48)))
    empty.imgctl("deploy", "--yes").succeeded()
    empty.imgctl("upload", "a.jpg", cwd=tmp_path).succeeded()

    (tmp_path / "imgctl.toml").write_text(TOML)
    deployed = empty.imgctl("deploy", "--yes", cwd=tmp_path).succeeded()
    assert "half: resized-, scale 0.5; web: web/, fit 24x24" in deployed.err
    assert "reprocess --missing` to make their new outputs" in deployed.err

    audited = empty.imgctl("audit", "--json")
    assert audited.code == 1
    assert [(one["rendition"], one["problem"]) for one in audited.document["findings"]] == [
        ("half", "output_outdated"),  # it has no Cache-Control yet
        ("web", "output_missing"),
        ("thumb", "output_missing"),
    ]
    assert "reprocess --missing` to make them" in empty.imgctl("audit").err
    empty.imgctl("reprocess", "--missing").succeeded()
    empty.imgctl("audit").succeeded()

    uploaded = empty.imgctl("upload", "IMG 1.heic", "--json", cwd=tmp_path).succeeded()
    (file,) = uploaded.document["files"]
    renditions = {one["name"]: one for one in file["record"]["Renditions"]}
    aws = empty.aws
    bucket = load_outputs(aws, "imgctl").destination_bucket
    for name, key, size in (
        ("half", "resized-IMG 1.heic.jpg", (32, 24)),
        ("web", "web/IMG 1.heic.webp", (24, 18)),
        ("thumb", "thumb/IMG 1.heic.avif", (8, 8)),
    ):
        assert renditions[name]["key"] == key
        stored = aws.s3.get_object(Bucket=bucket, Key=key)
        data = stored["Body"].read()
        assert decoded(data).size == size
        assert stored["CacheControl"] == "public, max-age=3600"
        assert stored["Metadata"]["rendition"] == name
    shown = empty.imgctl("show", "IMG 1.heic").succeeded()
    assert "Rendition web\tweb/IMG 1.heic.webp, 24x18, WEBP" in shown.out

    options = ("--rendition", "thumb", "-o", "thumbs")
    empty.imgctl("download", "IMG 1.heic", *options, cwd=tmp_path).succeeded()
    downloaded = list((tmp_path / "thumbs").rglob("*.*"))
    assert [path.read_bytes() for path in downloaded] == [data]
    everything = empty.imgctl("download", "--prefix", "", "--json", "-o", "all", cwd=tmp_path)
    assert everything.document["totals"] == {"downloaded": 6, "skipped": 0, "failed": 0}
    again = empty.imgctl("download", "--since", "1h", "-o", "all", "--json", cwd=tmp_path)
    assert again.document["totals"] == {"downloaded": 0, "skipped": 6, "failed": 0}

    empty.imgctl("resize", "IMG 1.heic", "-o", "out", cwd=tmp_path).succeeded()
    local = tmp_path / "out" / "thumb" / "IMG 1.heic.avif"
    assert local.read_bytes() == data
