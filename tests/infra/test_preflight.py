"""With several origins, a Velocity template names the one of the request, as API Gateway runs it.

The embedded AWS runs no such template; with one origin there is none.
"""

from collections.abc import Mapping
from typing import Any

import airspeed
import pytest

from infra.template import stack_template
from tests.infra.scan import decided
from tests.infra.test_template import parsed

ALLOWED = "https://photos.example.org,http://localhost:5173"
HEADER = "Access-Control-Allow-Origin"
_HEADER = HEADER.replace("-", "_")  # airspeed, unlike Velocity, takes no hyphen for part of a name
MAPPING = f"method.response.header.{HEADER}"


class Input:
    """API Gateway's `$input`; parameters have the spelling in which the client sent them."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def params(self, name: str) -> str:
        return self._headers.get(name, "")


def response_of_preflights(origins: str, of_api: str) -> dict[str, Any]:
    given = {"CorsOrigins": origins, "ApiCorsOrigin": of_api}
    preflight = decided(parsed(stack_template()), given)["Resources"]["ApiPreflight"]
    (response,) = preflight["Properties"]["Integration"]["IntegrationResponses"]
    assert isinstance(response, dict)
    return response


def named_origin(headers: Mapping[str, str]) -> str | None:
    """Run the template for a preflight, and return the origin that its response names."""
    response = response_of_preflights(ALLOWED, "*")
    assert MAPPING not in response["ResponseParameters"]
    text, values = response["ResponseTemplates"]["application/json"]["Fn::Sub"]
    separator, split = values["Quoted"]["Fn::Join"]
    at, origins = split["Fn::Split"]
    text = text.replace("${Quoted}", separator.join(origins.split(at)))
    text = text.replace(HEADER, _HEADER)
    context: dict[str, Any] = {"responseOverride": {"header": {}}}
    body = airspeed.Template(text).merge({"input": Input(headers), "context": context})
    assert body.strip() == ""
    origin: str | None = context["responseOverride"]["header"].get(_HEADER)
    return origin


@pytest.mark.parametrize("origin", ALLOWED.split(","))
@pytest.mark.parametrize("name", ["origin", "Origin"])  # by HTTP/2, and by HTTP/1.1
def test_a_preflight_of_an_allowed_origin_names_it(origin: str, name: str) -> None:
    assert named_origin({name: origin}) == origin


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "https://photos.example.org.evil.example"},
        {"origin": "https://photos.example"},
        {"origin": ALLOWED},
        {"origin": "null"},
        {"origin": "*"},
        {"origin": "')#set($context.responseOverride.header.X = 'y')"},
    ],
)
def test_a_preflight_of_another_origin_names_none(headers: dict[str, str]) -> None:
    assert named_origin(headers) is None


@pytest.mark.parametrize(("origins", "of_api"), [("https://a.example",) * 2, ("*", "*")])
def test_the_only_origin_or_any_needs_no_template(origins: str, of_api: str) -> None:
    response = response_of_preflights(origins, of_api)
    assert response["ResponseTemplates"] == {}
    assert response["ResponseParameters"][MAPPING] == {"Fn::Sub": "'${ApiCorsOrigin}'"}
