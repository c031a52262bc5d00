"""What an audit finds: each object compared with its current record and its outputs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from imgctl.core.errors import Hint, ImgctlError
from imgctl.core.geometry import Size, target_size
from imgctl.core.record import Record, Status
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.core.rendition_tables import renditions_in, settings_digest
from imgctl.core.renditions import Rendition, RenditionSet
from imgctl.core.spec import MetadataPolicy


class Problem(StrEnum):
    """What is wrong with an object's record or output."""

    PENDING = "pending"  # not processed yet, and young enough that Lambda may still do so
    NEVER_PROCESSED = "never_processed"
    FAILED = "failed"
    OUTPUT_MISSING = "output_missing"  # of a rendition that did not exist then
    OUTPUT_GONE = "output_gone"
    OUTPUT_STALE = "output_stale"
    OUTPUT_OUTDATED = "output_outdated"  # made with other settings than those of the live version
    OBJECT_GONE = "object_gone"  # the record of an object that no longer exists


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObject:
    """The latest version of a key: `size` in bytes; text fields that are unknown are empty."""

    key: str
    version_id: str
    etag: str
    size: int
    modified: str
    sequencer: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The audit's result for one object; `problem` is None if nothing is missing.

    `rendition` is the name of the one that the problem is with, if it has one. `acknowledged` if
    somebody has decided that the problem may stay.
    """

    source: SourceObject
    problem: Problem | None
    reason: str = ""
    acknowledged: bool = False
    rendition: str = ""

    @property
    def is_open(self) -> bool:
        """Whether there is something to do about it."""
        return self.problem not in (None, Problem.PENDING) and not self.acknowledged


class UnknownSettings(ImgctlError):
    """The live version of the function has settings that this version of imgctl does not know."""

    code = "unknown_settings"


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """How the live version of the function makes outputs; `cache_control` is empty for none."""

    renditions: RenditionSet
    cache_control: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "OutputSettings":
        """Return the settings in a version's environment variables; raises UnknownSettings."""
        try:
            return cls(renditions_in(environ), environ.get("CACHE_CONTROL", ""))
        except (KeyError, ValueError) as error:
            raise UnknownSettings(
                f"The settings of the live version cannot be read: {error}.",
                hint=Hint(
                    "If a later version of imgctl deployed it, use that. Otherwise run {}.",
                    "deploy",
                ),
            ) from error


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """An output as it is stored; a text is empty if its metadata lack it.

    `record_id` is that of the record that it was written for, and `settings` say how it was made.
    """

    record_id: str
    cache_control: str = ""
    settings: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedOutput:
    """An output that a record should have; `problem` if the record itself shows one.

    `settings` identify how a rendition is made.
    """

    key: str
    rendition: str = ""
    settings: str = ""
    problem: Problem | None = None


def expected_outputs(record: Record, settings: OutputSettings) -> list[ExpectedOutput]:
    """Return the outputs that a record of a success should have now.

    If there never were renditions, that is the one that the record names.
    """
    if not settings.renditions.are_named and record.renditions is None:
        return [ExpectedOutput(record.resized_object_key or "")]
    keys = settings.renditions.output_keys(record.original_object_key or "", record.source_format)
    recorded = {one.name: one for one in record.renditions or ()}
    return [
        ExpectedOutput(
            key,
            rendition.name,
            settings_digest(rendition),
            _recorded_problem(record, recorded, rendition, key),
        )
        for rendition, key in zip(settings.renditions.renditions, keys, strict=True)
    ]


def _recorded_problem(
    record: Record, recorded: Mapping[str, RecordedRendition], rendition: Rendition, key: str
) -> Problem | None:
    one = recorded.get(rendition.name)
    if one is not None:
        same = one.key == key and one.settings == settings_digest(rendition)
        return None if same else Problem.OUTPUT_OUTDATED
    is_the_one_result = record.renditions is None or not rendition.name
    if is_the_one_result and record.resized_object_key == key:
        # From before or after there were renditions: how it looks tells whether it is made alike.
        return None if _looks_like(record, rendition) else Problem.OUTPUT_OUTDATED
    return Problem.OUTPUT_MISSING


