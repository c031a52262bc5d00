"""What a deployment deletes is told in few words, and never makes it fail."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from imgctl.aws.session import Aws
from imgctl.cli.app import App, make_ui
from imgctl.cli.pruning import described, plan_pruning, prune
from imgctl.cli.resolved_settings import resolve
from infra import code_storage
from infra.bundle_manifest import key_of
from infra.deployed_stack import DeployedStack
from infra.function_version import Version
from infra.names import stack_names
from infra.pruning import NOTHING, Superseded
from infra.stack_context import StackContext
from tests.cli.test_plan_view import plan_of
from tests.infra.recorded import Recorded
from tests.infra.test_function_version import VERSION
from tests.infra.test_pruning import ADDED
from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]

NAMES = stack_names("imgctl", "123456789012", "eu-west-2")
KEY = key_of("ab" * 32)
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListAliases")


def versions(*numbers: int) -> tuple[Version, ...]:
    return tuple(replace(VERSION, number=number) for number in numbers)


@pytest.mark.parametrize(
    ("superseded", "text"),
    [
        (Superseded(versions(1)), "version 1"),
        (Superseded(versions(1, 2, 3, 4), (KEY,) * 3), "versions 1 to 4 and 3 bundles"),
        (Superseded(versions(1, 2, 4, 7, 8), (KEY,)), "versions 1 to 2, 4, 7 to 8, and 1 bundle"),
        (Superseded((), (KEY,) * 2), "2 bundles"),
    ],
)
def test_what_is_deleted_is_told_in_few_words(superseded: Superseded, text: str) -> None:
    assert described(superseded) == text


@pytest.fixture
def app(aws: Aws) -> App:
    resolved = resolve({}, {}, None)
    app = App(resolved, make_ui(resolved.settings), "imgctl")
    app.aws = aws
    return app


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DENIED, "Not allowed to perform ListAliases: no"),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS cannot be reached"),
    ],
)
def test_a_failure_is_a_warning_and_what_was_deleted_before_is_told(
    app: App,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
) -> None:
    def find(*_: object, **__: Any) -> Superseded:
        raise error

    def delete(*_: object, **__: Any) -> Iterator[Version | str]:
        yield versions(1)[0]
        raise error

    context = StackContext(app.aws, Recorded().client, "imgctl", NAMES)
    monkeypatch.setattr(code_storage, "delete_superseded", delete)
    monkeypatch.setattr(code_storage, "find_superseded", find)
    planned = Superseded(versions(1, 2), (KEY,))
    deleted = prune(app, context, DeployedStack("imgctl", "UPDATE_COMPLETE"), planned)
    assert deleted == Superseded(versions(1))
    warning = capsys.readouterr().err
    assert f"Old versions and bundles were not all deleted: {reason}" in warning
    assert "The next deployment of a new version tries again." in warning

    plan = plan_of(ADDED)
    change_set = replace(plan.change_set, parameters={"CodeKey": KEY})
    plan = replace(plan, change_set=change_set)
    assert plan_pruning(app, context, plan) == NOTHING
    assert f"No old versions and bundles will be deleted: {reason}" in capsys.readouterr().err
