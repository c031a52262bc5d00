"""Which part of an image a result shows that fills a box."""

import math
from fractions import Fraction

from imgctl.core.geometry import Box, Size, factor_into, scaled, target_size
from imgctl.core.spec import Cover, Gravity, ResizeSpec

_START, _MIDDLE, _END = Fraction(0), Fraction(1, 2), Fraction(1)
_SHARES = {  # of what is cut off, how much lies to the left of what is kept, and above it
    Gravity.CENTER: (_MIDDLE, _MIDDLE),
    Gravity.NORTH: (_MIDDLE, _START),
    Gravity.NORTHEAST: (_END, _START),
    Gravity.EAST: (_END, _MIDDLE),
    Gravity.SOUTHEAST: (_END, _END),
    Gravity.SOUTH: (_MIDDLE, _END),
    Gravity.SOUTHWEST: (_START, _END),
    Gravity.WEST: (_START, _MIDDLE),
    Gravity.NORTHWEST: (_START, _START),
}


def kept_part(size: Size, spec: ResizeSpec) -> Box | None:
    """Return the part of an upright image of `size` that its result shows; None for all of it.

    It begins at a whole pixel, so that an image that is only cut is not resampled.
    """
    if not isinstance(spec.target, Cover):
        return None
    cover, target = spec.target, target_size(size, spec)
    factor = factor_into(size, cover)
    if factor > 1:
        width, height = cover.width * factor, cover.height * factor
    else:  # nothing is scaled
        width, height = Fraction(target.width), Fraction(target.height)
    share_left, share_above = _SHARES[cover.gravity]
    left = math.floor((size.width - width) * share_left)
    top = math.floor((size.height - height) * share_above)
    return (left, top, float(left + width), float(top + height))


def size_of_whole(size: Size, spec: ResizeSpec) -> Size:
    """Return the size that all of an upright image would have at the scale of its result."""
    part, target = kept_part(size, spec), target_size(size, spec)
    if part is None:
        return target
    factor = Fraction(target.width) / Fraction(part[2] - part[0])
    return Size(scaled(size.width, factor), scaled(size.height, factor))


def as_stored(part: Box, upright: Size, orientation: int) -> Box:
    """Return where a part of an upright image lies in the image as stored.

    `orientation` is EXIF's (CIPA DC-008, tag 0x0112).
    """
    left, top, right, bottom = part
    from_right = (upright.width - right, upright.width - left)
    from_below = (upright.height - bottom, upright.height - top)
    columns, rows = {
        2: (from_right, (top, bottom)),
        3: (from_right, from_below),
        4: ((left, right), from_below),
        5: ((top, bottom), (left, right)),
        6: ((top, bottom), from_right),
        7: (from_below, from_right),
        8: (from_below, (left, right)),
    }.get(orientation, ((left, right), (top, bottom)))
    return (columns[0], rows[0], columns[1], rows[1])
