"""A frame taken apart into the frames of its image's chunks, and put together again, without decoding a sample.

The chunks of a frame are independent, and its model is the same for all. So the stored bytes of a chunk of whole
slices, under a header that names an image of these slices alone and has the same model, are a frame of their own: a
chunk of the Zarr codec. Only the last chunk may have fewer slices than the model says, so that it cannot be taken out.
docs/format.md has the fields.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod

from ..codec import checksum, head_size, info_of_head
from ..descriptions import FrameInfo, ImageInfo
from ..errors import DamagedFrameError

_FIXED, _ENTRY, _CHECKSUM = 36, 20, 8
_IMAGE, _MODEL = 1, 2
_VOXEL = 3
_SIGNATURE_END = 12  # what stands before has no checksum
_GEOMETRY, _ORDER, _READING = 16, 8 | 32, 128  # flags of an image


@dataclass(frozen=True)
class Chunk:
    """One entry of the index, with where its bytes are in the value and in the frame."""

    raw_offset: int
    raw_size: int
    stored_offset: int
    stored_size: int
    checksum: int
    codec: int


@dataclass(frozen=True)
class Split:
    """How the chunks of an image lie in its samples."""

    chunks: tuple[Chunk, ...]  # of the image, in order
    slices: tuple[int, ...]  # of each chunk
    first: int  # the number of the first one in the frame


class Frame:
    """An ordinary frame without an envelope, in memory.

    :raises DamagedFrameError: its header cannot be read.
    :raises UnsupportedFrameError: its header cannot be read.
    """

    def __init__(self, data: bytes, size: int | None = None) -> None:
        """:param size: of the whole frame, where `data` is only the beginning."""
        self.data = data
        head = head_size(data[:4096])
        self.head = data[:head]
        self.info: FrameInfo = info_of_head(self.head, len(data) if size is None else size)
        if self.info.compact or self.info.envelope or self.info.header_size != head:
            raise DamagedFrameError("this is no ordinary frame")
        (sections,) = struct.unpack_from("<I", data, 32)
        self._sections = list(self._read_sections(_FIXED, _FIXED + sections))
        self.chunks = self._read_index(_FIXED + sections, head)

    @classmethod
    def of_rest(cls, rest: bytes) -> Frame:
        """From a frame's head with some of its chunks: `chunks` has all, `data` those that are there."""
        head = head_size(rest[:4096])
        chunks = struct.unpack_from("<I", rest, 28)[0] if len(rest) >= _FIXED else 0
        if not _FIXED + _CHECKSUM + _ENTRY * chunks <= head <= len(rest):
            raise DamagedFrameError("this is no head of a frame")
        sizes = [struct.unpack_from("<I", rest, head - _CHECKSUM - _ENTRY * n + 4)[0] for n in range(1, chunks + 1)]
        return cls(rest, head + sum(sizes))

    def _read_sections(self, at: int, end: int) -> list[tuple[int, bytes]]:
        found = []
        while at + 8 <= end:
            kind, _, size = struct.unpack_from("<HHI", self.data, at)
            found.append((kind, self.data[at + 8 : at + 8 + size]))
            at += 8 + size
        return found

    def _read_index(self, at: int, stored: int) -> list[Chunk]:
        chunks, raw = [], 0
        for _ in range(self.info.chunk_count):
            raw_size, stored_size, xxh3, codec = struct.unpack_from("<IIQB", self.data, at)
            chunks.append(Chunk(raw, raw_size, stored, stored_size, xxh3, codec))
            raw, stored, at = raw + raw_size, stored + stored_size, at + _ENTRY
        return chunks

    def split(self, image: ImageInfo, item: int) -> Split | None:
        """None: the chunks are not whole slices of this image, or not alike.

        :param item: bytes of a pixel, all components together.
        """
        plane = prod(image.size[:2]) * item
        start, end = image.value_offset, image.value_offset + prod(image.size) * item
        inside = [(n, c) for n, c in enumerate(self.chunks) if c.raw_offset < end and c.raw_offset + c.raw_size > start]
        if not inside or not plane or image.byte_order != "little" or not image.is_plain:
            return None
        if any((c.raw_offset - start) % plane or c.raw_size % plane for _, c in inside):
            return None
        if inside[0][1].raw_offset != start or inside[-1][1].raw_offset + inside[-1][1].raw_size != end:
            return None
        slices = [c.raw_size // plane for _, c in inside]
        if len(set(slices[:-1])) > 1 or slices[-1] > slices[0]:
            return None
        return Split(tuple(c for _, c in inside), tuple(slices), inside[0][0])

    def stored(self, chunk: Chunk) -> bytes:
        return self.data[chunk.stored_offset : chunk.stored_offset + chunk.stored_size]

    def chunk_frame(self, chunk: Chunk, slices: int, number: int) -> bytes:
        """The frame of one chunk of whole slices.

        :param number: of the image among those of the frame.
        """
        sections = [(_IMAGE, self._image_section(number, slices))]
        if chunk.codec == _VOXEL:
            sections += [(_MODEL, model) for model in self._models(number)]
        area = b"".join(struct.pack("<HHI", kind, 0, len(body)) + body for kind, body in sections)
        size = _FIXED + len(area) + _ENTRY + _CHECKSUM
        level = self.data[14] & 0x7F
        head = struct.pack(
            "<II4sBBBBQIII", 0x184D2A5A, size - 8, b"ZBLB", 1, 0, level, chunk.codec, chunk.raw_size, 0, 1, len(area)
        )
        index = struct.pack("<IIQB3x", chunk.raw_size, chunk.stored_size, chunk.checksum, chunk.codec)
        head += area + index
        return head + struct.pack("<Q", checksum(head[_SIGNATURE_END:])) + self.stored(chunk)

    def _image_section(self, number: int, slices: int) -> bytes:
        body = [body for kind, body in self._sections if kind == _IMAGE][number]
        dimension, flags = body[2], body[3]
        extents = list(struct.unpack_from(f"<{dimension}Q", body, 16))
        extents = extents[:2] + ([slices] if dimension > 2 else [])
        flags &= ~(_GEOMETRY | _ORDER | _READING)
        fixed = bytes([0, body[1], len(extents), flags]) + body[4:8] + bytes(8)
        return fixed + struct.pack(f"<{len(extents)}Q", *extents)

    def _models(self, number: int) -> list[bytes]:
        models = [body for kind, body in self._sections if kind == _MODEL]
        return [body[:1] + bytes(2) + body[3:] for body in models if struct.unpack_from("<H", body, 1)[0] == number]


def stored_of(frame: bytes) -> tuple[bytes, int, int]:
    """The stored bytes of a frame of one chunk, the checksum of its raw bytes, and its codec.

    :raises DamagedFrameError: it is no such frame.
    """
    found = Frame(frame)
    if len(found.chunks) != 1:
        raise DamagedFrameError("this is no frame of one chunk")
    (chunk,) = found.chunks
    return found.stored(chunk), chunk.checksum, chunk.codec
