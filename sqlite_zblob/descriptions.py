"""What is known of a value without decoding it: the fields of docs/format.md and of SQL's zinfo()."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class ImageInfo:
    """One image inside a value. Axes run from the fastest to the slowest, as SimpleITK names them."""

    # A pickle's "SimpleITK", "NumPy", "array", "ITK"; "npy" (also in an .npz); a file's format; "options"; "guess";
    # "other": a later version recognises it.
    source: str
    pixel_type: str  # as NumPy names it: "uint8", "float32", "complex64", ...
    byte_order: str  # "little" or "big"
    dimension: int
    components: int  # per pixel
    size: tuple[int, ...]  # pixels along each axis
    order: str  # "F" for a NumPy array in Fortran order, "K" for axes in yet another order, otherwise "C"
    value_offset: int  # of the first sample within the value, in bytes
    spacing: tuple[float, ...] | None = None  # physical units per pixel (SimpleITK: mm)
    origin: tuple[float, ...] | None = None  # of the first pixel's centre, in physical units
    direction: tuple[float, ...] | None = None  # row-major cosines, dimension x dimension
    text_size: int = 0  # bytes in the value, if the samples stand there as Latin-1 characters in UTF-8; otherwise 0
    row_padding: int = 0  # bytes, all of them zeros, that follow each row in the value
    tile: tuple[int, ...] = (0, 0)  # width and height of the tiles in which the samples stand in the value; 0: in none
    gaps: tuple[int, ...] = (0, 0)  # bytes in the value after the first slice along the slowest axis, and after others
    bits: int = 0  # how many of an integer's lowest bits count, the highest of them as the sign; 0: all
    vector_axis: int = 0  # the axis, counted from the fastest, along which a pixel's components lie; 0: none
    mirrored: bool = False  # x and y of these vectors have the other sign in SimpleITK's coordinates
    slope: float = 1.0  # a sample stands for slope * sample + intercept
    intercept: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Do the samples stand in the value as they are, one after another?"""
        return not self.text_size and not self.row_padding and not self.has_pieces

    @property
    def has_pieces(self) -> bool:
        """Do they stand there in tiles, or as slices with other bytes between them?"""
        return any(self.tile) or any(self.gaps)

    @property
    def has_slices(self) -> bool:
        """Do they stand there so that slices can be read on their own?"""
        return not self.text_size and not self.row_padding and not any(self.tile)

    @property
    def is_guess(self) -> bool:
        """Is it only what the encoder took raw samples for? Nothing in the value says so."""
        return self.source == "guess"

    @property
    def nbytes(self) -> int:
        """The bytes of its samples, as NumPy counts them."""
        width = 1 if self.pixel_type == "bool" else int(self.pixel_type.lstrip("abcdefghijklmnopqrstuvwxyz")) // 8
        return prod(self.size) * self.components * width


def largest(images: Sequence[ImageInfo]) -> int:
    """The position of the largest image; 0 if there is none. Guesses count only where there is nothing else."""
    sizes = [(not each.is_guess, each.nbytes) for each in images]
    return sizes.index(max(sizes)) if sizes else 0


@dataclass(frozen=True)
class FrameInfo:
    """What a value's header says. The fields are those of docs/format.md and of SQL's zinfo()."""

    frame: bool  # False: a plain value, which every reader hands back unchanged
    envelope: str | None  # "pickle": the frame lies in a pickle that unpacks itself
    version: int | None  # of the format
    value_type: str  # "blob" or "text"
    codec: str | None  # the richest among the chunks: "store", "zstd", "planes" or "voxel"
    level: int | None  # 1 .. 9
    raw_size: int  # bytes before compression
    frame_size: int  # bytes after it, header included
    ratio: float  # raw_size / frame_size
    compact: bool  # the frame of a small value or image: a header of few bytes, and one chunk
    header_size: int  # bytes
    chunk_count: int
    checksum: str | None  # "xxh3": of each chunk's raw bytes; "xxh3/32", 32 bits of it: of all of a compact frame
    dictionary_id: int  # 0: none
    for_column: bool  # a compressed column has made the frame; False: the program did that itself, by zcompress
    images: tuple[ImageInfo, ...]
