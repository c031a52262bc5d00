"""Only the user who has the URL reaches the gallery: no web page, and no other user."""

import pytest

from imgctl.gallery.access import new_token, rejection

HOST = (b"host", b"127.0.0.1:8000")
WITH_TOKEN = (b"x-imgctl-token", b"secret")
API = "/api/entries"

ACCEPTED = [
    (API, [HOST, WITH_TOKEN]),
    (API, [(b"host", b"localhost:8000"), WITH_TOKEN]),
    (API, [HOST, WITH_TOKEN, (b"origin", b"http://127.0.0.1:8000")]),
    (API, [HOST, WITH_TOKEN, (b"sec-fetch-site", b"same-origin")]),
    ("/", [HOST]),
    ("/", [HOST, (b"sec-fetch-site", b"none"), (b"sec-fetch-mode", b"navigate")]),
    # The file that opens the page leads to it from another site.
    ("/", [HOST, (b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate")]),
]
FOREIGN = [
    [],
    [HOST, HOST],
    [(b"host", b"127.0.0.1")],
    [(b"host", b"127.0.0.1:8001")],
    [(b"host", b"evil.example:8000")],
    [(b"host", b"127.0.0.1:8000.evil.example")],
    [(b"host", b"[::1]:8000")],
    [HOST, (b"origin", b"https://evil.example")],
    [HOST, (b"origin", b"null")],
    [HOST, (b"origin", b"http://127.0.0.1:3000")],
    [HOST, (b"origin", b"http://localhost:8000")],  # which another user may serve on ::1
    [HOST, (b"sec-fetch-site", b"cross-site")],
    [HOST, (b"sec-fetch-site", b"same-site")],
]
WITHOUT_TOKEN = [
    [HOST],
    [HOST, (b"x-imgctl-token", b"")],
    [HOST, (b"x-imgctl-token", b"Secret")],
    [HOST, (b"x-imgctl-token", b"secret2")],
    [HOST, (b"x-imgctl-token", b"\xff")],
    [HOST, WITH_TOKEN, WITH_TOKEN],
    [HOST, (b"cookie", b"token=secret")],
    [HOST, (b"authorization", b"Bearer secret")],
]


@pytest.mark.parametrize(("path", "headers"), ACCEPTED)
def test_the_page_and_its_requests_are_accepted(
    path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    assert rejection(8000, "secret", path, headers) is None


@pytest.mark.parametrize("path", ["/", API, "/api/uploads", "/nothing"])
@pytest.mark.parametrize("headers", FOREIGN)
def test_foreign_hosts_and_pages_are_rejected_even_with_the_token(
    path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    refused = rejection(8000, "secret", path, [*headers, WITH_TOKEN])
    assert refused is not None
    assert (refused.status, "secret" in refused.message) == (403, False)


@pytest.mark.parametrize("path", [API, "/api/uploads", "/api/new", "/nothing", "//", "/api"])
@pytest.mark.parametrize("headers", WITHOUT_TOKEN)
def test_nothing_but_the_empty_page_is_there_without_the_token(
    path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    refused = rejection(8000, "secret", path, headers)
    assert refused is not None
    assert (refused.status, refused.code) == (401, "wrong_token")


def test_only_the_page_may_be_opened_from_elsewhere() -> None:
    navigation = [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate")]
    refused = rejection(8000, "secret", API, [HOST, WITH_TOKEN, *navigation])
    assert refused is not None
    assert refused.status == 403


def test_a_token_is_new_each_time_and_long() -> None:
    tokens = {new_token() for _ in range(10)}
    assert len(tokens) == 10
    assert min(map(len, tokens)) >= 43  # 256 bits
