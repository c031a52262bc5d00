"""What is wrong with an object, decided from what was read."""

from dataclasses import replace
from typing import Any

import pytest

from imgctl.aws.findings import (
    Finding,
    OutputSettings,
    Problem,
    SourceObject,
    StoredOutput,
    UnknownSettings,
    check,
)
from imgctl.core.record import Record, Status
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.core.rendition_tables import parse_renditions, settings_digest, to_json
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec

OBJECT = SourceObject(key="a.jpg", version_id="v2", etag="e2", size=1, modified="2026")
RECORD = Record(
    resource_id="1" * 32,
    original_object_key="a.jpg",
    version_id="v2",
    etag="e2",
    sequencer="0A",
    resized_object_key="resized-a.jpg",
)
DEFAULT = OutputSettings(RenditionSet.unnamed("resized-", ResizeSpec()))


def checked(
    source: SourceObject,
    record: Record | None,
    output: str | None,
    good: Record | None = None,
    *,
    acknowledged: bool = False,
) -> Finding:
    """Check an object of a stack without renditions, whose output is that of a record's ID."""
    stored = {"resized-a.jpg": None if output is None else StoredOutput(output)}
    (finding,) = check(source, record, stored, DEFAULT, good, acknowledged=acknowledged)
    return finding


@pytest.mark.parametrize(
    ("record", "output", "problem"),
    [
        (RECORD, RECORD.resource_id, None),
        (None, None, Problem.NEVER_PROCESSED),
        (replace(RECORD, version_id="v1"), RECORD.resource_id, Problem.NEVER_PROCESSED),
        (replace(RECORD, status=Status.FAILED), None, Problem.FAILED),
        (RECORD, None, Problem.OUTPUT_GONE),
        (RECORD, "0" * 32, Problem.OUTPUT_STALE),
        # The original function recorded no version, and did not mark its outputs.
        (replace(RECORD, version_id=None, etag=None, processing_time="2026-02"), "", None),
        (
            replace(RECORD, version_id=None, etag=None, processing_time="2025-12"),
            "",
            Problem.NEVER_PROCESSED,  # uploaded again afterwards
        ),
        (replace(RECORD, version_id=None, etag="e1"), "", Problem.NEVER_PROCESSED),
    ],
)
def test_an_object_is_checked_against_its_record_and_its_output(
    record: Record | None, output: str | None, problem: Problem | None
) -> None:
    assert checked(OBJECT, record, output).problem is problem


FAILED = replace(RECORD, status=Status.FAILED, failure_code="damaged", failure_reason="No.")
GOOD = replace(RECORD, resource_id="2" * 32, version_id="v1")


@pytest.mark.parametrize(
    ("good", "output", "reason"),
    [
        (None, None, "damaged: No."),
        (GOOD, GOOD.resource_id, "damaged: No."),
        (GOOD, None, "damaged: No. The last good output is gone; reprocess restores it."),
        (GOOD, "3" * 32, "damaged: No. The last good output is stale; reprocess restores it."),
    ],
)
def test_a_failed_upload_is_checked_for_the_output_of_the_last_good_one(
    good: Record | None, output: str | None, reason: str
) -> None:
    finding = checked(OBJECT, FAILED, output, good)
    assert (finding.problem, finding.reason) == (Problem.FAILED, reason)


def test_an_acknowledged_failure_is_silent_unless_the_last_good_output_is_missing() -> None:
    assert not checked(OBJECT, FAILED, None, None, acknowledged=True).is_open
    assert not checked(OBJECT, FAILED, GOOD.resource_id, GOOD, acknowledged=True).is_open
    assert checked(OBJECT, FAILED, None, GOOD, acknowledged=True).is_open
    assert checked(OBJECT, RECORD, None, None, acknowledged=True).is_open  # its output is gone


def test_without_versions_a_record_is_matched_by_its_etag() -> None:
    unversioned = replace(OBJECT, version_id="")
    record = replace(RECORD, version_id=None)
    assert checked(unversioned, record, RECORD.resource_id).problem is None
    older = replace(record, etag="e1")
    assert checked(unversioned, older, RECORD.resource_id).problem is Problem.NEVER_PROCESSED


def test_a_finding_keeps_the_sequencer_of_the_original_event() -> None:
    assert checked(OBJECT, RECORD, None).source.sequencer == "0A"
    assert checked(OBJECT, None, None).source.sequencer == ""


