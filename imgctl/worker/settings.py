"""The function's settings, which the template puts into its environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass

from imgctl.core.errors import Hint, ImgctlError
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.rendition_tables import InvalidRendition, renditions_in
from imgctl.core.renditions import RenditionSet


class SettingsError(ImgctlError):
    """An environment variable is missing or invalid."""

    code = "settings"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where results are stored, and how images are resized.

    `cache_control` is the header of that name that outputs are served with; empty for none.
    """

    source_bucket: str
    destination_bucket: str
    table: str
    renditions: RenditionSet
    limits: Limits
    cache_control: str = ""


_RUNTIME_MEBIBYTES = 169  # of the interpreter and the SDK, 50 when idle, and of results to store
_DEFAULT_MEBIBYTES = 1769


def _limits(environ: Mapping[str, str]) -> Limits:
    """Limit the memory for an image: Lambda would kill the function without a record.

    Time is limited by what is left of the invocation (`deadline`).
    """
    memory = int(environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", _DEFAULT_MEBIBYTES))
    return Limits.for_process((memory - _RUNTIME_MEBIBYTES) * MEBIBYTE, cpu_seconds=None)


def from_environ(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError, which names the missing or invalid variable."""
    try:
        settings = Settings(
            source_bucket=environ["SOURCE_BUCKET"],
            destination_bucket=environ["DESTINATION_BUCKET"],
            table=environ["TABLE_NAME"],
            renditions=renditions_in(environ),
            limits=_limits(environ),
            cache_control=environ.get("CACHE_CONTROL", ""),
        )
    except KeyError as error:
        raise SettingsError(
            f"The environment variable {error.args[0]} is missing.",
            hint=Hint("Deploy the function with {}, which sets it.", "deploy"),
        ) from error
    except InvalidRendition as error:
        raise SettingsError(f"RENDITIONS is invalid: {error}.", hint=error.hint) from error
    except ValueError as error:
        raise SettingsError(
            f"SCALE or QUALITY is invalid: {error}.", hint="Deploy with a scale such as 0.5."
        ) from error
    if settings.source_bucket == settings.destination_bucket:
        raise SettingsError(
            "The destination bucket is the source bucket: each output would trigger the function.",
            hint="Deploy with two different buckets.",
        )
    return settings
