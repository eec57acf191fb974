"""What is left of a damaged value: its undamaged chunks, and the holes between them."""

from __future__ import annotations

from dataclasses import dataclass

from .chunks import FrameDecoder
from .codec import Buffer, head_size, info_of_head
from .descriptions import ImageInfo, largest
from .errors import DamagedFrameError


@dataclass(frozen=True)
class Hole:
    """One chunk that cannot be decoded."""

    chunk: int  # from 1, as error messages count
    start: int  # in the value before compression, in bytes
    stop: int
    planes: tuple[int, int] | None  # of the value's image: the first one that misses something, and the last; or None
    reason: str


@dataclass(frozen=True)
class Salvaged:
    """A value, as far as it can be read."""

    value: bytes  # zeros stand for what is missing; the UTF-8 of a text
    is_text: bool
    chunk_count: int
    holes: tuple[Hole, ...]  # none: the value is whole


def salvage(frame: Buffer) -> Salvaged:
    """Decode what can be decoded of a damaged frame or envelope. Of the rest, say where it is missing.

    The header, which says where the chunks are, must be undamaged, and no byte may be missing at the value's end. The
    value has its full size, so that an image can be loaded again, with black planes where the damage was.

    :raises OptionError: the value is no frame.
    :raises DamagedFrameError: the header is damaged, or the value's end is missing.
    :raises UnsupportedFrameError: as `decompress`.
    :raises MissingDictionaryError: as `decompress`.
    :raises SizeLimitError: as `decompress`.
    """
    stored = memoryview(frame).cast("B")
    head = bytes(stored[: head_size(stored)])
    about, decoder = info_of_head(head, len(stored)), FrameDecoder(head, len(stored))
    value, holes = bytearray(decoder.raw_size), []
    image = about.images[largest(about.images)] if about.images else None
    for index, chunk in enumerate(decoder.chunks):
        place = slice(chunk.raw_offset, chunk.raw_offset + chunk.raw_size)
        try:
            value[place] = decoder.decode([index], [stored[chunk.stored_offset :][: chunk.stored_size]])[0]
        except DamagedFrameError as error:
            planes = _planes(image, place.start, place.stop) if image else None
            holes.append(Hole(index + 1, place.start, place.stop, planes, str(error)))
    return Salvaged(bytes(value), decoder.is_text, len(decoder.chunks), tuple(holes))


def _planes(image: ImageInfo, start: int, stop: int) -> tuple[int, int] | None:
    """Which planes across the slowest axis these bytes of the value belong to."""
    if not image.is_plain or image.order == "F" or image.pixel_type.startswith(("complex", "bool")):
        return None
    plane = image.nbytes // image.size[-1]
    first, last = (start - image.value_offset) // plane, (stop - 1 - image.value_offset) // plane
    first, last = max(first, 0), min(last, image.size[-1] - 1)
    return (first, last) if first <= last else None
