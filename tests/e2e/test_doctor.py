"""The doctor, on a healthy stack and on one that is broken in one way after the other."""

from datetime import timedelta
from pathlib import Path

import pytest

from infra.doctor.examination import Examination, examine
from infra.doctor.reading import system_now
from infra.doctor.result import Status
from tests.e2e import breakages
from tests.e2e.breakages import Breakage, Target
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo
from tests.screen import check_screen

REVERT = ("deploy --revert-drift",)


@pytest.fixture(scope="session")
def target(breakable: Local) -> Target:
    return Target.of(breakable.aws)


def examined(target: Target) -> Examination:
    return examine(lambda: target.aws, "imgctl", system_now)


def test_a_healthy_stack_passes_every_check(breakable: Local, target: Target) -> None:
    results = examined(target).results
    assert {(r.check.name, r.note) for r in results if r.status is not Status.OK} == set()
    assert len({result.check.name for result in results}) == len(results) == 32
    done = breakable.imgctl("doctor").succeeded()
    assert "32 checks: 32 ok" in done.err
    assert "ok\ttrigger\tnotification, invoke-permission, alias, retries\n" in done.out


@pytest.mark.parametrize(
    ("breakage", "check", "commands"),
    [
        (breakages.no_notification, "notification", REVERT),
        (breakages.notification_of_the_function, "notification", REVERT),
        (breakages.no_permission, "invoke-permission", REVERT),
        (breakages.alias_on_latest, "alias", REVERT),
        (breakages.failures_nowhere, "retries", REVERT),
        (breakages.variable_changed, "settings", REVERT),
        (breakages.timeout_of_three_seconds, "settings", REVERT),
        (breakages.role_without_records, "role", REVERT),
        (breakages.role_for_another_service, "role", REVERT),
        (breakages.bundle_without_pillow, "pillow", ("publish",)),
        (breakages.old_sdk, "sdk", ()),
        (breakages.switched_off, "concurrency", REVERT),
        (breakages.no_index, "indexes", REVERT),
        (breakages.text_api, "binary-types", REVERT),
        (breakages.integration_elsewhere, "integration", REVERT),
        (breakages.open_api, "authorization", REVERT),
        (breakages.api_role_without_rights, "api-role", REVERT),
        (breakages.another_deployment, "api-deployment", REVERT),
        (breakages.no_logging_role, "api-logs", REVERT),
        (breakages.dead_letter, "dead-letters", ("redrive --list", "redrive")),
        (breakages.alarm_on, "alarms", ()),
        (breakages.alarm_silenced, "alarms", REVERT),
    ],
)
def test_each_breakage_is_named_with_its_mend_and_nothing_else_is(
    target: Target, breakage: Breakage, check: str, commands: tuple[str, ...]
) -> None:
    with breakage(target):
        problems = examined(target).problems
    assert [result.check.name for result in problems] == [check]
    (problem,) = (result.problem for result in problems)
    assert problem is not None
    assert problem.hint.commands == commands


def test_what_can_be_mended_safely_is_mended_on_request(breakable: Local, target: Target) -> None:
    breaking: tuple[Breakage, ...] = (
        breakages.no_notification,
        breakages.alias_on_latest,
        breakages.role_without_records,
        breakages.no_index,
        breakages.text_api,
    )
    broken = {"notification", "alias", "role", "indexes", "binary-types"}
    for breakage in breaking:
        breakage(target).__enter__()
    named = breakable.imgctl("doctor", "--json")
    failed = {one["name"] for one in named.document["checks"] if one["status"] == "failed"}
    assert (named.code, failed) == (1, broken)
    assert breakable.imgctl("doctor", "--fix").code == 2  # nobody can be asked
    mended = breakable.imgctl("doctor", "--fix", "--yes", "--json").succeeded().document
    assert mended["mended"] == ["deploy --revert-drift"]
    assert mended["healthy"]


def test_the_screen_shows_what_is_wrong_and_its_mend(
    breakable: Local, target: Target, album: Path
) -> None:
    picture = album / "a.png"
    picture.write_bytes(encoded(photo(), "PNG"))
    breakable.imgctl("upload", str(picture), "--wait").succeeded()
    with breakages.role_without_records(target), breakages.dead_letter(target):
        code, lines = breakable.on_terminal("doctor", cwd=album)
    check_screen("doctor", lines)
    assert code == 1


def test_without_a_stack_only_that_is_wrong(breakable: Local, tmp_path: Path) -> None:
    missing = breakable.imgctl("--stack", "elsewhere", "doctor", cwd=tmp_path)
    assert missing.code == 1
    assert missing.out.count("failed\t") == 1
    assert "There is no stack named elsewhere" in missing.out
    assert "`imgctl --local --stack elsewhere deploy`" in missing.out


def test_a_wrong_clock_is_named(target: Target) -> None:
    late = examine(
        lambda: target.aws, "imgctl", lambda: system_now() - timedelta(minutes=10), readers={}
    )
    (problem,) = late.problems
    assert problem.check.name == "clock"
