"""Write the reference pages."""

from tests.reference import PAGES

for path, render in PAGES.items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(), encoding="utf-8")
    print(path)
