"""ICC profiles for displays, written from primaries and a curve (ICC.1:2022, version 4).

Formats without a color description of their own get colors that a PNG or an AVIF describes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
Chromaticity = tuple[float, float]

_D50 = (0.9642, 1.0, 0.8249)  # clause 6.3.1, the connection space's white
_BRADFORD: Matrix = (  # annex E, which adapts to that white
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
SRGB_PARAMETERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""IEC 61966-2-1 as the parameters g, a, b, c, d of a curve."""

_MAX_FIXED = 32768  # of an s15Fixed16Number
_VERSION = b"\x04\x30\0\0"
_HEADER_BYTES = 128


@dataclass(frozen=True, slots=True)
class Primaries:
    """The CIE xy chromaticities of white and of the three primaries."""

    white: Chromaticity
    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity


def parametric_curve(*parameters: float) -> bytes:
    """Return a curve of a gamma, or of g, a, b, c and d (clause 10.18, functions 0 and 3)."""
    function = 0 if len(parameters) == 1 else 3
    return b"para" + bytes(4) + struct.pack(">HH", function, 0) + b"".join(map(_fixed, parameters))


def sampled_curve(samples: Sequence[int]) -> bytes:
    """Return a curve of evenly spaced samples from 0 to 65,535 (clause 10.6)."""
    return b"curv" + bytes(4) + struct.pack(f">I{len(samples)}H", len(samples), *samples)


def display_profile(primaries: Primaries | None, curve: bytes) -> bytes | None:
    """Return a profile for RGB, or for gray if `primaries` is None.

    None for primaries that enclose no colors.
    """
    tags = {b"desc": _text("imgctl"), b"cprt": _text("CC0"), b"wtpt": _xyz(_D50)}
    if primaries is None:
        return _profile(b"GRAY", {**tags, b"kTRC": curve})
    try:
        adaptation = _adaptation(_to_xyz(primaries.white))
        columns = _columns(primaries)
    except ZeroDivisionError:
        return None
    adapted = [_apply(adaptation, column) for column in columns]
    values = [value for row in adaptation for value in row]
    values += [value for column in adapted for value in column]
    if any(abs(value) >= _MAX_FIXED for value in values):
        return None
    tags[b"chad"] = b"sf32" + bytes(4) + b"".join(_fixed(v) for row in adaptation for v in row)
    for name, column in zip((b"r", b"g", b"b"), adapted, strict=True):
        tags[name + b"XYZ"] = _xyz(column)
        tags[name + b"TRC"] = curve
    return _profile(b"RGB ", tags)


def _columns(primaries: Primaries) -> list[tuple[float, float, float]]:
    """Return the XYZ of each primary at the intensity at which all three make white."""
    red, green, blue = (_to_xyz(xy) for xy in (primaries.red, primaries.green, primaries.blue))
    matrix: Matrix = tuple(zip(red, green, blue, strict=True))  # type: ignore[assignment]
    scales = _apply(_inverse(matrix), _to_xyz(primaries.white))
    return [
        (scale * x, scale * y, scale * z)
        for scale, (x, y, z) in zip(scales, (red, green, blue), strict=True)
    ]


def _adaptation(white: tuple[float, float, float]) -> Matrix:
    source, target = _apply(_BRADFORD, white), _apply(_BRADFORD, _D50)
    ratios = [new / old for new, old in zip(target, source, strict=True)]
    scaled = tuple(
        tuple(ratio * value for value in row) for ratio, row in zip(ratios, _BRADFORD, strict=True)
    )
    inverse = _inverse(_BRADFORD)
    return tuple(  # type: ignore[return-value]
        tuple(sum(row[k] * scaled[k][column] for k in range(3)) for column in range(3))
        for row in inverse
    )


def _to_xyz(xy: Chromaticity) -> tuple[float, float, float]:
    x, y = xy
    return x / y, 1.0, (1 - x - y) / y


def _apply(matrix: Matrix, vector: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return tuple(tuple(value / determinant for value in row) for row in cofactors)  # type: ignore[return-value]


def _fixed(value: float) -> bytes:
    """Return a signed number with 16 bits before and 16 after the point (s15Fixed16Number)."""
    return struct.pack(">i", round(value * 65536))


def _xyz(vector: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, vector))


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data


def _profile(color_space: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = _HEADER_BYTES + 4 + 12 * len(tags)
    table, body, offsets = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for name, data in tags.items():
        if data not in offsets:  # the three curves are the same
            offsets[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", offsets[data], len(data))
    head = struct.pack(">I4x4s", start + len(body), _VERSION) + b"mntr" + color_space + b"XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(map(_fixed, _D50))
    return head.ljust(_HEADER_BYTES, b"\0") + table + body
