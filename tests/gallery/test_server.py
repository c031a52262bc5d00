"""The gallery as its page, and as whoever attacks it, sees it."""

import contextlib
import socket
from urllib.parse import quote

import pytest

from imgctl.core.record import Status
from imgctl.gallery import uploads
from imgctl.gallery.server import PortTaken, listen
from tests.gallery.conftest import PAGE, SOURCE, TOKEN, Answer, Running, keys, record_at, serving
from tests.pictures import encoded, photo
from tests.waiting import until

CAKE = encoded(photo(), "PNG")


def test_the_page_is_served_with_its_policy_and_without_data(gallery: Running) -> None:
    page = gallery.request("GET", "/?token=whatever", token=None)
    assert (page.status, page.body) == (200, PAGE.html)
    assert page.headers["content-security-policy"] == PAGE.policy
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert gallery.request("GET", "/favicon.ico", token=None).status == 204


@pytest.mark.parametrize(
    ("method", "path", "token"),
    [
        ("GET", "/", None),
        ("GET", "/api/entries", TOKEN),
        ("GET", "/api/entries", "wrong"),
        ("GET", "/nothing", TOKEN),
        ("DELETE", "/", None),
        ("POST", "/api/uploads", TOKEN),
    ],
)
def test_every_response_is_closed_to_other_pages(
    gallery: Running, method: str, path: str, token: str | None
) -> None:
    headers = gallery.request(method, path, token=token).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "content-security-policy" in headers
    assert {"server", "set-cookie"}.isdisjoint(headers)
    assert not [name for name in headers if name.startswith("access-control-")]


ATTACKS = {
    "DNS rebinding": {"Host": "evil.example"},
    "a post from another origin": {"Origin": "https://evil.example"},
    "a post from a file or a frame": {"Origin": "null"},
    "a post from another port": {"Origin": "http://127.0.0.1:3000"},
    "a request from another site": {"Sec_Fetch_Site": "cross-site"},
}


@pytest.mark.parametrize("headers", ATTACKS.values(), ids=ATTACKS)
def test_another_page_can_neither_read_nor_upload(
    gallery: Running, headers: dict[str, str]
) -> None:
    gallery.add(record_at(0, "1", original_object_key="secret.png"))
    for answer in (
        gallery.request("GET", "/api/entries", **headers),
        gallery.request("GET", "/api/new", **headers),
        gallery.upload("evil.png", CAKE, **headers),
    ):
        assert (answer.status, answer.code) == (403, "forbidden")
        assert b"secret" not in answer.body
    assert gallery.stored() == []


def test_another_user_can_neither_read_nor_upload(gallery: Running) -> None:
    for token in (None, "", "guessed", TOKEN[:-1]):
        for path in ("/api/entries", f"/api/entries?token={TOKEN}", "/api/new", "/x", "/api/../x"):
            answer = gallery.request("GET", path, token=token)
            assert (answer.status, answer.code) == (401, "wrong_token")
        assert gallery.request("POST", "/api/uploads?name=a.png", CAKE, token=token).status == 401
    assert gallery.stored() == []


def test_a_preflight_allows_nothing(gallery: Running) -> None:
    asked = {"Origin": "https://evil.example", "Access_Control_Request_Method": "POST"}
    assert gallery.request("OPTIONS", "/api/uploads", token=None, **asked).status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/", 405),
        ("POST", "/api/entries", 405),
        ("GET", "/api/uploads", 405),
        ("PUT", "/api/uploads?name=x.png", 405),
        ("GET", "/api/entries/", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/api%2fentries%00", 404),
        ("GET", "/page.html", 404),
    ],
)
def test_only_what_the_page_needs_is_there(
    gallery: Running, method: str, path: str, status: int
) -> None:
    answer = gallery.request(method, path)
    assert (answer.status, answer.code) == (status, "request")


def test_entries_come_in_pages_newest_first(gallery: Running) -> None:
    for number in range(5):
        gallery.add(record_at(number, str(number), original_object_key=f"{number}.png"))
    first = gallery.request("GET", "/api/entries?limit=3").document
    assert keys(first["entries"]) == ["4.png", "3.png", "2.png"]
    assert first["entries"][0]["thumbnails"] == {"before": None, "after": None, "renditions": {}}
    rest = gallery.request("GET", f"/api/entries?limit=3&after={quote(first['next'])}").document
    assert (keys(rest["entries"]), rest["next"]) == (["1.png", "0.png"], None)


