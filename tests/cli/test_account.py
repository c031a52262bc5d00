"""The setting `account`: nothing is done in any other account."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imgctl.cli.app import App, make_ui
from imgctl.cli.resolved_settings import resolve
from imgctl.local import daemon
from tests.cli_result import CliResult
from tests.moto_aws import moto_account

__all__ = ["moto_account"]

Imgctl = Callable[..., CliResult]
MOTOS_ACCOUNT = "123456789012"
ANOTHER = "210987654321"


@pytest.mark.parametrize(
    "command",
    [
        ("deploy", "--yes"),
        ("destroy", "--delete-data", "--yes"),
        ("doctor",),
        ("erase", "a.png", "--yes"),
        ("history",),
        ("rollback", "--yes"),
        ("status",),
        ("upload", "a.png"),
    ],
    ids=lambda command: str(command[0]),
)
def test_another_account_is_refused_before_anything_else_is_called(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    command: tuple[str, ...],
) -> None:
    Path("imgctl.toml").write_text(f'region = "eu-west-2"\naccount = "{ANOTHER}"\n')
    Path("a.png").touch()
    refused = imgctl(*command, "--json", "--verbose")
    assert refused.code == 3
    *calls, error = [line for line in refused.err.splitlines() if not line.startswith('{"warn')]
    assert [call.split()[:2] for call in calls] == [["sts", "GetCallerIdentity"]]
    assert '"code": "wrong_account"' in error
    for named in (MOTOS_ACCOUNT, ANOTHER, "environment variables", "imgctl.toml:2", "--profile"):
        assert named in error


def test_the_account_that_is_set_is_accepted_and_asked_for_once(
    moto_account: None,  # noqa: ARG001
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = {"region": "eu-west-2", "verbose": True}
    resolved = resolve(options, {"IMGCTL_ACCOUNT": MOTOS_ACCOUNT}, None)
    app = App(resolved, make_ui(resolved.settings), "imgctl")
    assert app.aws.account_id == MOTOS_ACCOUNT
    assert capsys.readouterr().err.count("GetCallerIdentity") == 1


def test_credentials_of_a_profile_are_named_by_it(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    profiles = tmp_path / "credentials"
    profiles.write_text("[work]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profiles))
    monkeypatch.setenv("IMGCTL_ACCOUNT", ANOTHER)
    refused = imgctl("outputs", "--profile", "work", "--region", "eu-west-2")
    assert (refused.code, "The credentials from the profile work are for" in refused.err) == (
        3,
        True,
    )


def test_a_role_from_a_file_that_was_found_is_told_before_it_is_assumed(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where its sessions are kept
    role = f"arn:aws:iam::{MOTOS_ACCOUNT}:role/operator"
    Path("imgctl.toml").write_text(f'region = "eu-west-2"\nassume_role = "{role}"\n')
    found = imgctl("outputs", "--verbose")
    told, call, *_ = found.err.splitlines()
    assert told.startswith(f"Assuming the role {role} from ")
    assert call.startswith("sts AssumeRole")
    monkeypatch.setenv("IMGCTL_ACCOUNT", ANOTHER)
    named = imgctl("outputs", "--verbose", "--role-arn", f"{role}-of-mine")
    assert "Assuming" not in named.err
    assert "The credentials from the assumed role are for the account" in named.err
    assert imgctl("outputs", "--role-arn", "operator").code == 2


def test_the_embedded_aws_is_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = daemon.Endpoint("http://127.0.0.1:1", 1, 1, "us-east-1", "x", "y")
    monkeypatch.setattr(daemon, "running", lambda _: endpoint)
    monkeypatch.setattr(daemon, "start", lambda *_: endpoint)
    resolved = resolve({"local": True}, {"IMGCTL_ACCOUNT": ANOTHER}, None)
    app = App(resolved, make_ui(resolved.settings), "imgctl")
    assert app.aws.is_local
