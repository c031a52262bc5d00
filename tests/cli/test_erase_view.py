"""What is said of an erasure that is incomplete; tests/e2e/test_erase.py shows a complete one."""

from imgctl.aws.object_versions import ObjectVersion
from imgctl.cli.erase_documents import EraseDocument, erase_document
from imgctl.cli.erase_view import erased_lines, found_lines, hints, letters_text, problem_lines
from imgctl.core.record import Record
from imgctl.operations.erase import Erased, Refusal
from imgctl.operations.erase_remains import NamingLetters, what_remains
from imgctl.operations.erase_scope import KeyContent, LeftObject
from tests.documents import check_document

KEY = "cake\x1b[2J.jpg"
LOCKED = ObjectVersion("src", KEY, "v1")
UNPROVEN = LeftObject(ObjectVersion("dest", "resized-cake.jpg", "v3"), "says nothing", True)
OTHERS = LeftObject(ObjectVersion("dest", "resized-cake.jpg", "v4"), "an output of b.jpg", False)
CONTENT = KeyContent(
    key=KEY,
    source_bucket="src",
    originals=(ObjectVersion("src", KEY, "v2", is_marker=True), LOCKED),
    outputs=(ObjectVersion("dest", "resized-cake.jpg", "v5"),),
    records=(Record(resource_id="1"), Record(resource_id="2")),
    left=(OTHERS, UNPROVEN),
    other_buckets=("old-bucket",),
)
INCOMPLETE = Erased(
    content=CONTENT,
    objects=1,
    kept_records=2,
    refused=(Refusal("src", KEY, "v1", "is locked"),),
    unproven=(UNPROVEN,),
    later=(ObjectVersion("src", KEY, "v6"),),
    is_settled=False,
)


def document(results: list[Erased] | None) -> EraseDocument:
    made = erase_document([CONTENT], results, NamingLetters(2), ["logs"])
    check_document("erase", {"schema": 1, **made})
    return made


def test_what_was_found_is_counted_by_object_and_shown_without_control_characters() -> None:
    shown = [line.lines() for line in found_lines(CONTENT)]
    assert shown[0].endswith("\t1 delete marker, 1 version")
    assert shown[1] == "found\tdest/resized-cake.jpg\t1 version"
    assert shown[2].endswith("\t2 records")
    assert "\x1b" not in "".join(shown)


def test_what_was_refused_is_not_called_erased() -> None:
    assert [line.lines() for line in erased_lines(INCOMPLETE)] == [
        "erased\tdest/resized-cake.jpg\t1 version"
    ]
    problems = [line.lines() for line in problem_lines(INCOMPLETE)]
    assert [line.partition("\t")[0] for line in problems] == ["refused", "unproven", "later"]
    assert problems[0].endswith("version v1: is locked")
    assert len(list(hints(INCOMPLETE))) == 4
    assert list(hints(Erased(content=CONTENT))) == []


def test_the_document_names_each_version_that_is_left_and_why() -> None:
    (key,) = document([INCOMPLETE])["keys"]
    assert [(item["problem"], item["version_id"]) for item in key["left"]] == [
        ("another_key", "v4"), ("unproven", "v3"), ("refused", "v1"), ("uploaded_later", "v6"),
    ]  # fmt: skip
    assert (key["complete"], key["kept_records"], key["deleted_records"]) == (False, 2, 0)
    assert document([Erased(content=CONTENT)])["complete"]


def test_a_dry_run_is_not_called_complete() -> None:
    planned = document(None)
    assert (planned["dry_run"], planned["complete"]) == (True, False)
    assert planned["keys"][0]["records"] == ["1", "2"]


def test_an_unreadable_queue_is_said_and_not_counted_as_empty() -> None:
    letters = NamingLetters(error="Not allowed")
    assert "is not known: Not allowed" in letters_text(letters, "imgctl")
    assert erase_document([], [], letters, [])["dead_letters"] is None
    assert letters_text(NamingLetters(), "imgctl") == ""
    assert "`imgctl --local redrive`" in letters_text(NamingLetters(1), "imgctl --local")


def test_what_remains_says_for_how_long_and_names_other_buckets() -> None:
    sentences = what_remains([CONTENT], "7")
    assert sum("7 days" in sentence for sentence in sentences) == 2
    assert any("35 days" in sentence for sentence in sentences)
    assert "old-bucket" in sentences[-1]
