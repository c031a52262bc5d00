"""What is told of an erasure: what was found, what was deleted, and what was left."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgctl.cli.layout import Line
from imgctl.cli.text import printable
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from imgctl.aws.object_versions import ObjectVersion
    from imgctl.operations.erase import Erased, Refusal
    from imgctl.operations.erase_remains import NamingLetters
    from imgctl.operations.erase_scope import KeyContent

_WORD_CELLS = 8
_STYLES = {"found": "", "erased": "green", "left": "dim"}


def found_lines(content: "KeyContent") -> Iterator[Line]:
    """Yield a line for each object with its number of versions, and one for the records."""
    for (bucket, key), counts in _objects(content).items():
        yield _line("found", f"{bucket}/{printable(key)}", counts)
    if content.records or content.current:
        yield _line("found", *_records(content))


def erased_lines(result: "Erased") -> Iterator[Line]:
    """Yield the same lines for what was deleted: objects of which nothing was refused."""
    content = result.content
    refused = {(one.bucket, one.key) for one in result.refused}
    for (bucket, key), counts in _objects(content).items():
        if (bucket, key) not in refused:
            yield _line("erased", f"{bucket}/{printable(key)}", counts)
    if (content.records or content.current) and not result.refused:
        yield _line("erased", *_records(content))


def _objects(content: "KeyContent") -> dict[tuple[str, str], str]:
    """Return the number of versions of each object, by its bucket and key."""
    kinds: dict[tuple[str, str], Counter[str]] = {}
    for version in (*content.originals, *content.outputs):
        kind = "delete marker" if version.is_marker else "version"
        kinds.setdefault((version.bucket, version.key), Counter())[kind] += 1
    for upload in content.unfinished:
        where = (content.source_bucket, upload.key)
        kinds.setdefault(where, Counter())["unfinished upload"] += 1
    return {
        where: ", ".join(_count(number, kind) for kind, number in counted.items())
        for where, counted in kinds.items()
    }


def _records(content: "KeyContent") -> tuple[str, str]:
    return f"records of {printable(content.key)}", _count(len(content.records), "record")


def left_lines(content: "KeyContent") -> Iterator[Line]:
    """Yield a line for each version under the name of an output that is not deleted."""
    for item in content.left:
        word = "unproven" if item.is_unproven else "left"
        yield _version_line(word, item.version, item.reason)


def problem_lines(result: "Erased") -> Iterator[Line]:
    """Yield a line for each version that makes an erasure incomplete."""
    for refused in result.refused:
        yield _version_line("refused", refused, refused.reason)
    for item in result.unproven:
        yield _version_line("unproven", item.version, item.reason)
    for version in result.later:
        yield _version_line("later", version, "uploaded since")


def hints(result: "Erased") -> Iterator[str]:
    """Yield what to do about what was left."""
    if result.refused:
        yield (
            f"S3 refused to delete {_count(len(result.refused), 'version')}. Check for an object"
            f" lock, and for a policy that denies s3:DeleteObjectVersion. The records"
            f" ({result.kept_records}) were kept, because they prove what belongs to the key. Then"
            " run the same command again."
        )
    if result.unproven:
        yield (
            "Nothing proves whose the unproven versions are. Look at them, and delete those of"
            " this image with `aws s3api delete-object --bucket B --key K --version-id V`."
        )
    if result.later:
        yield "The key was uploaded again meanwhile. To erase that, too, run the command again."
    if not result.is_settled:
        yield (
            "The function or another program kept writing records of the key. Stop that, and run"
            " the command again."
        )


def letters_text(letters: "NamingLetters", program: str) -> str:
    """Return what to say about the dead-letter queue; empty for nothing."""
    if letters.error:
        return f"Whether dead letters name the key is not known: {letters.error}"
    if not letters.count:
        return ""
    hint = Hint("{} would record their uploads as FAILED, and the key with them.", "redrive")
    return (
        f"{_count(letters.count, 'event')} in the dead-letter queue with the key, for up to 14 days"
        f" in all. {hint.render(program)}"
    )


def _version_line(word: str, version: "ObjectVersion | Refusal", reason: str) -> Line:
    name = f"{version.bucket}/{printable(version.key)}"
    return _line(word, name, f"version {version.version_id}: {printable(reason)}")


def _line(word: str, name: str, detail: str) -> Line:
    return Line(word, _STYLES.get(word, "red"), (name,), detail, word_cells=_WORD_CELLS)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
