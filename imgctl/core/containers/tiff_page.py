"""One page of a TIFF: how its pixels are stored, and whether they can be decoded rightly."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from PIL.TiffImagePlugin import COMPRESSION_INFO, OPEN_INFO

from imgctl.core.containers.tiff_directory import Directory, DirectoryReader, Tag
from imgctl.core.errors import Damaged, UnsupportedFormat
from imgctl.core.geometry import Size

_MAX_SAMPLES = 64  # per pixel; Pillow decodes at most 6

# PhotometricInterpretation (TIFF 6.0, p. 37)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 4, 5, 6, 8
_PHOTOMETRIC_NAMES = {
    MASK: "a transparency mask instead of an image",
    9: "ICC L*a*b* color",
    10: "ITU L*a*b* color",
    32803: "camera sensor data",
    34892: "camera sensor data",
    32844: "LogL color",
    32845: "LogLuv color",
    51177: "a depth map instead of an image",
}
OLD_JPEG, JPEG = 6, 7
_COMPRESSION_NAMES = {
    9: "JBIG compression",
    10: "JBIG compression",
    32766: "NeXT compression",
    32809: "ThunderScan compression",
    32908: "PixarFilm compression",
    32909: "PixarLog compression",
    33003: "JPEG 2000 compression",
    33004: "JPEG 2000 compression",
    33005: "JPEG 2000 compression",
    34661: "JBIG compression",
    34676: "LogLuv compression",
    34677: "LogLuv compression",
    34712: "JPEG 2000 compression",
    34718: "Microsoft Document Imaging compression",
    34887: "LERC compression",
    34933: "PNG compression",
    34934: "JPEG XR compression",
    22610: "JPEG XR compression",
    50001: "WebP compression",  # Pillow's libtiff is built without it
    50002: "JPEG XL compression",
    52546: "JPEG XL compression",
}
_READABLE = COMPRESSION_INFO.keys() - _COMPRESSION_NAMES.keys()
_UNSIGNED, _SIGNED, _FLOAT, _UNDEFINED = 1, 2, 3, 4  # SampleFormat (TIFF 6.0, p. 80)
_SEPARATE_PLANES = 2
_FLOATING_POINT_PREDICTOR = 3
_UNASSOCIATED_ALPHA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffPage:
    """How a page stores its pixels.

    `size` is as stored. `tile` is the size of a strip or tile, which can exceed that of the page,
    and `blocks` the number of them in all planes. `extra_samples` are of ExtraSamples' kinds.
    """

    size: Size
    bits: tuple[int, ...]
    compression: int
    photometric: int
    fill_order: int
    planar: int
    sample_format: int
    extra_samples: tuple[int, ...]
    tile: Size
    blocks: int
    predictor: int = 1
    inks: bool = False

    @property
    def decoded_size(self) -> Size:
        """The size that the decoder fills, as stored: at least a whole tile."""
        return Size(max(self.size.width, self.tile.width), max(self.size.height, self.tile.height))

    @property
    def inverted(self) -> bool:
        """Whether Pillow decodes the page as a negative: gray of 16 bits, of which 0 is white."""
        return self.photometric == WHITE_IS_ZERO and self.bits == (16,)

    @property
    def float_gray(self) -> bool:
        """Whether the samples are floating-point numbers, of a range that nothing states."""
        return self.sample_format == _FLOAT

    @property
    def drops_samples(self) -> bool:
        """Whether a pixel has samples that are neither color nor alpha."""
        return 0 in self.extra_samples

    @property
    def block_bytes(self) -> int:
        """Bytes of one decoded strip or tile."""
        samples = 1 if self.planar == _SEPARATE_PLANES else len(self.bits)
        bits = max(self.bits) * samples
        if self.photometric == YCBCR:
            bits = 32  # libtiff converts it to RGBA
        return self.tile.height * ((self.tile.width * bits + 7) // 8)

    def raw_bytes(self, block: int) -> int:
        """Return the bytes that an uncompressed page needs of a strip or tile, counted from 0."""
        rows = self.tile.height
        if self.tile.width == self.size.width:  # the last strip ends with the page
            strips = -(-self.size.height // rows)
            rows = min(rows, self.size.height - block % strips * rows)
        return self.block_bytes // self.tile.height * rows

    @property
    def decoded_pixel_bytes(self) -> int:
        """Bytes of one pixel of Pillow's decoded page."""
        if len(self.bits) > 1:
            return 4
        return {16: 2, 32: 4}.get(self.bits[0], 1)

    @property
    def decoder_key(self) -> tuple[object, ...]:
        """The key of Pillow's table of the layouts that it decodes, without the byte order."""
        return (
            self.photometric,
            (self.sample_format,),
            self.fill_order,
            self.bits,
            self.extra_samples,
        )

    def check_supported(self, order: str) -> None:
        """Raise UnsupportedFormat, with the feature's name, for what is not decoded rightly."""
        feature = self._unsupported(order)
        if feature:
            raise UnsupportedFormat(
                f"The TIFF has {feature}, which is not supported.",
                hint="Convert it to a TIFF of 8 or 16 bits per sample first.",
            )

    def _unsupported(self, order: str) -> str | None:
        if self.compression not in _READABLE:
            name = _COMPRESSION_NAMES.get(self.compression)
            return name or f"compression {self.compression}"
        if self.photometric in _PHOTOMETRIC_NAMES:
            return _PHOTOMETRIC_NAMES[self.photometric]
        if samples := _unsupported_samples(self):
            return samples
        if self.inks:
            return "inks other than CMYK"
        if self.predictor == _FLOATING_POINT_PREDICTOR and not self.float_gray:
            return "a floating-point predictor for integers"
        if self.planar == _SEPARATE_PLANES and (
            self.photometric == CIELAB
            or (self.photometric in (BLACK_IS_ZERO, PALETTE) and len(self.bits) > 1)
        ):
            return "separate planes of " + ("L*a*b*" if self.photometric == CIELAB else "alpha")
        prefix = b"II" if order == "<" else b"MM"
        readable = self.inverted or (prefix, *self.decoder_key) in OPEN_INFO
        return None if readable else self._layout

    @property
    def _layout(self) -> str:
        if self.fill_order != 1 and any(
            self._key_with(fill_order=1) == key[1:] for key in OPEN_INFO
        ):
            return f"{self.bits[0]} bits per sample in reversed bit order"
        kinds = {
            0: "grayscale",
            1: "grayscale",
            2: "RGB",
            3: "palette",
            5: "CMYK",
            6: "YCbCr",
            8: "L*a*b*",
        }
        kind = kinds.get(self.photometric, f"photometric interpretation {self.photometric}")
        alpha = " with alpha" if any(self.extra_samples) else ""
        samples = f"{len(self.bits)} samples of {self.bits[0]} bits each"
        return f"{kind}{alpha}, {samples}"

    def _key_with(self, *, fill_order: int) -> tuple[object, ...]:
        return replace(self, fill_order=fill_order).decoder_key


