"""The picture that the items of an AVIF are (AV1 Image File Format)."""

from imgctl.core.containers.av1 import estimated_quality
from imgctl.core.containers.avif_facts import AvifContainer, avif_container
from imgctl.core.containers.heif_items import HeifItems
from imgctl.core.containers.isobmff import EXPORT_AGAIN, HeaderBoxes
from imgctl.core.errors import UnsupportedFormat


def read_items(boxes: HeaderBoxes, file_bytes: int) -> AvifContainer:
    """Return the facts about the primary image. Raises Damaged, TooLarge or UnsupportedFormat."""
    items = HeifItems(boxes, "AVIF")
    primary = items.primary
    kind = items.kind(primary)
    if kind in (b"hvc1", b"hev1"):
        raise UnsupportedFormat(
            "The file says that it is AVIF, but its image is HEIC.", hint=EXPORT_AGAIN
        )
    facts = items.facts(primary)
    tiles = items.targets(b"dimg", primary) if kind == b"grid" else []
    if tiles:
        facts.config = facts.config or items.facts(tiles[0]).config
    alphas = items.alphas(primary)
    if facts.size is None or any(items.facts(item).size is None for item in alphas):
        raise UnsupportedFormat(  # libavif refuses them, and Pillow cannot tell it not to
            "The AVIF image or its alpha channel has no size (ispe).", hint=EXPORT_AGAIN
        )
    items.check_exif()
    notes = list(items.notes)
    if any(item.kind == b"tmap" for item in items.all.values()):
        notes.append("gain map dropped")
    return avif_container(
        facts,
        facts.size,
        file_bytes,
        alpha=bool(alphas),
        tiles=max(1, len(tiles)),
        quality=estimated_quality(items.data(tiles[0] if tiles else primary, 512)),
        patches=items.patches,
        notes=tuple(notes),
    )
