"""Credentials as people have them: each way to fail is one clear error, of exit code 3."""

import getpass
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import AssumeRoleCredentialFetcher
from botocore.exceptions import ClientError, ConfigParseError, NoCredentialsError
from moto import mock_aws

from imgctl.aws.credentials import session_name
from imgctl.aws.errors import AccessError, CredentialsRefused, translate
from imgctl.aws.session import connect

CONFIG = """
[sso-session acme]
sso_start_url = https://acme.awsapps.com/start
sso_region = us-east-1
sso_registration_scopes = sso:account:access
[profile sso-new]
sso_session = acme
sso_account_id = 123456789012
sso_role_name = Admin
[profile sso-old]
sso_start_url = https://acme.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Admin
[profile "sso chained"]
role_arn = arn:aws:iam::123456789012:role/deployer
source_profile = sso-new
[profile process-fails]
credential_process = sh -c 'echo "vault is sealed" >&2; exit 1'
[profile process-junk]
credential_process = echo not-json
[profile process-text]
credential_process = echo '"text"'
[profile process-list]
credential_process = echo '[]'
[profile process-missing]
credential_process = /no/such/program
[profile process-incomplete]
credential_process = echo '{"Version": 1}'
[profile loop]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = back
[profile back]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = loop
[profile no-source]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = nowhere
[profile unknown-source]
role_arn = arn:aws:iam::123456789012:role/a
credential_source = Nowhere
[profile half]
aws_access_key_id = AKIAEXAMPLE
[profile web]
role_arn = arn:aws:iam::123456789012:role/ci
web_identity_token_file = /nowhere/token
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = keys
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile keys]
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = secret
"""


@pytest.fixture(autouse=True)
def _profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    cache = Path.home() / ".aws/sso/cache"
    cache.mkdir(parents=True)
    token = {
        "startUrl": "https://acme.awsapps.com/start",
        "region": "us-east-1",
        "accessToken": "x",
        "expiresAt": "2020-01-01T00:00:00Z",
        "clientId": "c",
        "clientSecret": "s",
        "registrationExpiresAt": "2020-01-01T00:00:00Z",
        "refreshToken": "r",
    }
    name = hashlib.sha1(b"acme", usedforsecurity=False).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps(token))


@pytest.mark.parametrize(
    ("profile", "message", "hint"),
    [
        ("sso-new", "no valid SSO session", "aws sso login --profile sso-new"),
        ("sso-old", "no valid SSO session", "aws sso login --profile sso-old"),
        ("sso chained", "no valid SSO session", "aws sso login --profile 'sso chained'"),
        ("process-fails", "vault is sealed.", "credential_process"),
        ("process-junk", "cannot be loaded", "credential_process"),
        ("process-text", "cannot be loaded", "credential_process"),
        ("process-list", "cannot be loaded", "credential_process"),
        ("process-missing", "/no/such/program", ""),
        ("process-incomplete", "cannot be loaded", "credential_process"),
        ("loop", "Infinite loop", "~/.aws/config"),
        ("no-source", "nowhere", "~/.aws/config"),
        ("unknown-source", "Nowhere", "~/.aws/config"),
        ("half", "aws_secret_access_key", "aws configure"),
        ("web", "/nowhere/token: No such file", "web_identity_token_file"),
        ("mfa", "no terminal to ask on", "aws sts get-caller-identity --profile mfa"),
    ],
)
def test_credentials_that_cannot_be_loaded_are_explained(
    profile: str, message: str, hint: str
) -> None:
    with pytest.raises(AccessError) as failed:
        connect(profile=profile)
    assert message in failed.value.message
    assert hint in failed.value.hint
    assert "\\n" not in failed.value.message