def _unsupported_samples(page: TiffPage) -> str | None:
    bits = page.bits
    if page.sample_format == _SIGNED:
        return "signed integer samples"
    if page.sample_format == _FLOAT:
        if len(bits) == 1 and bits[0] == 32:
            return None
        return f"floating-point samples of {bits[0]} bits" + (" in color" if len(bits) > 1 else "")
    if page.sample_format != _UNSIGNED:
        return "complex or mixed samples"
    if len(set(bits)) > 1:
        return "samples of different depths"
    if bits[0] not in (1, 2, 4, 8, 16):
        return f"{bits[0]} bits per sample"
    return None


def read_page(reader: DirectoryReader, directory: Directory) -> TiffPage:
    """Read how a page stores its pixels. Raises Damaged for a page without pixels."""

    def number(tag: int, default: int = 0) -> int:
        return reader.integer(directory, tag, default)

    width, height = number(Tag.WIDTH), number(Tag.HEIGHT)
    if not (width and height):
        raise Damaged(
            "The TIFF's dimensions cannot be read.",
            hint="Export it again from the program that created it.",
        )
    size = Size(width, height)
    compression = number(Tag.COMPRESSION, 1)
    photometric = YCBCR if compression == OLD_JPEG else number(Tag.PHOTOMETRIC, WHITE_IS_ZERO)
    bits = reader.integers(directory.entries.get(Tag.BITS), _MAX_SAMPLES) or (1,)
    default_samples = 3 if compression == OLD_JPEG else 1
    samples = min(number(Tag.SAMPLES, default_samples), _MAX_SAMPLES) or 1
    bits = bits[:samples] if len(bits) >= samples else bits[:1] * samples
    planar = number(Tag.PLANAR, 1)
    extra = reader.integers(directory.entries.get(Tag.EXTRA_SAMPLES), _MAX_SAMPLES)
    if planar == _SEPARATE_PLANES and extra and max(extra) == 0 and len(bits) > len(extra):
        bits, extra = bits[: -len(extra)], ()  # Pillow ignores these planes
    if planar == _SEPARATE_PLANES and photometric == RGB and len(bits) == 4 and not extra:
        extra = (_UNASSOCIATED_ALPHA,)  # as Pillow takes it where the samples are together
    tile, blocks = _blocks(reader, directory, size)
    formats = reader.integers(directory.entries.get(Tag.SAMPLE_FORMAT), _MAX_SAMPLES)
    return TiffPage(
        size=size,
        bits=bits,
        compression=compression,
        photometric=photometric,
        fill_order=number(Tag.FILL_ORDER, 1),
        planar=planar,
        sample_format=_sample_format(formats),
        extra_samples=extra,
        tile=tile,
        blocks=blocks * (len(bits) if planar == _SEPARATE_PLANES else 1),
        predictor=number(Tag.PREDICTOR, 1),
        inks=photometric == CMYK and number(Tag.INK_SET, 1) != 1,
    )


def _sample_format(formats: Iterable[int]) -> int:
    kinds = {_UNSIGNED if kind == _UNDEFINED else kind for kind in formats} or {_UNSIGNED}
    return kinds.pop() if len(kinds) == 1 else 0


def _blocks(reader: DirectoryReader, directory: Directory, size: Size) -> tuple[Size, int]:
    """Return the size of a strip or tile, and how many make one plane."""
    if Tag.TILE_WIDTH in directory.entries:
        tile = Size(
            max(1, reader.integer(directory, Tag.TILE_WIDTH)),
            max(1, reader.integer(directory, Tag.TILE_HEIGHT)),
        )
        return tile, -(-size.width // tile.width) * -(-size.height // tile.height)
    rows = reader.integer(directory, Tag.ROWS_PER_STRIP) or size.height
    strip = Size(size.width, min(rows, size.height))
    return strip, -(-size.height // strip.height)
