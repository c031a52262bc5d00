"""ICC profiles for colors that a file describes by code points (ITU-T H.273).

Formats other than AVIF keep such colors as a profile of primaries and transfer curves (ICC.1:2010).
"""

import struct
from itertools import product
from typing import TYPE_CHECKING

from imgctl.core.containers.avif_facts import (
    SRGB_PRIMARIES,
    SRGB_TRANSFER,
    UNSPECIFIED,
    ColorDescription,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PQ, HLG = 16, 18
HDR_NAMES = {PQ: "PQ", HLG: "HLG"}

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
_PRIMARIES = {  # H.273, table 2: red, green, blue, white
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), _C),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_BT709_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, tuple[float, ...]] = {  # H.273, table 3: parameters of `para`, ICC.1, 10.18
    1: _BT709_CURVE,
    4: (2.2,),
    5: (2.8,),
    6: _BT709_CURVE,
    8: (1.0,),
    13: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    14: _BT709_CURVE,
    15: _BT709_CURVE,
}
_D50 = (0.9642, 1.0, 0.8249)  # the profile connection space
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_REFERENCE_WHITE = 203  # cd/m2, of HDR pictures (ITU-R BT.2408, 2.1)
_CURVE_POINTS = 4096

_Vector = tuple[float, float, float]
_Matrix = tuple[_Vector, _Vector, _Vector]


def described_profile(color: ColorDescription) -> bytes | None:
    """Return an ICC profile of the described colors, None if they are not among those known.

    An HDR curve (PQ, HLG) ends at reference white: what is brighter is shown as white.
    """
    primaries = SRGB_PRIMARIES if color.primaries == UNSPECIFIED else color.primaries
    transfer = SRGB_TRANSFER if color.transfer == UNSPECIFIED else color.transfer
    curve = _curve(transfer)
    if primaries not in _PRIMARIES or curve is None:
        return None
    red, green, blue, white = _PRIMARIES[primaries]
    adaptation = _adaptation(_xyz(white))
    colorants = _multiplied(adaptation, _rgb_to_xyz((red, green, blue), _xyz(white)))
    name = f"H.273 primaries {primaries}, transfer {transfer}"
    tags = {
        b"desc": _text(name),
        b"cprt": _text("No copyright"),
        b"wtpt": _xyz_tag(_D50),
        b"chad": b"sf32\0\0\0\0" + b"".join(map(_fixed, (v for row in adaptation for v in row))),
        b"rXYZ": _xyz_tag(_column(colorants, 0)),
        b"gXYZ": _xyz_tag(_column(colorants, 1)),
        b"bXYZ": _xyz_tag(_column(colorants, 2)),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _profile(tags)


def _curve(transfer: int) -> bytes | None:
    if transfer in _CURVES:
        parameters = _CURVES[transfer]
        kind = 0 if len(parameters) == 1 else 3
        return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, parameters))
    functions: dict[int, Callable[[float], float]] = {PQ: _pq_luminance, HLG: _hlg_luminance}
    if transfer not in functions:
        return None
    luminance = functions[transfer]
    points = [
        min(65_535, round(65_535 * luminance(index / (_CURVE_POINTS - 1)) / _REFERENCE_WHITE))
        for index in range(_CURVE_POINTS)
    ]
    return b"curv\0\0\0\0" + struct.pack(f">I{_CURVE_POINTS}H", _CURVE_POINTS, *points)


def _pq_luminance(signal: float) -> float:
    """Return cd/m2 (ITU-R BT.2100, table 4)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = signal ** (1 / m2)
    return 10_000 * float((max(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1))


def _hlg_luminance(signal: float) -> float:
    """Return cd/m2 of gray on a display of 1,000 cd/m2 (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = signal**2 / 3 if signal <= 0.5 else (2.718281828459045 ** ((signal - c) / a) + b) / 12
    return float(1000 * scene**1.2)


def _xyz(chromaticity: tuple[float, float]) -> _Vector:
    x, y = chromaticity
    return (x / y, 1.0, (1 - x - y) / y)


def _rgb_to_xyz(primaries: tuple[tuple[float, float], ...], white: _Vector) -> _Matrix:
    columns = [_xyz(primary) for primary in primaries]
    unscaled = _rows(zip(*columns, strict=True))
    scale = _applied(_inverse(unscaled), white)
    return _rows(
        (value * factor for value, factor in zip(row, scale, strict=True)) for row in unscaled
    )


def _adaptation(white: _Vector) -> _Matrix:
    """Return the Bradford adaptation from a white to D50 (ICC.1, annex E)."""
    source, target = _applied(_BRADFORD, white), _applied(_BRADFORD, _D50)
    scaled = _rows(
        (value * target[row] / source[row] for value in _BRADFORD[row]) for row in range(3)
    )
    return _multiplied(_inverse(_BRADFORD), scaled)


def _rows(rows: object) -> _Matrix:
    first, second, third = (tuple(row) for row in rows)  # type: ignore[attr-defined]
    return (first, second, third)


def _multiplied(left: _Matrix, right: _Matrix) -> _Matrix:
    return _rows(
        (sum(left[row][k] * right[k][column] for k in range(3)) for column in range(3))
        for row in range(3)
    )


def _applied(matrix: _Matrix, vector: _Vector) -> _Vector:
    x, y, z = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return (x, y, z)


def _column(matrix: _Matrix, column: int) -> _Vector:
    return (matrix[0][column], matrix[1][column], matrix[2][column])


def _inverse(m: _Matrix) -> _Matrix:
    cofactors = [[0.0] * 3 for _ in range(3)]
    for i, j in product(range(3), range(3)):
        a, b, c, d = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
        cofactors[j][i] = m[a][c] * m[b][d] - m[a][d] * m[b][c]
    determinant = sum(m[0][k] * cofactors[k][0] for k in range(3))
    return _rows((value / determinant for value in row) for row in cofactors)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))


def _xyz_tag(value: _Vector) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, value))


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(encoded), 28) + encoded


def _profile(tags: dict[bytes, bytes]) -> bytes:
    """Assemble a display profile of version 4.3 (ICC.1:2010, 7); its dates are 2000-01-01."""
    position = 128 + 4 + 12 * len(tags)
    table, body, places = b"", b"", dict[bytes, int]()
    for name, data in tags.items():
        if data not in places:
            places[data] = position + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", places[data], len(data))
    size = position + len(body)
    header = struct.pack(
        ">I4sI4s4s4s6H4s4s", size, b"\0" * 4, 0x04300000, b"mntr", b"RGB ", b"XYZ ",
        2000, 1, 1, 0, 0, 0, b"acsp", b"\0" * 4,
    )  # fmt: skip
    header = header.ljust(64, b"\0") + b"\0" * 4 + b"".join(map(_fixed, _D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
