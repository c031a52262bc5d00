"""Colors that a file describes by code points (ITU-T H.273), and profiles that say the same."""

from imgctl.core.containers.heif_facts import (
    SRGB_PRIMARIES,
    SRGB_TRANSFER,
    UNSPECIFIED,
    ColorDescription,
)
from imgctl.core.icc_profile import (
    SRGB_PARAMETERS,
    Primaries,
    display_profile,
    parametric_curve,
    sampled_curve,
)

PQ, HLG = 16, 18
HDR_NAMES = {PQ: "PQ", HLG: "HLG"}

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
PRIMARIES = {  # table 2
    1: Primaries(_D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    4: Primaries(_C, (0.670, 0.330), (0.210, 0.710), (0.140, 0.080)),
    5: Primaries(_D65, (0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_BT709_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, tuple[float, ...]] = {  # table 3
    1: _BT709_CURVE,
    4: (2.2,),
    5: (2.8,),
    6: _BT709_CURVE,
    8: (1.0,),
    13: SRGB_PARAMETERS,
    14: _BT709_CURVE,
    15: _BT709_CURVE,
}
_REFERENCE_WHITE = 203  # cd/m2, of HDR pictures (ITU-R BT.2408, 2.1)
_CURVE_POINTS = 4096


def described_profile(color: ColorDescription) -> bytes | None:
    """Return an ICC profile of the described colors, None if they are not among those known.

    An HDR curve (PQ, HLG) ends at reference white: what is brighter is shown as white.
    """
    primaries = SRGB_PRIMARIES if color.primaries == UNSPECIFIED else color.primaries
    transfer = SRGB_TRANSFER if color.transfer == UNSPECIFIED else color.transfer
    curve = _hdr_curve(transfer) or sdr_curve(transfer)
    if primaries not in PRIMARIES or curve is None:
        return None
    return display_profile(PRIMARIES[primaries], curve)


def sdr_curve(transfer: int) -> bytes | None:
    """Return the curve of a profile for a transfer function without highlights; None for others."""
    return parametric_curve(*_CURVES[transfer]) if transfer in _CURVES else None


def _hdr_curve(transfer: int) -> bytes | None:
    luminance = {PQ: _pq_luminance, HLG: _hlg_luminance}.get(transfer)
    if luminance is None:
        return None
    return sampled_curve(
        [
            min(65_535, round(65_535 * luminance(index / (_CURVE_POINTS - 1)) / _REFERENCE_WHITE))
            for index in range(_CURVE_POINTS)
        ]
    )


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
