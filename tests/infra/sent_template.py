"""The template as it is sent, in both formats, for cfn-lint: `python -m tests.infra.sent_template`.

The templates of one stack and of each of its formats are one document (test_template_json.py), so
that this finds what only the format or the missing comments could break.
"""

import sys
from pathlib import Path

from infra.template import stack_template, with_hashed_ids
from infra.template_json import to_json


def write(folder: Path) -> None:
    """Write template.yaml and template.json to a folder."""
    template = with_hashed_ids(stack_template(), {})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.yaml").write_text(template, encoding="utf-8")
    (folder / "template.json").write_text(to_json(template), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