def test_entries_are_filtered(gallery: Running) -> None:
    gallery.add(
        record_at(1, "1", original_object_key="a.png", status=Status.FAILED),
        record_at(2, "2", original_object_key="b.png"),
    )
    for query, expected in (
        ("status=failed", ["a.png"]),
        ("key=b.png", ["b.png"]),
        ("until=2020-01", []),
    ):
        found = gallery.request("GET", f"/api/entries?{query}").document
        assert keys(found["entries"]) == expected


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1000",
        "limit=x",
        "limit=%D9%A3",
        "since=yesterday",
        "until=%27",
        "since=2026-02&until=2026-01",
        "status=UNHEARD",
        "after=nothing",
    ],
)
def test_a_query_that_makes_no_sense_is_refused(gallery: Running, query: str) -> None:
    answer = gallery.request("GET", f"/api/entries?{query}")
    assert (answer.status, answer.code) == (400, "usage")


def test_an_upload_is_stored_and_its_record_comes(gallery: Running) -> None:
    place = gallery.request("GET", "/api/new").document["place"]
    uploaded = gallery.upload("cake.png", CAKE, Origin=f"http://127.0.0.1:{gallery.port}")
    assert uploaded.status == 201
    head = gallery.aws.s3.head_object(Bucket=SOURCE, Key="cake.png", ChecksumMode="ENABLED")
    assert uploaded.document == {
        "key": "cake.png",
        "version_id": head["VersionId"],
        "skipped": False,
        "replaced": False,
    }
    assert (head["ContentType"], "ChecksumSHA256" in head) == ("image/png", True)
    gallery.process(uploaded.document)
    news = gallery.request("GET", f"/api/new?after={place}").document
    assert keys(news["entries"]) == ["cake.png"]
    assert news["place"] != place


def test_the_same_content_is_not_stored_again_and_its_record_still_comes(gallery: Running) -> None:
    first = gallery.upload("cake.png", CAKE).document
    gallery.process(first)
    place = gallery.request("GET", "/api/new").document["place"]
    again = gallery.upload("cake.png", CAKE)
    assert again.document == {**first, "skipped": True}
    assert gallery.request("GET", f"/api/new?after={place}").status == 200
    other = gallery.upload("cake.png", encoded(photo(9, 9), "PNG")).document
    assert (other["replaced"], other["version_id"] != first["version_id"]) == (True, True)


def test_two_files_at_once_are_both_stored(gallery: Running) -> None:
    gallery.writer.may_store.clear()
    bodies = [encoded(photo(20 + n, 20), "PNG") for n in range(2)]
    requests = [begin_upload(gallery, f"{n}.png", body) for n, body in enumerate(bodies)]
    for request, body in zip(requests, bodies, strict=True):
        request.sendall(body)
    gallery.writer.may_store.set()
    assert [status_of(request) for request in requests] == [201, 201]
    assert sorted(gallery.stored()) == ["0.png", "1.png"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("trip/cake.png", "trip/cake.png"),
        ("%3Cimg%20src=x%20onerror=alert(1)%3E.png", "<img src=x onerror=alert(1)>.png"),
        ("a%CC%88.png", "\N{LATIN SMALL LETTER A WITH DIAERESIS}.png"),
        ("..png", "..png"),
    ],
)
def test_a_key_is_made_of_the_name_as_by_upload(gallery: Running, name: str, key: str) -> None:
    assert gallery.upload(name, CAKE).document["key"] == key
    assert gallery.stored() == [key]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x.png",
        "a/../../x.png",
        "./x.png",
        "%2e%2e%2fx.png",
        "..%5c..%2f..%2fx",
        "x%00.png",
        "x%0d%0aSet-Cookie:%20a.png",
        "%1b[2Jx.png",
        "x" * 2_000,
        "%C3%A4" * 600,
        "x" * 5_000,
        "a.png&name=b.png",
    ],
)
def test_a_hostile_name_is_refused(gallery: Running, name: str) -> None:
    answer = gallery.upload(name, CAKE)
    assert (answer.status, answer.code) == (400, "upload")
    assert gallery.stored() == []


def test_a_file_that_is_no_image_is_refused(gallery: Running) -> None:
    for body in (b"<script>alert(1)</script>", b"%PDF-1.7", b""):
        answer = gallery.upload("x.png", body)
        assert answer.status == 415
        assert "--force" not in answer.document["error"]["hint"]
    assert gallery.stored() == []


def begin_upload(
    gallery: Running, name: str, body: bytes, length: str | None = None
) -> socket.socket:
    """Send the header of an upload."""
    connection = gallery.connect()
    length = f"Content-Length: {len(body)}" if length is None else length
    connection.sendall(
        f"POST /api/uploads?name={name} HTTP/1.1\r\nHost: 127.0.0.1:{gallery.port}\r\n"
        f"X-Imgctl-Token: {TOKEN}\r\n{length}\r\n\r\n".encode()
    )
    return connection