# ------------------------------------------------------------- renditions

TABLES: list[dict[str, Any]] = [
    {"name": "half", "prefix": "resized-", "scale": 0.5},
    {"name": "web", "prefix": "web/", "fit": "800x800", "format": "webp"},
    {"name": "thumb", "prefix": "thumb/", "cover": "32x32"},
]
THREE = OutputSettings(parse_renditions(TABLES))
KEYS = ("resized-a.jpg", "web/a.jpg.webp", "thumb/a.jpg")


def recorded(settings: OutputSettings) -> Record:
    """Return the record of an upload that was processed with these settings."""
    keys = KEYS[: len(settings.renditions.renditions)]
    return replace(
        RECORD,
        original_width=4000,
        original_height=3000,
        original_format="JPEG",
        resized_width=2000,
        resized_height=1500,
        resized_format="JPEG",
        renditions=tuple(
            RecordedRendition(
                name=rendition.name,
                key=key,
                width=1,
                height=1,
                format="JPEG",
                file_bytes=1,
                settings=settings_digest(rendition),
            )
            for rendition, key in zip(settings.renditions.renditions, keys, strict=True)
        ),
    )


def found(
    record: Record,
    settings: OutputSettings,
    others: dict[str, StoredOutput | None] = {},  # noqa: B006
) -> list[tuple[str, Problem | None]]:
    stored = {key: StoredOutput(RECORD.resource_id) for key in KEYS} | others
    findings = check(OBJECT, record, stored, settings)
    return [(finding.rendition, finding.problem) for finding in findings]


def with_table(index: int, **fields: Any) -> OutputSettings:
    tables = [dict(table) for table in TABLES]
    tables[index] |= fields
    return OutputSettings(parse_renditions(tables))


def test_an_object_with_all_renditions_has_no_problem() -> None:
    assert found(recorded(THREE), THREE) == [("", None)]


def test_each_rendition_that_is_gone_or_stale_is_named() -> None:
    record = recorded(THREE)
    assert found(record, THREE, {KEYS[1]: None}) == [("web", Problem.OUTPUT_GONE)]
    assert found(record, THREE, {KEYS[0]: None, KEYS[2]: StoredOutput("0" * 32)}) == [
        ("half", Problem.OUTPUT_GONE),
        ("thumb", Problem.OUTPUT_STALE),
    ]


def test_a_rendition_that_was_added_is_missing() -> None:
    before = OutputSettings(parse_renditions(TABLES[:2]))
    assert found(recorded(before), THREE) == [("thumb", Problem.OUTPUT_MISSING)]


def test_only_added_renditions_are_missing_where_there_was_one_result() -> None:
    record = replace(recorded(THREE), renditions=None)
    assert found(record, THREE) == [
        ("web", Problem.OUTPUT_MISSING),
        ("thumb", Problem.OUTPUT_MISSING),
    ]
    assert found(record, with_table(0, scale=0.25))[0] == ("half", Problem.OUTPUT_OUTDATED)
    moved = found(record, with_table(0, prefix="half-"))
    assert moved[0] == ("half", Problem.OUTPUT_MISSING)


@pytest.mark.parametrize(
    "fields",
    [{"fit": "900x900"}, {"quality": 70}, {"format": "avif"}, {"metadata": "none"}],
)
def test_a_rendition_of_other_settings_is_outdated(fields: dict[str, Any]) -> None:
    assert found(recorded(THREE), with_table(1, **fields)) == [("web", Problem.OUTPUT_OUTDATED)]


def test_a_rendition_with_another_prefix_is_outdated() -> None:
    settings = with_table(1, prefix="www/")
    assert found(recorded(THREE), settings) == [("web", Problem.OUTPUT_OUTDATED)]


def test_a_rendition_that_was_removed_is_no_problem() -> None:
    fewer = OutputSettings(parse_renditions(TABLES[:1]))
    assert found(recorded(THREE), fewer) == [("", None)]
    assert found(recorded(THREE), DEFAULT) == [("", None)]


def test_outputs_with_another_cache_control_are_outdated() -> None:
    settings = OutputSettings(THREE.renditions, "max-age=60")
    cached: dict[str, StoredOutput | None] = {
        key: StoredOutput(RECORD.resource_id, "max-age=60") for key in KEYS
    }
    assert found(recorded(THREE), settings, cached) == [("", None)]
    cached[KEYS[1]] = StoredOutput(RECORD.resource_id)
    assert found(recorded(THREE), settings, cached) == [("web", Problem.OUTPUT_OUTDATED)]


