"""The project's web addresses, from its installed metadata (`project.urls` in pyproject.toml)."""

from functools import cache


def documentation(page: str = "") -> str:
    """Return the URL of the documentation, or of one page by its path below docs/.

    Without installed metadata imgctl runs from its repository; then this is the path in it.
    """
    base = project_url("Documentation") or "docs"
    return f"{base}/{page}" if page else base


@cache
def project_url(label: str) -> str | None:
    """Return the project URL with a label, such as `Issues`; None if there is no such metadata."""
    from importlib import metadata  # noqa: PLC0415 (slow, and most runs print no address)

    try:
        entries = metadata.metadata("imgctl").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    urls = dict(entry.split(", ", 1) for entry in entries)
    return urls.get(label)
