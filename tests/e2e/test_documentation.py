"""The shell blocks of the documentation, run on one embedded AWS as a reader would type them."""

import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests import program
from tests.e2e.conftest import Local
from tests.markdown import Block, blocks_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

TUTORIAL = DOCS / "tutorial.md"
HOW_TO = [
    DOCS / "how-to" / "recover-failed-events.md",
    DOCS / "how-to" / "see-what-the-pipeline-is-doing.md",
    DOCS / "how-to" / "share-with-presigned-urls.md",
    DOCS / "how-to" / "look-at-images.md",
    DOCS / "explanation" / "costs.md",
]
"""Pages whose commands leave the stack as it is."""

NOT_RUN = {
    "aws ": "the AWS CLI is not part of the environment",
    "curl ": "tests/e2e/test_presign.py sends such requests",
    "eval ": "the variables are for the AWS CLI",
    "make ": ".ci/run does",
    "pip ": "tests/packaging installs the wheel",
    "source ": "the environment is active already",
    "ssh ": "there is no server",
    "imgctl dashboard": "it opens a browser, at an address in AWS",
    "imgctl gallery": "it serves until Ctrl-C, see tests/e2e/test_gallery.py",
    "imgctl --local gallery": "it serves until Ctrl-C, see tests/e2e/test_gallery.py",
    "imgctl invoke event.json": "the event is the reader's own",
    "imgctl logs --follow": "it follows until Ctrl-C, see tests/operations",
    "imgctl presign holiday/cake.jpg --rendition": "the stack makes no such rendition",
    "imgctl reprocess --prefix 2026/ --batch": "no emulator has S3 Batch Operations",
}
"""The beginnings of lines that are only parsed, by tests/test_docs.py, and why."""

EXIT_CODES = {
    "imgctl upload bad.jpg": (1, 0),
    "imgctl upload bad.jpg --force": (1,),
    "imgctl audit": (1, 0, 1),  # bad.jpg, its replacement, report.pdf
}
"""The exit codes of lines that show a failure, the first time and later; those of others are 0."""


@dataclass
class Reader:
    """Somebody who types what a page says, and answers yes."""

    local: Local
    folder: Path
    runs: Counter[str] = field(default_factory=Counter)
    not_run: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def follow(self, blocks: Iterable[Block], where: str) -> None:
        """Run shell blocks, and look for the output that the page shows below each."""
        printed = ""
        for block in blocks:
            if block.language == "sh":
                printed = "".join(
                    self._run(line, f"{where}, {block.heading}") for line in block.lines
                )
            elif block.language == "" and printed:
                missing = set(_lines(block.text)) - set(_lines(printed))
                self.problems += [f"{where} shows {line!r}, not in {printed!r}" for line in missing]

    def _run(self, line: str, where: str) -> str:
        if reasons := [start for start in NOT_RUN if line.startswith(start)]:
            self.not_run.update(reasons)
            return ""
        words = shlex.split(line)
        if words[0] == "imgctl":
            environment = self.local.environment | {"IMGCTL_YES": "1"}
            done = program.run(words[1:], environment=environment, cwd=self.folder)
        else:
            command = ["/bin/sh", "-c", line]
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, text=True, check=False
            )
        expected = EXIT_CODES.get(line, (0,))[self.runs[line] :] or (0,)
        self.runs[line] += 1
        if done.returncode != expected[0]:
            self.problems.append(f"{where}: {line}: exit {done.returncode}\n{done.stderr}")
        return done.stdout + done.stderr


def test_a_reader_can_follow_the_readme_the_tutorial_and_the_guides(
    empty: Local, album: Path
) -> None:
    (album / "imgctl").symlink_to(ROOT / "imgctl")  # as if in a clone
    (album / "report.pdf").write_text("not an image")
    reader = Reader(empty, album)
    tutorial = [block for block in blocks_of(TUTORIAL) if not block.heading.startswith("Part 2")]
    (clean_up,) = (block for block in tutorial if block.heading == "Clean up")
    reader.follow((block for block in tutorial if block != clean_up), "tutorial")

    for name, key in (("photo.jpg", "holiday/cake.jpg"), ("report.pdf", "papers/report.pdf")):
        empty.imgctl("upload", name, "--key", key, "--force", cwd=album)
    for page in HOW_TO:
        reader.follow(blocks_of(page), page.stem)
    of_readme = blocks_of(ROOT / "README.md")
    reader.follow((block for block in of_readme if block.heading.startswith("Try it")), "README")
    reader.follow([clean_up], "tutorial")

    assert reader.problems == []
    assert NOT_RUN.keys() - reader.not_run == set()
    assert {path.name for path in album.iterdir()} == {"imgctl", "report.pdf", "report.html"}


def _lines(text: str) -> list[str]:
    """List the lines of an output, without their layout, ports and IDs."""
    text = re.sub(r"127\.0\.0\.1:\d+|(?<=execute-api/)\w+", "...", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
