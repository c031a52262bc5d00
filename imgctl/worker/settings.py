"""What the template tells the function, read once from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from imgctl.core.errors import ImgctlError
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.spec import ResizeSpec, Scale


class SettingsError(ImgctlError):
    """The function's environment is not what the template sets."""

    code = "settings"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where results go, and how pictures are resized."""

    source_bucket: str
    destination_bucket: str
    table: str
    output_prefix: str
    spec: ResizeSpec
    limits: Limits


_RUNTIME_MEBIBYTES = 350  # of the function's memory, for the interpreter, the SDK and the result
_LEAST_MEBIBYTES = 64


def _limits(environ: Mapping[str, str]) -> Limits:
    """Keep a picture from taking more memory than Lambda gives: it would be killed, unrecorded."""
    usual = Limits()
    given = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    if given is None:
        return usual
    left = max(_LEAST_MEBIBYTES, int(given) - _RUNTIME_MEBIBYTES) * MEBIBYTE
    return replace(usual, max_memory_bytes=min(usual.max_memory_bytes, left))


def from_environ(environ: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsError naming the variable at fault."""
    try:
        settings = Settings(
            source_bucket=environ["SOURCE_BUCKET"],
            destination_bucket=environ["DESTINATION_BUCKET"],
            table=environ["TABLE_NAME"],
            output_prefix=environ["OUTPUT_PREFIX"],
            spec=ResizeSpec(
                target=Scale(Fraction(environ["SCALE"])),
                quality=int(environ["QUALITY"]) if "QUALITY" in environ else None,
            ),
            limits=_limits(environ),
        )
    except KeyError as error:
        raise SettingsError(
            f"The environment variable {error.args[0]} is missing.",
            hint="Deploy the function with `imgctl deploy`, which sets it.",
        ) from error
    except (ValueError, ZeroDivisionError) as error:
        raise SettingsError(
            f"SCALE or QUALITY: {error}.", hint="Deploy with a scale such as 0.5."
        ) from error
    if settings.source_bucket == settings.destination_bucket:
        raise SettingsError(
            "The destination bucket is the source bucket: each output would trigger the function.",
            hint="Deploy with two different buckets.",
        )
    return settings
