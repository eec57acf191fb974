"""An independent decoder of frames, written from docs/format.md alone, in plain Python and NumPy.

It shares no code with the package, so that a change of the format that the document does not tell is found. Slow is
fine: checksums and sums over samples are done as the document says them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import xxhash
import zstandard

from .bits import DamagedError, Grid, require
from .pieces import Pieces, join
from .usual_ends import USUAL_ENDS
from .voxel_decoder import chunk_range
from .voxel_decoder import decode_chunk as decode_voxel_chunk

SAMPLE_TYPES = {1: "u1", 2: "i1", 3: "u2", 4: "i2", 5: "u4", 6: "i4", 7: "u8", 8: "i8", 9: "f2", 10: "f4", 11: "f8"}
STORE, ZSTD, PLANES, VOXEL = 0, 1, 2, 3
IMAGE_KINDS = range(216, 234)  # of compact frames


class UnsupportedError(Exception):
    pass


@dataclass
class Image:
    sample_type: str  # NumPy's code without byte order
    big_endian: bool
    components: int
    value_offset: int
    size: tuple[int, ...]
    text_size: int = 0
    row_padding: int = 0
    pieces: Pieces | None = None
    model: bytes | None = None
    chunks_seen: int = 0

    @property
    def width(self) -> int:
        return int(self.sample_type[1:])

    @property
    def byte_size(self) -> int:
        return self.width * self.components * int(np.prod(self.size, dtype=object))

    @property
    def span(self) -> int:
        return self.pieces.span if self.pieces else self.text_size or self.padded(self.byte_size)

    def padded(self, offset: int) -> int:
        """Where in rows with padding byte `offset` of the samples stands."""
        return offset + offset // (self.width * self.components * self.size[0]) * self.row_padding


def carries_magic(value: object) -> bool:
    return isinstance(value, bytes) and len(value) >= 12 and value[:4] == b"\x5a\x2a\x4d\x18" and value[8:12] == b"ZBLB"


def carries_compact_magic(value: object) -> bool:
    return isinstance(value, bytes) and len(value) >= 10 and value[:4] == b"\xc1ZBS"


def lacks_compact_magic(value: object) -> bool:
    if not isinstance(value, bytes) or len(value) < 10 or carries_compact_magic(value):
        return False
    if value[8] in IMAGE_KINDS:
        return len(value) > 14 and value[14] < 253 and len(value) <= 65535 and compact_checksum(value)
    fields = compact_fields(value)
    return fields is not None and len(value) <= fields.header_size + fields.raw_size and compact_checksum(value)


def compact_checksum(value: bytes) -> bool:
    return bool(xxhash.xxh3_64_intdigest(value[8:]) & 0xFFFFFFFF == struct.unpack_from("<I", value, 4)[0])


def lacks_magic(value: object) -> bool:
    """A frame but for its magic, as the header's checksum says."""
    if lacks_compact_magic(value):
        return not carries_magic(value)
    if not isinstance(value, bytes) or len(value) < 44 or carries_magic(value) or carries_compact_magic(value):
        return False
    header_size = 8 + struct.unpack_from("<I", value, 4)[0]
    if not 44 <= header_size <= len(value):
        return False
    return bool(
        xxhash.xxh3_64_intdigest(value[12 : header_size - 8]) == struct.unpack_from("<Q", value, header_size - 8)[0]
    )


def read_image(body: bytes) -> Image:
    require(len(body) >= 16, "geometry's size")
    source, sample_type, dimension, flags, components, value_offset = struct.unpack_from("<BBBBIQ", body)
    require(source < 23 and sample_type in SAMPLE_TYPES, "geometry")
    require(1 <= dimension <= 8 and components >= 1, "geometry")
    require(not flags & 2 or (sample_type in (10, 11) and components % 2 == 0), "complex pixels")
    require(not flags & 4 or (sample_type == 1 and not flags & 2), "bools")
    space = 2 * dimension + dimension**2 if flags & 16 else 0
    has_text = bool(flags & 64)
    known = 16 + 8 * (dimension + space + has_text)
    require(len(body) == known if not flags & 128 else len(body) >= known, "geometry's size")
    size = struct.unpack_from(f"<{dimension}Q", body, 16)
    image = Image(SAMPLE_TYPES[sample_type], bool(flags & 1), components, value_offset, size)
    require(0 < image.byte_size < 2**64, "samples")
    if has_text:
        image.text_size = struct.unpack_from("<Q", body, known - 8)[0]
        require(image.byte_size < image.text_size <= 2 * image.byte_size, "text's size")
    if flags & 128:
        read_reading(body[known:], image, flags)
    return image


