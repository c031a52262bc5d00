"""Uploads from web pages: the preflights of a browser, and the responses that it lets a page read.

The embedded AWS rejects requests of all origins but its own, which therefore is the page's here.
"""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs, load_outputs
from infra import deployment
from infra.bundle import build_local
from infra.bundle_cache import user_cache
from infra.settings import StackSettings
from infra.template import stack_template
from tests.e2e.conftest import Local, context_of, deploy_step
from tests.pictures import encoded, photo


@dataclass(frozen=True)
class Page:
    """A web page of an origin, and the stack that lets it in."""

    aws: Aws
    outputs: StackOutputs
    origin: str

    def preflight(self, url: str) -> http.client.HTTPResponse:
        asked = {
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type",
        }
        return self.send("OPTIONS", url, b"", asked)

    def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            connection.request(method, target, body, {"Origin": self.origin, **headers})
            response = connection.getresponse()
            response.read()
            return response
        finally:
            connection.close()

    def signed_headers(self, url: str, body: bytes) -> dict[str, str]:
        request = AWSRequest("PUT", url, {"Content-Type": "image/png"}, body)
        SigV4Auth(self.aws.credentials, "execute-api", self.aws.region).add_auth(request)
        return dict(request.headers)


@pytest.fixture(scope="module")
def page(shared: Local) -> Page:
    origin = shared.aws.endpoint_url or ""
    bundle = build_local(shared.folder, user_cache())
    settings = StackSettings(cors_origins=origin)
    request = deployment.DeployRequest(stack_template(), settings, bundle)
    deploy_step(context_of(shared, "pages"), request)
    return Page(shared.aws, load_outputs(shared.aws, "pages"), origin)


def test_a_page_uploads_by_a_presigned_url(shared: Local, page: Page) -> None:
    url = shared.imgctl("presign", "page.png", "--put", "--stack", "pages").succeeded().out.strip()
    preflight = page.preflight(url)
    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == page.origin
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"].lower()
    stored = page.send("PUT", url, encoded(photo(), "PNG"), {"Content-Type": "image/png"})
    assert stored.status == 200
    assert stored.headers["Access-Control-Allow-Origin"] == page.origin
    assert "x-amz-version-id" in stored.headers["Access-Control-Expose-Headers"]
    shared.imgctl("reprocess", "page.png", "--stack", "pages").succeeded()


def test_a_page_uploads_through_the_api(page: Page) -> None:
    url = f"{page.outputs.api_endpoint}/{page.outputs.source_bucket}/api.png"
    preflight = page.preflight(url)
    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == page.origin
    assert preflight.headers["Access-Control-Allow-Methods"] == "PUT"
    assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"]
    body = encoded(photo(), "PNG")
    stored = page.send("PUT", url, body, page.signed_headers(url, body))
    assert stored.status == 200
    assert stored.headers["Access-Control-Allow-Origin"] == page.origin
    assert "x-amz-version-id" in stored.headers["Access-Control-Expose-Headers"]


def test_a_page_learns_why_the_api_refused_it(page: Page) -> None:
    unsigned = f"{page.outputs.api_endpoint}/{page.outputs.source_bucket}/api.png"
    foreign = f"{page.outputs.api_endpoint}/{page.outputs.destination_bucket}/api.png"
    for url, headers in ((unsigned, {}), (foreign, page.signed_headers(foreign, b"x"))):
        refused = page.send("PUT", url, b"x", headers)
        assert refused.status == 403
        assert refused.headers["Access-Control-Allow-Origin"] == page.origin


def test_no_page_is_let_in_by_default(shared: Local, page: Page) -> None:
    outputs = load_outputs(shared.aws, "imgctl")
    by_api = f"{outputs.api_endpoint}/{outputs.source_bucket}/x.png"
    by_s3 = f"{page.origin}/{outputs.source_bucket}/x.png"
    for url in (by_api, by_s3):
        refused = page.preflight(url)
        assert refused.status == 403
        assert "Access-Control-Allow-Origin" not in refused.headers


def test_another_origin_is_not_let_in_by_the_bucket(page: Page) -> None:
    other = Page(page.aws, page.outputs, page.origin.replace("127.0.0.1", "localhost"))
    refused = other.preflight(f"{page.origin}/{page.outputs.source_bucket}/x.png")
    assert refused.status == 403


def test_the_plan_marks_that_pages_are_let_in(shared: Local, album: Path) -> None:
    (album / "imgctl.toml").write_text('cors_origins = "https://photos.example.org"\n')
    plan = shared.imgctl("deploy", "--plan", "--json", cwd=album).succeeded().document
    marked = {c["resource"] for c in plan["changes"] if "public_access" in c["marks"]}
    assert marked == {"SourceBucket", "ApiPut", "ApiPreflight"}
