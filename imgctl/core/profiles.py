"""What an ICC profile is for (ICC.1:2022, clause 7.2)."""

_HEADER_BYTES = 128
_SIGNATURE = b"acsp"


def color_space(profile: bytes | None) -> str | None:
    """Return the color space of the pixels that a profile describes, such as `RGB` or `GRAY`.

    None if there is no profile, or none whose header can be read.
    """
    if profile is None or len(profile) < _HEADER_BYTES or profile[36:40] != _SIGNATURE:
        return None
    return profile[16:20].decode("latin-1").strip()