def read_reading(body: bytes, image: Image, flags: int) -> None:
    require(len(body) >= 8, "reading's size")
    bits, axis, reading_flags, zero, image.row_padding = struct.unpack_from("<BBBBI", body)
    scaled, mirrored, in_pieces = bool(reading_flags & 1), bool(reading_flags & 2), bool(reading_flags & 4)
    require(any(body[:8]) and reading_flags < 8 and zero == 0, "reading")
    require(len(body) == 8 + 16 * scaled + 16 * in_pieces, "reading's size")
    if in_pieces:
        require(image.text_size == 0 and image.row_padding == 0, "pieces of a text or of padded rows")
        image.pieces = Pieces.of(image.width * image.components, image.size, struct.unpack("<IIII", body[-16:]))
    is_bool, is_float = bool(flags & 4), image.sample_type[0] == "f"
    require(bits == 0 or (not is_float and not is_bool and bits < 8 * image.width), "bits")
    require(axis == 0 or (axis < len(image.size) and image.components == 1), "axis of vectors")
    require(not mirrored or axis > 0, "mirrored vectors")
    require(image.row_padding == 0 or image.text_size == 0, "padding of a text")
    require(image.span < 2**64, "padding")
    if scaled:
        slope, intercept = struct.unpack_from("<dd", body, 8)
        require(not is_bool and slope != 0 and bool(np.isfinite([slope, intercept]).all()), "scale")


def read_model(body: bytes, images: list[Image]) -> None:
    require(len(body) > 4, "model")
    codec, number, zero = struct.unpack_from("<BHB", body)
    require(codec == VOXEL and number < len(images) and zero == 0, "model")
    require(all(image.model is None for image in images[number:]), "order of models")
    images[number].model = body[4:]


def read_sections(area: bytes, raw_size: int) -> list[Image]:
    images: list[Image] = []
    before = end = 0
    while area:
        require(len(area) >= 8, "section")
        section_type, zero, size = struct.unpack_from("<HHI", area)
        require(size <= len(area) - 8 and zero == 0 and section_type >= before, "section")
        if section_type == 1:
            image = read_image(area[8 : 8 + size])
            require(end <= image.value_offset and image.value_offset + image.span <= raw_size, "place of an image")
            end = image.value_offset + image.span
            images.append(image)
            require(len(images) <= 1024, "number of images")
        elif section_type == 2:
            read_model(area[8 : 8 + size], images)
        elif section_type & 0x8000:
            raise UnsupportedError(f"section {section_type}")
        before, area = section_type, area[8 + size :]
    return images


def decode_zstd(stored: bytes, raw_size: int) -> bytes:
    """One frame, and nothing else."""
    require(stored[:4] == b"\x28\xb5\x2f\xfd", "no Zstandard frame")
    try:
        frame = zstandard.get_frame_parameters(stored)
        require(frame.content_size == raw_size and frame.dict_id == 0 and frame.window_size <= 2**27, "frame")
        return zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DamagedError("Zstandard frame") from error


def decode_planes(stored: bytes, raw_size: int, image: Image) -> bytes:
    axes, width = stored[0], image.width
    require(axes <= 7 and raw_size % width == 0, "axes")
    planes = decode_zstd(stored[1:], raw_size)
    require(len(planes) == raw_size, "planes")
    count = raw_size // width
    unsigned = np.dtype(f"<u{width}")
    residuals = np.frombuffer(planes, "u1").reshape(width, count).T.copy().view(unsigned).reshape(count)
    if axes:
        one = unsigned.type(1)
        residuals = (residuals >> one) ^ (~(residuals & one) + one)
    row = image.components * image.size[0]
    plane = row * image.size[1] if len(image.size) > 1 else row
    samples = residuals.copy()
    for bit, distance in ((4, plane), (2, row), (1, image.components)):
        if axes & bit:
            for start in range(min(distance, count)):
                samples[start::distance] = np.cumsum(samples[start::distance], dtype=unsigned)
    return samples.astype(unsigned.newbyteorder(">" if image.big_endian else "<")).tobytes()


def decode_voxel(stored: bytes, place: tuple[int, int], ordinal: int, image: Image) -> bytes:
    if image.model is None:
        raise DamagedError("no model")
    grid = Grid(image.sample_type, image.big_endian, image.size, image.components)
    offset, size = chunk_range(image.model, grid, ordinal)
    if image.text_size:
        require(size <= place[1] <= 2 * size, "text of a chunk")
        return decode_voxel_chunk(image.model, grid, ordinal, stored).decode("latin-1").encode()
    if image.pieces:
        by_model = partial(decode_voxel_chunk, image.model, grid, ordinal)
        return decode_pieces(stored, place, (offset, size), image, by_model)
    start = image.padded(offset)
    require(place == (image.value_offset + start, image.padded(offset + size) - start), "range of a chunk")
    return pad(decode_voxel_chunk(image.model, grid, ordinal, stored), offset, image)


