"""Small valid images of every kind: the inputs that hostile ones are mutated from."""

from imgctl.core.formats import RESULT_FORMATS
from tests.core.tiff_files import DEFLATE, WHITE_IS_ZERO, Layout, image
from tests.pictures import animation, deep_png, encoded, photo


def _seeds() -> list[bytes]:
    still = [encoded(photo(40, 30), format_.value) for format_ in RESULT_FORMATS]
    animated = [animation(format_) for format_ in ("GIF", "PNG", "WEBP")]
    sixteen_bit = [
        deep_png(20, 15, channels, lambda x, y, c: 3000 * x + y + c) for channels in (2, 3, 4)
    ]
    unusual = [encoded(photo(40, 30, "P"), "PNG"), encoded(photo(9, 9, "1"), "TIFF")]
    layouts = [
        Layout(channels=4, alpha=1, planar=2),
        Layout(bits=16, order=">", big=True, compression=DEFLATE),
        Layout(photometric=WHITE_IS_ZERO, channels=1, bits=16, extra=[(34665, 4, [8])]),
    ]
    tiffs = [image(layout, 9, 9, lambda x, y, c: 20 * x + y + c) for layout in layouts]
    return [*still, *animated, *unusual, *sixteen_bit, *tiffs]


SEEDS = _seeds()
