"""Which package indexes wheels are downloaded from, and how they are reached.

These are the indexes that pip or uv would ask: a company that has its own has already told one of
them. Of their other settings, only the proxy and the CA bundle are read: the rest, such as PIP_USER
or PIP_NO_INDEX, is about installing.
"""

import configparser
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

DEFAULT_INDEX = "https://pypi.org/simple"

CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
_EXTRA_VARIABLES = ("UV_INDEX", "PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL")


@dataclass(frozen=True, slots=True)
class IndexAccess:
    """The URLs of indexes, in the order in which they are asked, and how to reach them.

    Without a `proxy`, that of the environment is used. `ca_files`, which may also be folders, are
    trusted in addition to the system's certificates.
    """

    indexes: tuple[str, ...]
    proxy: str | None = None
    ca_files: tuple[str, ...] = ()


def index_access(environment: Mapping[str, str], settings: Mapping[str, str]) -> IndexAccess:
    """Return the access that the environment describes, or else pip's `settings`, or else PyPI."""
    urls = [
        environment.get("PIP_INDEX_URL")
        or environment.get("UV_DEFAULT_INDEX")
        or environment.get("UV_INDEX_URL")
        or settings.get("index-url")
        or DEFAULT_INDEX
    ]
    urls += [url for name in _EXTRA_VARIABLES for url in environment.get(name, "").split()]
    urls += settings.get("extra-index-url", "").split()
    # uv accepts a name before the URL: corporate=https://...
    plain = (re.sub(r"^[\w.-]+=", "", url.strip()).rstrip("/") for url in urls)
    files = [environment.get(name) for name in CA_VARIABLES]
    files.append(settings.get("cert"))
    return IndexAccess(
        indexes=tuple(dict.fromkeys(plain)),
        proxy=environment.get("PIP_PROXY") or settings.get("proxy"),
        # Unlike Path.expanduser, this leaves the home of an unknown user as it is.
        ca_files=tuple(dict.fromkeys(os.path.expanduser(file) for file in files if file)),  # noqa: PTH111
    )


def pip_settings(files: Iterable[Path]) -> dict[str, str]:
    """Return what pip's files set for `pip install`; a later file overrides an earlier one.

    A file that is missing, or that pip itself could not read, sets nothing.
    """
    settings: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        with suppress(OSError, UnicodeDecodeError, configparser.Error):
            parser.read_string(file.read_text(encoding="utf-8"))
            for section in ("global", "install"):
                if parser.has_section(section):
                    settings |= {
                        name.replace("_", "-"): value for name, value in parser.items(section)
                    }
    return settings


def pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the paths of pip's files from the least to the most specific, as pip orders them."""
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    of_system = PlatformDirs("pip", appauthor=False, multipath=True).site_config_dir
    folders = [Path(folder) for folder in reversed(of_system.split(os.pathsep))]
    folders.append(Path("/etc"))
    with suppress(RuntimeError):  # no home is known
        folders += [Path.home() / ".pip", Path.home() / ".config" / "pip"]
    folders += [PlatformDirs("pip", appauthor=False).user_config_path, Path(sys.prefix)]
    files = [folder / "pip.conf" for folder in folders if folder.is_absolute()]
    return [*files, Path(named)] if named else files
