"""An ordinary frame taken apart, to be changed and put together again with checksums that hold (docs/format.md)."""

from __future__ import annotations

import dataclasses
import struct

import xxhash

STORE, ZSTD, PLANES, VOXEL = 0, 1, 2, 3
IMAGE, MODEL = 1, 2


@dataclasses.dataclass
class Section:
    type: int
    body: bytes
    reserved: int = 0

    def pack(self) -> bytes:
        return struct.pack("<HHI", self.type, self.reserved, len(self.body)) + self.body


@dataclasses.dataclass
class Chunk:
    raw_size: int
    codec: int
    stored: bytes
    checksum: int = 0
    reserved: bytes = bytes(3)
    stored_size: int | None = None  # where it is not that of the stored bytes

    def pack(self) -> bytes:
        size = len(self.stored) if self.stored_size is None else self.stored_size
        return struct.pack("<IIQB", self.raw_size, size, self.checksum, self.codec) + self.reserved


@dataclasses.dataclass
class Parts:
    sections: list[Section] = dataclasses.field(default_factory=list)
    chunks: list[Chunk] = dataclasses.field(default_factory=list)
    version: int = 1
    value_type: int = 0
    level: int = 5
    codec: int | None = None  # None: the largest of the chunks, as it must be
    raw_size: int | None = None  # None: the sum of the chunks
    dictionary_id: int = 0
    tail: bytes = b""  # what follows the frame

    @classmethod
    def of(cls, frame: bytes) -> Parts:
        (header_size,) = struct.unpack_from("<I", frame, 4)
        header_size += 8
        version, value_type, level, codec, raw_size, dictionary, count, area = struct.unpack_from(
            "<BBBBQIII", frame, 12
        )
        parts = cls([], [], version, value_type, level, codec, raw_size, dictionary)
        at = 36
        while at < 36 + area:
            section_type, reserved, size = struct.unpack_from("<HHI", frame, at)
            parts.sections.append(Section(section_type, frame[at + 8 : at + 8 + size], reserved))
            at += 8 + size
        stored_at = header_size
        for entry in range(count):
            raw, stored, checksum, codec = struct.unpack_from("<IIQB", frame, at + 20 * entry)
            parts.chunks.append(Chunk(raw, codec, frame[stored_at : stored_at + stored], checksum))
            stored_at += stored
        return parts

    def pack(self) -> bytes:
        area = b"".join(section.pack() for section in self.sections)
        codec = max((chunk.codec for chunk in self.chunks), default=STORE) if self.codec is None else self.codec
        raw_size = sum(chunk.raw_size for chunk in self.chunks) if self.raw_size is None else self.raw_size
        size = 44 + len(area) + 20 * len(self.chunks)
        header = b"\x5a\x2a\x4d\x18" + struct.pack("<I", size - 8) + b"ZBLB"
        header += bytes([self.version, self.value_type, self.level, codec])
        header += struct.pack("<QIII", raw_size, self.dictionary_id, len(self.chunks), len(area)) + area
        header += b"".join(chunk.pack() for chunk in self.chunks)
        header += struct.pack("<Q", xxh3(header[12:]))
        return header + b"".join(chunk.stored for chunk in self.chunks) + self.tail


def image_body(offset: int, size: tuple[int, ...], sample_type: int = 1, flags: int = 0, components: int = 1) -> bytes:
    """An IMAGE section of an image without space. Sizes are those of the fastest axis first."""
    return struct.pack("<BBBBIQ", 2, sample_type, len(size), flags, components, offset) + struct.pack(
        f"<{len(size)}Q", *size
    )


def model_body(model: bytes, image: int = 0) -> bytes:
    return struct.pack("<BHB", VOXEL, image, 0) + model


def xxh3(data: bytes) -> int:
    return xxhash.xxh3_64_intdigest(data)


class BitWriter:
    """The fields of a model (docs/voxel-format.md, section 3)."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, value: int, count: int) -> BitWriter:
        self.bits += [value >> i & 1 for i in range(count)]
        return self

    def golomb(self, value: int, order: int) -> BitWriter:
        shifted = value + (1 << order)
        extra = shifted.bit_length() - 1 - order
        return self.put(1 << extra, extra + 1).put(shifted & (1 << order + extra) - 1, order + extra)

    def done(self) -> bytes:
        bits = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(sum(bit << i for i, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def mend_header(frame: bytes) -> bytes:
    """With the checksum that the header should have, wherever the header says that it ends."""
    size = 8 + struct.unpack_from("<I", frame, 4)[0]
    if not 44 <= size <= len(frame):
        return frame
    return frame[: size - 8] + struct.pack("<Q", xxh3(frame[12 : size - 8])) + frame[size:]