def decode_pieces(
    stored: bytes, place: tuple[int, int], samples: tuple[int, int], image: Image, decode: Callable[[bytes], bytes]
) -> bytes:
    """The rest of a chunk of an image in pieces stands before its samples."""
    assert image.pieces
    first, end = image.pieces.rows(*samples)
    start, stop = image.pieces.place(first), image.pieces.place(end)
    require(place == (image.value_offset + start, stop - start), "range of a chunk")
    rest = b""
    if rest_size := place[1] - samples[1]:
        require(len(stored) > 4, "size of the rest")
        count = int.from_bytes(stored[:4], "little")
        require(0 < count <= rest_size and count <= len(stored) - 4, "size of the rest")
        rest, stored = stored[4 : 4 + count], stored[4 + count :]
        rest = decode_zstd(rest, rest_size) if count < rest_size else rest
    return join(decode(stored), rest, image.pieces.mask(first, end))


def decode_whole(stored: bytes, place: tuple[int, int], image: Image) -> bytes:
    """An image that does not stand in the value as it is, all of it by codec planes."""
    require(place == (image.value_offset, image.span), "range of a chunk")
    decode = partial(decode_planes, raw_size=image.byte_size, image=image)
    if image.pieces:
        return decode_pieces(stored, place, (0, image.byte_size), image, decode)
    samples = decode(stored)
    return samples.decode("latin-1").encode() if image.text_size else pad(samples, 0, image)


def pad(samples: bytes, offset: int, image: Image) -> bytes:
    """Samples with the padding after each row that ends in them."""
    row, made = image.width * image.components * image.size[0], b""
    while image.row_padding and samples:
        piece = samples[: row - offset % row]
        offset, samples, made = offset + len(piece), samples[len(piece) :], made + piece
        made += bytes(image.row_padding if offset % row == 0 else 0)
    return made + samples


def image_at(raw_offset: int, raw_size: int, images: list[Image]) -> Image | None:
    for image in images:
        if image.value_offset <= raw_offset and raw_offset + raw_size <= image.value_offset + image.span:
            return image
    return None


def decode_chunk(codec: int, stored: bytes, raw_offset: int, raw_size: int, images: list[Image]) -> bytes:
    image = image_at(raw_offset, raw_size, images)
    ordinal = image.chunks_seen if image else 0
    if image:
        image.chunks_seen += 1
    if codec == STORE:
        return stored
    if codec == ZSTD:
        return decode_zstd(stored, raw_size)
    if image is None:
        raise DamagedError("a chunk of samples outside all images")
    if (image.text_size or image.row_padding or image.pieces) and codec == PLANES:
        return decode_whole(stored, (raw_offset, raw_size), image)
    if codec == PLANES:
        return decode_planes(stored, raw_size, image)
    return decode_voxel(stored, (raw_offset, raw_size), ordinal, image)


def text_or_bytes(raw: bytes, value_type: int) -> bytes | str:
    if value_type == 0:
        return raw
    try:
        return raw.decode("utf-8" if value_type == 1 else "utf-16-le", "surrogatepass")
    except UnicodeDecodeError:
        return raw  # SQLite takes any bytes as TEXT; Python does not


def decode_block(block: bytes, raw_size: int, dictionary: bytes | None) -> bytes:
    """Put before a block what makes it a Zstandard frame: magic, descriptor, content size, and the block's header."""
    size = bytes([0x20, raw_size]) if raw_size < 256 else b"\x60" + struct.pack("<H", raw_size - 256)
    frame = b"\x28\xb5\x2f\xfd" + size + (len(block) << 3 | 2 << 1 | 1).to_bytes(3, "little") + block
    known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    try:
        return zstandard.ZstdDecompressor(dict_data=known).decompress(frame)
    except zstandard.ZstdError as error:
        raise DamagedError("block") from error