def _looks_like(record: Record, rendition: Rendition) -> bool:
    source, spec = record.source_format, rendition.spec
    width, height = record.original_width or 0, record.original_height or 0
    if source is None or width < 1 or height < 1:
        return True  # nobody knows
    if rendition.name and (spec.quality is not None or spec.metadata is not MetadataPolicy.SAFE):
        return False  # which its size and format do not show
    target = target_size(Size(width, height), spec)
    expected = (target.width, target.height, spec.output_format(source).value)
    return expected == (record.resized_width, record.resized_height, record.resized_format)


def check(
    source: SourceObject,
    record: Record | None,
    stored: Mapping[str, StoredOutput | None],
    settings: OutputSettings,
    good: Record | None = None,
    *,
    acknowledged: bool = False,
) -> list[Finding]:
    """Compare an object with its key's current record and its outputs; at least one finding.

    `stored` has the outputs by their keys, None for one that does not exist. `good` is the record
    of the last good upload, whose outputs stay if the newest one failed. A failure that is
    `acknowledged` still has a problem if they are not there.
    """
    if record is None or not _matches(record, source):
        return [Finding(source, Problem.NEVER_PROCESSED)]
    source = replace(source, sequencer=record.sequencer or "")
    if record.status is not Status.SUCCEEDED:
        reason = f"{record.failure_code}: {record.failure_reason}"
        problem = None if good is None else _lost_output(good, stored, settings)
        if problem is not None:
            reason += f" The last good {problem.value.replace('_', ' is ')}; reprocess restores it."
        return [Finding(source, Problem.FAILED, reason, acknowledged and problem is None)]
    findings = list(_output_findings(source, record, stored, settings))
    return findings or [Finding(source, None)]


def _output_findings(
    source: SourceObject,
    record: Record,
    stored: Mapping[str, StoredOutput | None],
    settings: OutputSettings,
) -> Iterator[Finding]:
    for expected in expected_outputs(record, settings):
        output = stored.get(expected.key)
        problem = expected.problem or _stored_problem(record, output)
        reason = f"{expected.rendition}: {expected.key}" if expected.rendition else expected.key
        if problem is None and output is not None and _is_outdated(output, expected, settings):
            problem = Problem.OUTPUT_OUTDATED
        if problem is not None:
            yield Finding(source, problem, reason, rendition=expected.rendition)


def _is_outdated(output: StoredOutput, expected: ExpectedOutput, settings: OutputSettings) -> bool:
    """Return whether an output says itself that it was stored with other settings.

    One with a header that another program has given it is left alone if none is set.
    """
    if settings.cache_control and output.cache_control != settings.cache_control:
        return True
    return bool(output.settings) and output.settings != expected.settings


def _lost_output(
    good: Record, stored: Mapping[str, StoredOutput | None], settings: OutputSettings
) -> Problem | None:
    """Return what is wrong with an output of the last good upload, apart from its settings."""
    problems = (
        _stored_problem(good, stored.get(expected.key))
        for expected in expected_outputs(good, settings)
        if expected.problem is None
    )
    return next((problem for problem in problems if problem is not None), None)


def _stored_problem(record: Record, output: StoredOutput | None) -> Problem | None:
    if output is None:
        return Problem.OUTPUT_GONE
    if output.record_id and output.record_id != record.resource_id:
        return Problem.OUTPUT_STALE
    return None


def _matches(record: Record, source: SourceObject) -> bool:
    """Return whether a record describes this version of the object.

    The original function recorded neither version nor ETag, so its records are compared by time.
    """
    if record.version_id:
        return record.version_id == source.version_id
    if record.etag:
        return record.etag == source.etag
    return (record.processing_time or "") >= source.modified


def affected(findings: Sequence[Finding]) -> list[SourceObject]:
    """Return the objects of the findings, each once and in order."""
    return list(dict.fromkeys(finding.source for finding in findings))