def status_of(connection: socket.socket) -> int:
    """Return the status of a response, 0 if the connection was closed without one."""
    received = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while b"\r\n" not in received and (block := connection.recv(4096)):
            received += block
    return int(received.split()[1]) if received else 0


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("Content-Length: 268435457", 413),
        ("Content-Length: 9999999999999999999", 413),
        ("Content-Length: 99999999999999999999999999", 400),
        ("Transfer-Encoding: chunked", 411),
        ("X: y", 411),
        ("Content-Length: -5", 400),
        ("Content-Length: 5, 6", 400),
    ],
)
def test_a_length_that_is_missing_or_too_large_is_refused_before_the_body(
    gallery: Running, length: str, status: int
) -> None:
    assert status_of(begin_upload(gallery, "x.png", b"", length)) == status
    assert gallery.stored() == []


def test_what_is_longer_than_announced_is_never_stored_whole(gallery: Running) -> None:
    connection = begin_upload(gallery, "x.png", b"", f"Content-Length: {len(CAKE) - 20}")
    connection.sendall(CAKE + b"GET /api/entries HTTP/1.1\r\n\r\n")
    status_of(connection)
    until(lambda: gallery.stored() != [])
    stored = gallery.aws.s3.get_object(Bucket=SOURCE, Key="x.png")["Body"].read()
    assert stored == CAKE[: len(CAKE) - 20]  # the announced content, as any HTTP server reads it


@pytest.mark.parametrize("sent", [0, 1, 50])
def test_of_a_client_that_goes_away_nothing_is_stored(gallery: Running, sent: int) -> None:
    connection = begin_upload(gallery, "half.png", CAKE)
    connection.sendall(CAKE[:sent])
    connection.close()
    assert gallery.upload("whole.png", CAKE).status == 201
    assert gallery.stored() == ["whole.png"]


def test_a_client_that_sends_nothing_more_is_given_up(
    gallery: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_SILENCE_S", 0.05)
    connection = begin_upload(gallery, "slow.png", CAKE)
    connection.sendall(CAKE[:50])
    assert status_of(connection) == 408
    assert gallery.stored() == []


def test_more_uploads_than_may_run_wait_for_their_turn(
    gallery: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_SILENCE_S", 60)
    waiting = [begin_upload(gallery, f"{n}.png", CAKE) for n in range(uploads.AT_ONCE)]
    until(lambda: gallery.request("GET", "/api/entries").status == 200)  # others are answered
    late = begin_upload(gallery, "late.png", CAKE)
    late.sendall(CAKE)
    assert gallery.stored() == []
    for connection in waiting:
        connection.close()
    assert status_of(late) == 201


def test_a_header_without_end_is_cut_off(gallery: Running) -> None:
    connection = gallery.connect()
    with connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)
        assert connection.recv(100).startswith((b"HTTP/1.1 4", b""))


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /chat HTTP/1.1\r\nHost: evil\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ],
)
def test_what_is_no_request_of_the_page_gets_nothing(gallery: Running, request_: bytes) -> None:
    with gallery.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(4096)
    assert gallery.request("GET", "/", token=None).status == 200


def test_a_stop_finishes_what_is_being_sent_and_gives_up_what_is_being_received(
    gallery: Running,
) -> None:
    with serving(gallery.aws, gallery.table) as other:
        check_stop(other)


def check_stop(gallery: Running) -> None:
    gallery.writer.may_store.clear()
    sending = begin_upload(gallery, "sending.png", CAKE)
    sending.sendall(CAKE)
    receiving = begin_upload(gallery, "receiving.png", CAKE)
    receiving.sendall(CAKE[:50])
    waiting = gallery.connect()
    waiting.sendall(request_for_news(gallery))
    assert gallery.writer.asked.wait(30)
    gallery.stop()
    assert status_of(waiting) in (200, 503)
    gallery.writer.may_store.set()
    assert status_of(sending) == 201
    assert status_of(receiving) in (0, 500)
    assert gallery.stored() == ["sending.png"]


def request_for_news(gallery: Running) -> bytes:
    place = gallery.request("GET", "/api/new").document["place"]
    head = f"GET /api/new?after={place} HTTP/1.1\r\nHost: 127.0.0.1:{gallery.port}\r\n"
    return f"{head}X-Imgctl-Token: {TOKEN}\r\n\r\n".encode()


def test_an_error_of_imgctl_is_told_on_the_terminal_only(
    gallery: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("imgctl.gallery.server.find_records", fail)
    answer: Answer = gallery.request("GET", "/api/entries")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    until(lambda: [str(error) for error in gallery.errors] == ["secret detail"])
    gallery.errors.clear()


def test_a_port_that_is_taken_is_named() -> None:
    with listen(0) as first:
        address, port = first.getsockname()
        with pytest.raises(PortTaken, match=str(port)) as taken:
            listen(port)
    assert address == "127.0.0.1"  # and no other machine's
    assert "--port" in taken.value.hint


def test_a_client_that_never_finishes_its_header_is_cut_off(
    gallery: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgctl.gallery.server._HEADER_S", 0.05)
    with serving(gallery.aws, gallery.table) as other, other.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert connection.recv(100) == b""