def test_a_configuration_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[[[")
    with pytest.raises(ConfigParseError) as failed:
        connect(profile="keys")
    known = translate(failed.value)
    assert isinstance(known, AccessError)
    assert str(tmp_path / "config") in known.message


def test_a_code_is_asked_for_once_and_its_session_kept_where_the_aws_cli_keeps_it() -> None:
    questions: list[str] = []

    def prompt(question: str) -> str:
        questions.append(question)
        return "123456"

    with mock_aws():
        first = connect(profile="mfa", prompt=prompt).credentials
        again = connect(profile="mfa").credentials  # by another process, without a terminal
    assert len(questions) == 1
    assert "mfa/me" in questions[0]
    assert first == again
    (cached,) = (Path.home() / ".aws/cli/cache").iterdir()
    assert cached.stat().st_mode & 0o077 == 0


ROLE = "arn:aws:iam::123456789012:role/teams/imgctl-operator"


def identity(**options: Any) -> str:
    """Return who the calls are made as."""
    return connect(region="eu-west-2", **options).sts.get_caller_identity()["Arn"]


def test_every_call_is_made_as_the_role_that_is_assumed() -> None:
    calls: list[str] = []

    def on_call(service: str, operation: str, _: float) -> None:
        calls.append(f"{service} {operation}")

    with mock_aws():
        source = identity(profile="keys")
        assumed = identity(profile="keys", role_arn=ROLE, on_call=on_call)
        again = identity(profile="keys", role_arn=ROLE, on_call=on_call)  # by another process
        aws = connect(profile="keys", region="eu-west-2", role_arn=ROLE)
    assert "assumed-role" not in source
    assert assumed.startswith("arn:aws:sts::123456789012:assumed-role/")
    assert assumed.endswith(f"/{session_name()}")
    assert again == assumed
    assert calls == ["sts AssumeRole", "sts GetCallerIdentity", "sts GetCallerIdentity"]
    assert aws.credentials.token is not None  # which requests without boto3 are signed with
    assert aws.credentials_end is not None
    (cached,) = (Path.home() / ".aws/cli/cache").iterdir()
    assert cached.stat().st_mode & 0o077 == 0


def test_a_session_of_a_role_is_renewed_before_it_ends() -> None:
    with mock_aws():
        aws = connect(profile="keys", region="eu-west-2", role_arn=ROLE)
        before = aws.credentials
        (cached,) = (Path.home() / ".aws/cli/cache").iterdir()
        cached.unlink()
        soon = datetime.now(UTC) + timedelta(minutes=5)
        held: Any = aws.session.get_credentials()
        held._expiry_time = soon
        assert aws.credentials != before


def test_a_role_that_cannot_be_assumed_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal: Any = {"Error": {"Code": "AccessDenied", "Message": "User: me is not authorized"}}

    def refuse(_: object) -> None:
        raise ClientError(refusal, "AssumeRole")

    monkeypatch.setattr(AssumeRoleCredentialFetcher, "fetch_credentials", refuse)
    with pytest.raises(CredentialsRefused) as failed:
        identity(profile="keys", role_arn=ROLE)
    assert f"{ROLE} cannot be assumed: User: me is not authorized." in failed.value.message
    assert "trust policy" in failed.value.hint


def test_a_role_needs_credentials_to_be_assumed_with() -> None:
    with pytest.raises(NoCredentialsError):
        connect(region="eu-west-2", role_arn=ROLE)


@pytest.mark.parametrize(
    ("user", "name"),
    [("me", "imgctl-me"), ("ACME\\jörg w", "imgctl-ACME-j-rg-w"), ("x" * 80, f"imgctl-{'x' * 57}")],
)
def test_a_session_is_named_after_the_user(
    monkeypatch: pytest.MonkeyPatch, user: str, name: str
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: user)
    assert session_name() == name


def test_a_connection_without_credentials_can_be_made() -> None:
    assert connect(region="eu-west-2").region == "eu-west-2"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference between the request time and the server's"),
        ("SignatureDoesNotMatch", "Signature expired: 20261123T000000Z is now earlier than"),
        ("InvalidSignatureException", "Signature not yet current: 20261123T000000Z is still"),
    ],
)
def test_a_clock_that_is_wrong_is_told_apart_from_wrong_credentials(
    code: str, message: str
) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
    known = translate(error)
    assert isinstance(known, CredentialsRefused)
    assert "clock" in known.message
    assert "clock" in known.hint
