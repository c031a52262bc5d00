import pytest

from imgctl.aws.session import connect


@pytest.mark.parametrize(
    ("variables", "option", "region"),
    [
        ({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "us-east-1"}, None, "eu-west-2"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, None, "us-east-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"}, None, "us-east-1"),
        ({"AWS_REGION": "eu-west-2"}, "eu-north-1", "eu-north-1"),
    ],
)
def test_the_region_is_found_as_the_aws_cli_finds_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], option: str | None, region: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert connect(region=option).region == region