def test_a_header_of_another_program_is_left_alone_if_none_is_set() -> None:
    cached: dict[str, StoredOutput | None] = {
        key: StoredOutput(RECORD.resource_id, "max-age=60") for key in KEYS
    }
    assert found(recorded(THREE), THREE, cached) == [("", None)]


def test_an_output_that_another_version_stored_meanwhile_is_outdated() -> None:
    record = recorded(THREE)
    assert record.renditions is not None
    mine: dict[str, StoredOutput | None] = {
        one.key: StoredOutput(RECORD.resource_id, settings=one.settings)
        for one in record.renditions
    }
    assert found(record, THREE, mine) == [("", None)]
    mine[KEYS[1]] = StoredOutput(RECORD.resource_id, settings="0" * 8)
    assert found(record, THREE, mine) == [("web", Problem.OUTPUT_OUTDATED)]


def test_after_renditions_the_one_result_is_missing_or_outdated_unless_it_looks_alike() -> None:
    only_web = OutputSettings(parse_renditions(TABLES[1:2]))
    record = replace(recorded(only_web), resized_object_key=KEYS[1])
    assert found(record, DEFAULT) == [("", Problem.OUTPUT_MISSING)]
    quarter = with_table(0, scale=0.25)
    small = replace(recorded(quarter), resized_width=1000, resized_height=750)
    assert found(small, DEFAULT) == [("", Problem.OUTPUT_OUTDATED)]


@pytest.mark.parametrize("fields", [{"quality": 20}, {"metadata": "none"}])
def test_what_size_and_format_do_not_show_is_outdated(fields: dict[str, Any]) -> None:
    record = replace(recorded(THREE), renditions=None)
    assert found(record, with_table(0, **fields))[0] == ("half", Problem.OUTPUT_OUTDATED)


@pytest.mark.parametrize("width", [-5, 0, None])
def test_a_record_with_an_impossible_size_stops_no_audit(width: int | None) -> None:
    record = replace(recorded(THREE), renditions=None, original_width=width)
    assert ("web", Problem.OUTPUT_MISSING) in found(record, THREE)


def test_an_acknowledged_failure_stays_so_when_a_rendition_is_added() -> None:
    good = replace(GOOD, original_format="JPEG", original_width=4, original_height=4)
    good = replace(good, resized_width=2, resized_height=2, resized_format="JPEG")
    stored: dict[str, StoredOutput | None] = {KEYS[0]: StoredOutput(good.resource_id)}
    (finding,) = check(OBJECT, FAILED, stored, THREE, good, acknowledged=True)
    assert not finding.is_open
    assert finding.reason == "damaged: No."


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"RENDITIONS": ""},
        {"RENDITIONS": '[{"name": "a", "prefix": "a-", "scale": 0.5, "blur": 3}]'},
        {"SCALE": "0.5", "OUTPUT_PREFIX": "a-", "QUALITY": "best"},
    ],
)
def test_settings_of_another_version_are_one_clear_error(environ: dict[str, str]) -> None:
    with pytest.raises(UnknownSettings, match="settings of the live version cannot be read"):
        OutputSettings.of(environ)


def test_a_failed_upload_is_checked_for_every_output_of_the_last_good_one() -> None:
    good = replace(recorded(THREE), resource_id=GOOD.resource_id, status=Status.SUPERSEDED)
    stored: dict[str, StoredOutput | None] = {key: StoredOutput(good.resource_id) for key in KEYS}
    (fine,) = check(OBJECT, FAILED, stored, THREE, good)
    assert fine.reason == "damaged: No."
    stored[KEYS[2]] = None
    (lost,) = check(OBJECT, FAILED, stored, THREE, good)
    assert "The last good output is gone" in lost.reason


def test_the_settings_are_those_of_the_environment_of_a_version() -> None:
    environ = {"SCALE": "0.5", "OUTPUT_PREFIX": "resized-"}
    assert OutputSettings.of(environ) == DEFAULT
    named = {"RENDITIONS": to_json(THREE.renditions), "CACHE_CONTROL": "max-age=60"}
    assert OutputSettings.of(environ | named) == OutputSettings(THREE.renditions, "max-age=60")
