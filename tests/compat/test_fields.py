"""Every field of the format, changed in turn: both decoders find the same value, or both an error.

The fields of a model and of a chunk's tables are where the independent decoder reads bits. Checksums are mended: that
of the header always, and those of chunks to what the independent decoder makes of the changed bytes, so that the C
decoder is asked what the bytes mean, and not only whether they have changed.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator

import pytest
import xxhash

import sqlite_zblob as zb

from ..samples.field_frames import field_frames
from ..samples.frame_parts import IMAGE, MODEL, PLANES, ZSTD, Parts, mend_header
from . import decoder
from .bits import Bits, DamagedError

# Changes of a frame; more of them find more. 0: all.
CHANGES = int(os.environ.get("ZBLOB_FIELD_CHANGES", "16"))

Field = tuple[int, int]  # of a frame, in bits: where it begins, and how many it has


# ---- Where the fields are ------------------------------------------------------------------------------------


def fixed_fields() -> Iterator[tuple[int, int]]:
    yield from ((12, 1), (13, 1), (14, 1), (15, 1), (16, 8), (24, 4), (28, 4), (32, 4))


def section_fields(parts: Parts, at: int) -> Iterator[tuple[int, int]]:
    for section in parts.sections:
        yield from ((at, 2), (at + 2, 2), (at + 4, 4))
        body = at + 8
        if section.type == IMAGE:
            yield from ((body, 1), (body + 1, 1), (body + 2, 1), (body + 3, 1), (body + 4, 4), (body + 8, 8))
            yield from ((field, 8) for field in range(body + 16, body + len(section.body), 8))
            yield from reading_fields(section.body, body)
        elif section.type == MODEL:
            yield from ((body, 1), (body + 1, 2), (body + 3, 1))
        at = body + len(section.body)


def reading_fields(body: bytes, at: int) -> Iterator[tuple[int, int]]:
    if body[3] & 128:
        dimension, start = body[2], at
        at += 16 + 8 * (dimension + (2 * dimension + dimension**2 if body[3] & 16 else 0) + (body[3] >> 6 & 1))
        yield from ((at, 1), (at + 1, 1), (at + 2, 1), (at + 3, 1), (at + 4, 4))
        if body[at + 2 - start] & 4:
            yield from ((field, 4) for field in range(start + len(body) - 16, start + len(body), 4))


def index_fields(parts: Parts, at: int) -> Iterator[tuple[int, int]]:
    for entry in range(at, at + 20 * len(parts.chunks), 20):
        yield from ((entry, 4), (entry + 4, 4), (entry + 16, 1), (entry + 17, 3))


def chunk_fields(parts: Parts, at: int) -> Iterator[tuple[int, int]]:
    """The first and the last bytes of each chunk; of a Zstandard frame, whose blocks are libzstd's affair, its head."""
    for chunk in parts.chunks:
        size, is_zstd = len(chunk.stored), chunk.codec in (ZSTD, PLANES)
        yield from ((at + i, 1) for i in range(size) if i < (8 if is_zstd else 20) or (i + 8 >= size and not is_zstd))
        at += size


def bit_fields(frame: bytes, reads: list[tuple[bytes, int, int]]) -> Iterator[Field]:
    """Where bits were read, in those readers' bytes that lie in the frame as they are."""
    places = {data: frame.find(data) for data, _, _ in reads if len(data) > 3}
    for data, at, count in reads:
        if count and places.get(data, -1) >= 0 and at + count <= 8 * len(data):
            yield 8 * places[data] + at, count


def fields_of(frame: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Field]:
    parts, reads = Parts.of(frame), []
    area = sum(len(section.pack()) for section in parts.sections)
    take = Bits.take

    def record(self: Bits, count: int) -> int:
        reads.append((self.data, self.at, count))
        return take(self, count)

    with monkeypatch.context() as patch:
        patch.setattr(Bits, "take", record)
        decoder.decode(frame)
    whole = [*fixed_fields(), *section_fields(parts, 36), *index_fields(parts, 36 + area)]
    whole += chunk_fields(parts, 44 + area + 20 * len(parts.chunks))
    return [(8 * at, 8 * size) for at, size in whole] + sorted(set(bit_fields(frame, reads)))


# ---- Changes ---------------------------------------------------------------------------------------------------


def changed(frame: bytes, field: Field, rng: random.Random) -> Iterator[bytes]:
    """The field with other values: 0, 1, the largest, one more, one less, one bit flipped."""
    at, count = field
    number = int.from_bytes(frame, "little")
    value = number >> at & (1 << count) - 1
    others = {0, 1, (1 << count) - 1, value + 1, value - 1, value ^ 1 << rng.randrange(count)}
    for other in sorted(other % (1 << count) for other in others - {value}):
        yield (number ^ (other ^ value) << at).to_bytes(len(frame), "little")


def changes_of(frame: bytes, name: str, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    rng = random.Random(name)
    fields = fields_of(frame, monkeypatch)
    if CHANGES:
        fields = rng.sample(fields, min(CHANGES // 2, len(fields)))
    found = [mend_header(other) for field in fields for other in changed(frame, field, rng)]
    header_size = 8 + struct.unpack_from("<I", frame, 4)[0]
    cuts = [frame + b"\0", mend_header(frame[:header_size]), mend_header(frame[:-1])]
    return cuts + (rng.sample(found, min(CHANGES, len(found))) if CHANGES else found)


# ---- Comparison ------------------------------------------------------------------------------------------------


def by_document(frame: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes | str | None, list[bytes]]:
    """What the independent decoder finds, and the raw bytes of the chunks; None: an error."""
    chunks: list[bytes] = []

    def accept(chunk: bytes, _: int) -> bool:
        chunks.append(chunk)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(decoder, "checksum_holds", accept)
        try:
            return decoder.decode(frame), chunks
        except (DamagedError, decoder.UnsupportedError):
            return None, chunks


def by_codec(frame: bytes) -> bytes | str:
    try:
        return zb.decompress(frame)
    except UnicodeDecodeError:  # SQLite takes any bytes as TEXT; Python does not
        out = bytearray(zb.info(frame).raw_size)
        return bytes(zb.decompress(frame, out=out))


def compare(frame: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Do both decoders agree? True where they find a value."""
    value, chunks = by_document(frame, monkeypatch)
    if value is None:
        with pytest.raises((zb.DamagedFrameError, zb.UnsupportedFrameError)) as caught:
            by_codec(frame)
        assert "wrong checksum" not in str(caught.value), "the C decoder makes something of it"
        return False
    parts = Parts.of(frame)
    for chunk, raw in zip(parts.chunks, chunks, strict=True):
        chunk.checksum = xxhash.xxh3_64_intdigest(raw)
    assert by_codec(parts.pack()) == value
    return True


@pytest.mark.parametrize("name", field_frames())
def test_decoders_agree_on_every_field(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = field_frames()[name]
    assert compare(frame, monkeypatch)
    refused = sum(not compare(other, monkeypatch) for other in changes_of(frame, name, monkeypatch))
    assert refused > 0
