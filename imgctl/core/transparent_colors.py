"""Colors for transparent pixels, which a lossy encoder blends into the visible ones beside them."""

from PIL import Image

_BLOCK = 8


def with_surrounding_colors(page: Image.Image) -> Image.Image:
    """Return an RGBA page whose transparent pixels have the mean color of what is visible nearby.

    Resampling leaves them black. An encoder that shares color between pixels, as chroma subsampling
    and transforms do, would darken the edges of what is visible.
    """
    alpha = page.getchannel("A")
    lowest, highest = alpha.getextrema()
    if lowest != 0 or highest == 0:
        return page
    around = page.convert("RGBa").reduce(_BLOCK).convert("RGBA")
    if around.size != (1, 1):  # where a whole block is transparent
        # Each block with anything visible counts in full, or its weight would be rounded away.
        around.putalpha(around.getchannel("A").point([0] + [255] * 255))
        around = with_surrounding_colors(around)
    enlarged = around.convert("RGB").resize(
        (around.width * _BLOCK, around.height * _BLOCK), Image.Resampling.BILINEAR
    )
    transparent = alpha.point([255] + [0] * 255)
    visible = page.convert("RGB")
    filled = Image.composite(enlarged.crop((0, 0, *page.size)), visible, transparent)
    filled.putalpha(alpha)
    filled.info = page.info
    return filled
