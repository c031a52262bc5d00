"""Versions as they are listed, so that one can choose."""

from dataclasses import replace

from rich.console import Console

from imgctl.cli.live_versions import version_document
from imgctl.cli.versions_view import VersionsView, common_settings
from infra.function_version import LiveVersions
from tests.infra.test_version_settings import PUBLISHED

FIRST = replace(PUBLISHED, number=1)
SECOND = replace(
    PUBLISHED, number=2, environment={**PUBLISHED.environment, "QUALITY": "70"}, memory_mb=2048
)


def shown(view: VersionsView) -> str:
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(view.rendered(80))
    return capture.get()


def test_a_terminal_shows_what_differs_in_columns_and_the_rest_once() -> None:
    heading, _, second, first = (line.split() for line in shown(VIEW).split("\n")[:4])
    assert heading == ["version", "published", "code", "quality", "memory_mb"]
    assert (second[:2], second[-2:]) == (["2", "live"], ["70", "2048"])
    assert (first[0], first[-2:]) == ("1", ["default", "1769"])
    assert common_settings([SECOND, FIRST]) == (
        "scale 0.5, prefix resized-, timeout_s 60, architecture arm64, snap_start false"
    )


def test_a_pipe_gets_all_settings_of_each_version() -> None:
    second, first = VIEW.lines().splitlines()
    assert "quality 70, renditions default, cache_control default, memory_mb 2048" in second
    assert "quality default, renditions default, cache_control default, memory_mb 1769" in first
    assert "table t" in first


def test_json_has_each_setting_and_what_differs_from_the_version_before() -> None:
    document = version_document(SECOND, FIRST, live=LiveVersions(2))
    assert (document["quality"], document["memory_mb"], document["table"]) == (70, 2048, "t")
    assert document["changes"] == [
        {"name": "quality", "before": None, "after": "70"},
        {"name": "memory_mb", "before": "1769", "after": "2048"},
    ]
    oldest = version_document(FIRST, None, live=LiveVersions(2))
    assert (oldest["quality"], oldest["changes"], oldest["live"]) == (None, [], False)


def test_during_a_gradual_release_each_version_has_its_part() -> None:
    live = LiveVersions(1, {2: 0.1})
    second, first = (
        line.split("\t")[1] for line in VersionsView([SECOND, FIRST], live).lines().splitlines()
    )
    assert (second, first) == ("10%", "live 90%")
    document = version_document(SECOND, FIRST, live)
    assert (document["live"], document["traffic_percent"]) == (False, 10)
    assert version_document(FIRST, None, live)["traffic_percent"] == 90


VIEW = VersionsView([SECOND, FIRST], live=LiveVersions(2))