def expand_block(short: bytes) -> bytes:
    """The block of a short form: its literals' header, and the number of sequences with their table modes."""
    require(len(short) > 2, "short block")
    head, at = int.from_bytes(short[:2], "little"), 2
    count, saved, follows = head & 127, head >> 7 & 31, head >> 12
    if follows == 15:
        count, saved, at = count + (short[2] & 7) * 128, saved + (short[2] >> 3) * 32, 3
    require(saved == 0 or saved < count, "literals' sizes")
    if saved:
        header = (3 | count << 4 | (count - saved) << 14).to_bytes(3, "little")
    elif count < 32:
        header = bytes([count << 3])
    else:
        header = (4 | count << 4).to_bytes(2, "little")
    literals, sequences = short[at : at + count - saved], short[at + count - saved :]
    require(sequences != b"", "sequences")
    number = b"" if follows == 0 else bytes([follows])
    if follows == 15:
        after = 1 if sequences[0] < 128 else 2 if sequences[0] < 255 else 3
        require(sequences[0] != 0 and len(sequences) > after, "number of sequences")
        number, sequences = sequences[:after], sequences[after:]
    return header + literals + number + (b"\xfc" if follows else b"") + sequences


class CompactFields(NamedTuple):
    form: int
    value_type: int
    raw_size: int
    dictionary_id: int
    header_size: int


