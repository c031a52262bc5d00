import urllib.request

from tests.e2e.conftest import Local
from tests.pictures import decoded, encoded, photo


def test_somebody_without_credentials_uploads_and_downloads_by_urls(
    shared: Local,
) -> None:
    key = "inbox/pre signed+ü.png"
    upload = shared.imgctl("presign", key, "--put").succeeded()
    assert len(upload.out.splitlines()) == 1
    assert "neither the content type nor the size" in upload.err
    request = urllib.request.Request(
        upload.out.strip(), data=encoded(photo(), "PNG"), method="PUT",
        headers={"Content-Type": "image/png"},
    )  # fmt: skip
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
    shared.imgctl("reprocess", key).succeeded()  # waits for it
    download = shared.imgctl("presign", key, "--json").succeeded().document
    assert (download["method"], download["key"]) == ("GET", "inbox/resized-pre signed+ü.png")
    with urllib.request.urlopen(download["url"]) as response:
        assert decoded(response.read()).size == (32, 24)
    original = shared.imgctl("presign", key, "--original", "--quiet").succeeded()
    assert original.err == ""
    with urllib.request.urlopen(original.out.strip()) as response:
        assert decoded(response.read()).size == (64, 48)
    assert shared.imgctl("presign", "no-such.png").code == 1
