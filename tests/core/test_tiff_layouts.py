"""Every layout of a TIFF's samples comes out right, or is refused by name."""

from collections.abc import Iterable
from itertools import product
from typing import cast

import pytest
from PIL import Image

from imgctl.core.errors import UnsupportedFormat
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import Fit, ResizeSpec
from tests.core.resizing import halve
from tests.core.tiff_files import (
    BLACK_IS_ZERO,
    CIELAB,
    CMYK,
    DEFLATE,
    PACKBITS,
    PALETTE,
    RAW,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    Layout,
    image,
    tiff,
)
from tests.pictures import decoded

WIDTH, HEIGHT = 24, 16
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2

KINDS = [  # photometric interpretation, samples per pixel, kind of the last
    (WHITE_IS_ZERO, 1, None),
    (BLACK_IS_ZERO, 1, None),
    (BLACK_IS_ZERO, 2, UNSPECIFIED),
    (BLACK_IS_ZERO, 2, ASSOCIATED),
    (BLACK_IS_ZERO, 2, UNASSOCIATED),
    (RGB, 3, None),
    (RGB, 4, None),
    (RGB, 4, UNSPECIFIED),
    (RGB, 4, ASSOCIATED),
    (RGB, 4, UNASSOCIATED),
    (PALETTE, 1, None),
    (CMYK, 4, None),
    (CMYK, 5, UNASSOCIATED),
]


