"""The function's versions on a terminal and in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from imgctl.cli.layout import Grid
from imgctl.cli.plan_view import CODE_LENGTH
from imgctl.cli.text import local_time, printable, size_text
from infra.function_version import LiveVersions, Version
from infra.version_settings import BOUND_SETTINGS, CODE, content_of

_UNSET = "default"


@dataclass(frozen=True, slots=True)
class VersionsView:
    """Versions, newest first, and which of them are live."""

    versions: Sequence[Version]
    live: LiveVersions

    def rendered(self, width: int) -> Table | Text:
        """Return the form for a terminal: a column for each setting that differs."""
        settings = differing_settings(self.versions)
        rows = []
        for version in self.versions:
            content = content_of(version)
            values = [Text(printable(content.get(name) or _UNSET)) for name in settings]
            rows.append((*self._beginning(version), *values))
        columns = ("version", "", "published", CODE, *settings)
        return Grid(columns, rows, optional=("published",)).rendered(width)

    def lines(self) -> str:
        """Return the form for a pipe, with the size and all settings of each version."""
        rows = []
        for version in self.versions:
            settings = ", ".join(
                f"{name} {value or _UNSET}"
                for name, value in content_of(version).items()
                if name != CODE
            )
            size = Text(size_text(version.size))
            number, live, published, code = self._beginning(version)
            rows.append((number, live, published, size, code, Text(printable(settings))))
        return Grid((), rows).lines()

    def _beginning(self, version: Version) -> tuple[Text, Text, Text, Text]:
        return (
            Text(str(version.number)),
            Text(self._mark(version.number), style="green"),
            Text(local_time(version.modified)),
            Text(content_of(version)[CODE][:CODE_LENGTH]),
        )

    def _mark(self, number: int) -> str:
        percent = self.live.percent(number)
        mark = "live" if number == self.live.number else ""
        return f"{mark} {percent}%".lstrip() if 0 < percent < 100 else mark


def differing_settings(versions: Sequence[Version]) -> list[str]:
    """Return the names of the settings that are not the same in all versions."""
    contents = [content_of(version) for version in versions]
    names = contents[0] if contents else ()
    return [n for n in names if n != CODE and len({content.get(n) for content in contents}) > 1]


def common_settings(versions: Sequence[Version]) -> str:
    """Return what is set alike in all versions, in one line and without names of resources."""
    if not versions:
        return ""
    left_out = {CODE, *differing_settings(versions), *BOUND_SETTINGS}
    return ", ".join(
        f"{name} {value}"
        for name, value in content_of(versions[0]).items()
        if value and name not in left_out
    )
