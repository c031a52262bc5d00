"""Build the site."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs_site.built_pages import problems
from tests.docs_site.pages import navigation, navigation_toml, stage

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = ROOT / "build" / "site"
REPOSITORY_URL = "https://github.com/imgctl/imgctl/blob/main"


def main(program: str) -> str | None:
    """Build the site with `zensical`, and return what is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage(DOCS, folder / "docs", REPOSITORY_URL)
        # Zensical requires that both folders are below the settings.
        settings = (folder / "docs" / "zensical.toml").rename(folder / "zensical.toml")
        pages = navigation((DOCS / "README.md").read_text(encoding="utf-8"))
        with settings.open("a", encoding="utf-8") as file:
            file.write(f"\n{navigation_toml(pages)}")
        command = [program, "build", "--strict", "--config-file", str(settings)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stdout + done.stderr
        shutil.rmtree(SITE, ignore_errors=True)
        shutil.copytree(folder / "site", SITE)
    return "\n".join(problems(SITE)) or None


if __name__ == "__main__":
    if found := main(*sys.argv[1:]):
        sys.exit(found)
    print(SITE / "index.html")
