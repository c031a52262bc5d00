from fractions import Fraction

import pytest

from imgctl.core.geometry import Size, scaled, target_size
from imgctl.core.spec import Fit, ResizeSpec, Scale


@pytest.mark.parametrize(
    ("original", "half"),
    [
        (Size(4000, 3000), Size(2000, 1500)),
        (Size(4001, 3001), Size(2001, 1501)),
        (Size(451, 300), Size(226, 150)),
        (Size(1, 1), Size(1, 1)),
        (Size(4000, 1), Size(2000, 1)),
        (Size(3, 4001), Size(2, 2001)),
    ],
)
def test_half_is_rounded_half_up_and_at_least_one_pixel(original: Size, half: Size) -> None:
    assert target_size(original, ResizeSpec()) == half


def test_decimal_scales_are_exact_where_binary_fractions_are_not() -> None:
    # 0.145 * 100 is 14.499999999999998 in floating point.
    assert scaled(100, Fraction("0.145")) == 15


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Fit(width=1600), Size(1600, 1200)),
        (Fit(height=600), Size(800, 600)),
        (Fit(1000, 1000), Size(1000, 750)),
        (Fit(1, 1), Size(1, 1)),
    ],
)
def test_a_box_keeps_the_aspect_ratio(box: Fit, expected: Size) -> None:
    assert target_size(Size(4000, 3000), ResizeSpec(target=box)) == expected


def test_an_image_that_fits_is_not_enlarged() -> None:
    assert target_size(Size(640, 480), ResizeSpec(target=Fit(2000, 2000))) == Size(640, 480)


@pytest.mark.parametrize("factor", [Fraction(0), Fraction(-1, 2), Fraction(3, 2)])
def test_a_scale_out_of_range_is_rejected(factor: Fraction) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        Scale(factor)


def test_a_box_without_sides_is_rejected() -> None:
    with pytest.raises(ValueError, match="a width or a height"):
        Fit()
    with pytest.raises(ValueError, match="at least 1 pixel"):
        Fit(width=0)