def layouts() -> list[Layout]:
    result = []
    for (photometric, channels, alpha), bits, planar, compression, order in product(
        KINDS, (1, 2, 4, 8, 12, 16), (1, 2), (RAW, DEFLATE), "<>"
    ):
        if (planar == 2 and channels == 1) or (photometric == PALETTE and bits > 8):
            continue
        extra = []
        if photometric == PALETTE:  # the index is red, and its complement blue
            levels = [index * 65535 // (2**bits - 1) for index in range(2**bits)]
            extra = [(320, 3, [*levels, *[0] * len(levels), *levels[::-1]])]
        result.append(
            Layout(
                photometric=photometric,
                bits=bits,
                channels=channels,
                planar=planar,
                compression=compression,
                order=order,
                alpha=alpha,
                extra=extra,
            )
        )
    return result


def is_readable(layout: Layout) -> bool:
    """Return whether imgctl says that it reads such a TIFF (docs/reference/images.md)."""
    if layout.channels == 5 or layout.bits not in (1, 2, 4, 8, 16):
        return False
    if layout.photometric in (RGB, CMYK):
        return layout.bits >= 8
    if layout.channels == 2:
        ignored = layout.alpha == UNSPECIFIED and layout.planar == 2
        return ignored or (layout.bits == 8 and layout.planar == 1)
    return True


def sample(layout: Layout, x: int, y: int, channel: int) -> int:
    """Return a sample of ramps in all channels, of which alpha is never less than color."""
    ramps = (x / (WIDTH - 1), y / (HEIGHT - 1), (x + y) / (WIDTH + HEIGHT - 2))
    is_alpha = layout.alpha is not None and channel == layout.channels - 1
    ramp: float = 1 - 0.5 * ramps[1] if is_alpha or channel > 2 else 0.5 * ramps[channel]
    if layout.channels == 1:
        ramp = ramps[0]
    return round(ramp * (2.0**layout.bits - 1))


def expected(layout: Layout, x: int, y: int) -> list[float]:
    """Return the mean of the four pixels that become one, as premultiplied channels from 0 to 1."""
    total = [0.0] * 4
    for dx, dy in product((0, 1), (0, 1)):
        values = [
            sample(layout, 2 * x + dx, 2 * y + dy, c) / (2**layout.bits - 1)
            for c in range(layout.channels)
        ]
        alpha = values[-1] if layout.alpha in (ASSOCIATED, UNASSOCIATED) else 1.0
        if layout.photometric == RGB and layout.channels == 4 and layout.alpha is None:
            alpha = values[3]
        match layout.photometric:
            case 0:
                color = [1 - values[0]] * 3
            case 1:
                color = [values[0]] * 3
            case 3:
                color = [values[0], 0, 1 - values[0]]
            case 5:
                color = [(1 - value) * (1 - values[3]) for value in values[:3]]
            case _:
                color = values[:3]
        if layout.alpha != ASSOCIATED:
            color = [value * alpha for value in color]
        total = [t + value / 4 for t, value in zip(total, [*color, alpha], strict=True)]
    return total


def shown(picture: Image.Image) -> list[list[float]]:
    """Return each pixel as premultiplied channels from 0 to 1."""
    if picture.mode == "I;16":
        levels = cast(Iterable[int], picture.get_flattened_data())
        return [[level / 65535] * 3 + [1.0] for level in levels]
    is_cmyk = picture.mode == "CMYK"
    converted = picture if is_cmyk else picture.convert("RGBA")
    pixels = cast(Iterable[tuple[int, int, int, int]], converted.get_flattened_data())
    if is_cmyk:
        return [[(1 - v / 255) * (1 - p[3] / 255) for v in p[:3]] + [1.0] for p in pixels]
    return [[v / 255 * p[3] / 255 for v in p[:3]] + [p[3] / 255] for p in pixels]


def mean_difference(layout: Layout, picture: Image.Image) -> float:
    """Return the mean difference of a halved picture from a box average, in levels of 255."""
    width = picture.width
    differences = [
        abs(a - b)
        for index, pixel in enumerate(shown(picture))
        for a, b in zip(pixel, expected(layout, index % width, index // width), strict=True)
    ]
    return 255 * sum(differences) / len(differences)


def layout_name(layout: Layout) -> str:
    return (
        f"photometric {layout.photometric}, {layout.channels} x {layout.bits} bits,"
        f" alpha {layout.alpha}, planar {layout.planar}, {layout.compression} {layout.order}"
    )


@pytest.mark.parametrize("layout", layouts(), ids=layout_name)
def test_a_layout_is_halved_as_a_box_average_or_refused_by_name(layout: Layout) -> None:
    data = image(layout, WIDTH, HEIGHT, lambda x, y, channel: sample(layout, x, y, channel))
    if not is_readable(layout):
        with pytest.raises(UnsupportedFormat, match=f"{layout.bits} bits|alpha|samples"):
            halve(data)
        return
    assert mean_difference(layout, decoded(halve(data).data)) < 6
    assert (
        mean_difference(layout, decoded(halve(data, ResizeSpec(format=ImageFormat.PNG)).data)) < 6
    )


VARIANTS = [
    *(
        Layout(photometric=p, bits=b, channels=1, fill_order=2, compression=c)
        for p, b, c in product((WHITE_IS_ZERO, BLACK_IS_ZERO), (1, 2, 4, 8), (RAW, DEFLATE))
    ),
    *(Layout(fill_order=2, planar=planar) for planar in (1, 2)),
    *(Layout(compression=PACKBITS, bits=bits) for bits in (8, 16)),
    *(
        Layout(bits=b, predictor=2, compression=DEFLATE, order=o, planar=p)
        for b, o, p in product((8, 16), "<>", (1, 2))
    ),
    *(
        Layout(bits=b, big=True, order=o, compression=c, photometric=p, channels=n)
        for b, o, c, (p, n) in product(
            (8, 16), "<>", (RAW, DEFLATE), ((RGB, 3), (WHITE_IS_ZERO, 1))
        )
    ),
]


@pytest.mark.parametrize("layout", VARIANTS, ids=repr)
def test_bit_order_predictor_and_bigtiff_are_read(layout: Layout) -> None:
    data = image(layout, WIDTH, HEIGHT, lambda x, y, channel: sample(layout, x, y, channel))
    assert mean_difference(layout, decoded(halve(data).data)) < 6


def test_an_image_that_already_fits_is_inverted_too() -> None:
    layout = Layout(photometric=WHITE_IS_ZERO, bits=16, channels=1)
    data = image(layout, 2, 1, lambda x, *_: (0, 65535)[x])
    same = decoded(halve(data, ResizeSpec(target=Fit(10, 10))).data)
    assert list(same.get_flattened_data()) == [65535, 0]


def test_lab_is_converted_to_srgb_for_other_formats() -> None:
    # L* 53.2, a* 80.1, b* 67.2 is sRGB's red (CIE 15).
    values = (round(53.2 * 2.55), 80, 67)
    layout = Layout(photometric=CIELAB)
    data = image(layout, 8, 8, lambda *place: values[place[2]])
    result = halve(data, ResizeSpec(format=ImageFormat.PNG))
    red, green, blue = decoded(result.data).getpixel((2, 2))  # type: ignore[misc]
    assert (red > 245, green < 25, blue < 25) == (True, True, True)
    assert "converted L*a*b* to sRGB" in result.notes
    assert decoded(halve(data).data).mode == "LAB"


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_subsampled_ycbcr_without_compression_is_read(subsampling: tuple[int, int]) -> None:
    across, down = subsampling
    blocks = (8 // across) * (8 // down)
    unit = bytes([81] * (across * down) + [90, 240])  # red, by ITU-R BT.601 with its full range
    data = tiff(
        [
            (256, 4, [8]),
            (257, 4, [8]),
            (258, 3, [8, 8, 8]),
            (259, 3, [RAW]),
            (262, 3, [YCBCR]),
            (273, 4, [8]),
            (277, 3, [3]),
            (278, 4, [8]),
            (279, 4, [len(unit) * blocks]),
            (530, 3, list(subsampling)),
        ],
        unit * blocks,
    )
    red, green, blue = decoded(halve(data).data).convert("RGB").getpixel((1, 1))  # type: ignore[misc]
    assert (red > 230, green < 20, blue < 20) == (True, True, True)


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        (Layout(sample_format=2), "signed integer"),
        (Layout(sample_format=2, photometric=BLACK_IS_ZERO, channels=1, bits=16), "signed integer"),
        (Layout(sample_format=3, bits=32), "floating-point"),
        (Layout(bits=14, photometric=BLACK_IS_ZERO, channels=1), "14 bits"),
        (Layout(sample_format=5, bits=64), "complex"),
        (Layout(photometric=9), "ICC"),
        (Layout(photometric=10), "ITU"),
        (Layout(photometric=4, channels=1, bits=1), "transparency mask"),
        (Layout(photometric=32845, channels=3, bits=16), "LogLuv"),
        (Layout(photometric=CMYK, channels=4, extra=[(332, 3, [2])]), "inks"),
        (Layout(compression=34887), "LERC"),
        (Layout(compression=34712), "JPEG 2000"),
        (Layout(compression=50002), "JPEG XL"),
        (Layout(compression=4711), "compression 4711"),
    ],
)
def test_what_is_not_decoded_rightly_is_refused_by_name(layout: Layout, name: str) -> None:
    data = image(layout, 8, 8, lambda *_: 0)
    with pytest.raises(UnsupportedFormat, match=name) as refused:
        halve(data)
    assert "first" in refused.value.hint


def test_floating_point_gray_stays_a_tiff() -> None:
    layout = Layout(photometric=BLACK_IS_ZERO, channels=1, bits=32, sample_format=3)
    data = image(layout, 8, 8, lambda *_: 1000)
    assert decoded(halve(data).data).getpixel((1, 1)) == 1000.0
    with pytest.raises(UnsupportedFormat, match="floating-point"):
        halve(data, ResizeSpec(format=ImageFormat.PNG))


def test_dropped_channels_are_noted() -> None:
    layout = Layout(channels=4, alpha=UNSPECIFIED)
    data = image(layout, 8, 8, lambda *_: 9)
    assert "extra channels dropped: not supported" in halve(data).notes