def compact_fields(value: bytes) -> CompactFields | None:
    """Those of a compact frame, or None: version 1 has no such fields."""
    kind = value[8]
    head = value + bytes(15)
    raw_size, at = head[9], 10
    if head[9] == 255:
        raw_size, at = int.from_bytes(head[10:12], "little"), 12
        if raw_size < 4080:
            return None
    elif head[9] >= 240:
        raw_size, at = 240 + (head[9] - 240) * 256 + head[10], 11
    dictionary_id = 0
    if kind % 4 >= 2:
        dictionary_id = int.from_bytes(head[at : at + 3], "little")
        at += 3
    if kind >= 216 or at > len(value) or (dictionary_id == 0 and kind % 4 >= 2):
        return None
    return CompactFields(kind % 4, kind // 4 % 3, raw_size, dictionary_id, at)


def decode_compact(value: bytes, dictionaries: Mapping[int, bytes]) -> bytes | str:
    require(compact_checksum(value), "checksum")
    if value[8] in IMAGE_KINDS:
        return decode_image_frame(value)
    if value[8] >= 216:
        raise UnsupportedError(f"kind {value[8]}")
    fields = compact_fields(value)
    if fields is None:
        raise DamagedError("fields")
    stored = value[fields.header_size :]
    if fields.form == 0:
        require(len(stored) == fields.raw_size, "stored bytes")
        return text_or_bytes(stored, fields.value_type)
    require(0 < len(stored) < fields.raw_size, "block's size")
    if fields.dictionary_id and fields.dictionary_id not in dictionaries:
        raise UnsupportedError(f"dictionary {fields.dictionary_id}")
    block = expand_block(stored) if fields.form == 3 else stored
    raw = decode_block(block, fields.raw_size, dictionaries.get(fields.dictionary_id))
    require(len(raw) == fields.raw_size, "raw size")
    return text_or_bytes(raw, fields.value_type)


class Fields:
    """Those of a compact frame of one image, and what follows them, read one after the other."""

    def __init__(self, value: bytes) -> None:
        self.left = value

    def take(self, size: int) -> bytes:
        require(size <= len(self.left), "fields")
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        number, shift, byte = 0, 0, 128
        while byte >= 128:
            require(shift < 63, "varint")
            byte = self.byte()
            number |= (byte & 127) << shift
            shift += 7
        require(shift == 7 or byte != 0, "varint's length")
        return number

    def image(self, head: int) -> Image:
        pixels = self.byte()
        require(pixels < 253, "pixels")
        flags = self.byte() if head & 32 else 0
        require((flags != 0) == bool(head & 32) and flags & 16 == 0, "flags")
        components = self.varint() if head & 64 else 1
        require((components > 1) == bool(head & 64) and components < 2**32, "components")
        sample_type, dimension = pixels % 11 + 1, (head >> 2 & 7) + 1
        size = tuple(self.varint() for _ in range(dimension))
        offset = self.varint()
        text = struct.pack("<Q", self.varint()) if flags & 64 else b""
        reading = self.reading() if flags & 128 else b""
        fixed = struct.pack("<BBBBIQ", pixels // 11, sample_type, dimension, flags, components, offset)
        return read_image(fixed + struct.pack(f"<{dimension}Q", *size) + text + reading)

    def reading(self) -> bytes:
        first = self.take(8)
        return first + self.take(16 * (first[2] & 1) + 16 * (first[2] >> 2 & 1))

    def space(self, dimension: int) -> None:
        count = 2 * dimension + dimension**2
        tags = int.from_bytes(self.take((count + 3) // 4), "little")
        require(tags < 4**count, "tags")
        self.take(8 * sum(tags >> 2 * i & 3 == 3 for i in range(count)))


def decode_ends(stored: Fields, size: int) -> bytes:
    if size == 0:
        return b""
    stored_size = stored.varint()
    require(0 < stored_size <= size, "size of the ends")
    ends = stored.take(stored_size)
    return ends if stored_size == size else decode_block(ends, size, USUAL_ENDS)


def decode_image_frame(value: bytes) -> bytes:
    require(len(value) <= 65535, "frame's size")
    fields = Fields(value[9:])
    (checksum,) = struct.unpack("<I", fields.take(4))
    head = fields.byte()
    image = fields.image(head)
    tail = fields.varint()
    size = image.value_offset + tail
    require(size <= 65535 and size + image.span <= 1 << 24, "value's size")
    if head & 128:
        fields.space(len(image.size))
    if head & 3 == VOXEL:
        image.model = fields.take(fields.varint())
        require(image.model != b"", "model")
    ends = decode_ends(fields, size)
    require(fields.left != b"" and len(ends) == size, "stored samples")
    before = image.value_offset
    samples = decode_chunk(head & 3, fields.left, before, image.span, [image])
    require(len(samples) == image.span, "samples")
    raw = ends[:before] + samples + ends[before:]
    require(xxhash.xxh3_64_intdigest(raw) & 0xFFFFFFFF == checksum, "value's checksum")
    return raw


def decode(value: bytes, dictionaries: Mapping[int, bytes] = MappingProxyType({})) -> bytes | str:
    """The value that a frame holds; a value without the magic as it is."""
    require(not lacks_magic(value), "magic")
    if carries_compact_magic(value):
        return decode_compact(value, dictionaries)
    if not carries_magic(value):
        return value
    header_size = 8 + struct.unpack_from("<I", value, 4)[0]
    require(44 <= header_size <= len(value), "header's size")
    header = value[:header_size]
    require(xxhash.xxh3_64_intdigest(header[12:-8]) == struct.unpack("<Q", header[-8:])[0], "header's checksum")
    return decode_ordinary(value, header)


@dataclass
class Entry:
    """Of the chunk index, and the chunk's stored bytes."""

    raw_size: int
    checksum: int
    codec: int
    stored: bytes


def read_index(value: bytes, header: bytes, start: int) -> list[Entry]:
    entries, at = [], len(header)
    for offset in range(start, len(header) - 8, 20):
        raw_size, stored_size, checksum, codec, zeros = struct.unpack_from("<IIQB3s", header, offset)
        if codec > VOXEL:
            raise UnsupportedError(f"codec {codec}")
        require(1 <= raw_size <= 1 << 24 and stored_size >= 1 and zeros == bytes(3), "index")
        require(codec != STORE or raw_size == stored_size, "stored size")
        entries.append(Entry(raw_size, checksum, codec, value[at : at + stored_size]))
        at += stored_size
    require(at == len(value), "frame's size")
    return entries


def decode_ordinary(value: bytes, header: bytes) -> bytes | str:
    """A frame whose header's checksum holds."""
    version, value_type, level, codec, raw_size, dictionary_id, chunk_count, section_size = struct.unpack_from(
        "<BBBBQIII", header, 12
    )
    if version != 1 or dictionary_id:
        raise UnsupportedError(f"version {version}, dictionary {dictionary_id}")
    require(value_type <= 2 and 1 <= level & 127 <= 9, "value type or level")
    require(len(header) == 44 + section_size + 20 * chunk_count, "header's parts")
    images = read_sections(header[36 : 36 + section_size], raw_size)
    entries = read_index(value, header, 36 + section_size)
    require(raw_size == sum(entry.raw_size for entry in entries), "raw size")
    require(codec == max((entry.codec for entry in entries), default=STORE), "header's codec")
    require_needed_models(entries, images)
    raw = b""
    for number, entry in enumerate(entries):
        chunk = decode_chunk(entry.codec, entry.stored, len(raw), entry.raw_size, images)
        require(len(chunk) == entry.raw_size, f"size of chunk {number}")
        require(checksum_holds(chunk, entry.checksum), f"checksum of chunk {number}")
        raw += chunk
    return text_or_bytes(raw, value_type)


def require_needed_models(entries: list[Entry], images: list[Image]) -> None:
    needed, at = [], 0
    for entry in entries:
        image = image_at(at, entry.raw_size, images)
        if image and entry.codec == VOXEL:
            needed.append(image)
        at += entry.raw_size
    for image in images:
        require(image.model is None or any(image is each for each in needed), "a model without chunks")


def checksum_holds(chunk: bytes, checksum: int) -> bool:
    return bool(xxhash.xxh3_64_intdigest(chunk) == checksum)
