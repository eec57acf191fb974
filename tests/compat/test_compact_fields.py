"""Every field of compact frames, and every byte of their blocks, changed in turn: both decoders find the same value, or
both an error."""

from __future__ import annotations

import functools
import os
import random
import struct
from collections.abc import Iterator

import pytest
import zstandard

import sqlite_zblob as zb

from ..samples.frame_parts import xxh3
from . import decoder
from .bits import DamagedError
from .compose import compose_compact, compose_image_frame

# Changes of a frame; more of them find more. 0: all.
CHANGES = int(os.environ.get("ZBLOB_FIELD_CHANGES", "25"))
SEEDS = range(24)
FORMS = range(5)
AT_CHECKSUM, AT_KIND = 4, 8
LARGEST, LARGEST_OF_IMAGE = 1500, 250  # bytes of a frame
IMAGE_FORM = 4  # after those of compact frames of any bytes


def form_of(frame: bytes) -> int:
    return IMAGE_FORM if frame[AT_KIND] >= 216 else frame[AT_KIND] % 4


@functools.cache
def frames_of(form: int) -> list[tuple[bytes, dict[int, bytes]]]:
    if form == IMAGE_FORM:
        images = (compose_image_frame(random.Random(seed))[0] for seed in SEEDS)
        return [(frame, {}) for frame in images if len(frame) < LARGEST_OF_IMAGE]
    made = (compose_compact(random.Random(seed)) for seed in SEEDS)
    return [(frame, known) for frame, _, known in made if form_of(frame) == form and len(frame) < LARGEST]


def mended(frame: bytes) -> bytes:
    covered = frame[AT_KIND:]
    return frame[:AT_CHECKSUM] + struct.pack("<I", xxh3(covered) & 0xFFFFFFFF) + covered


def changed(frame: bytes, rng: random.Random) -> Iterator[bytes]:
    """Each byte with other values, and the frame cut or made longer."""
    for at in range(AT_KIND, len(frame)):
        others = {0, 1, 255, frame[at] + 1 & 255, frame[at] - 1 & 255, frame[at] ^ 1 << rng.randrange(8)}
        for other in sorted(others - {frame[at]}):
            yield mended(frame[:at] + bytes([other]) + frame[at + 1 :])
    for size in range(10, len(frame)):
        yield mended(frame[:size])
    yield mended(frame + b"\0")


def by_document(frame: bytes, known: dict[int, bytes]) -> tuple[bytes | str | None, bool]:
    """The value, or None for an error; and whether the error is libzstd's."""
    try:
        return decoder.decode(frame, known), False
    except (DamagedError, decoder.UnsupportedError) as error:
        return None, isinstance(error.__cause__, zstandard.ZstdError)


def by_codec(frame: bytes, dictionary: bytes | None) -> bytes | str | None:
    try:
        return zb.decompress(frame, dictionary=dictionary)
    except UnicodeDecodeError:  # SQLite takes any bytes as TEXT; Python does not
        out = bytearray(zb.info(frame).raw_size)
        return bytes(zb.decompress(frame, out=out, dictionary=dictionary))
    except (zb.DamagedFrameError, zb.UnsupportedFrameError, zb.MissingDictionaryError):
        return None


@pytest.mark.parametrize("form", FORMS)
def test_decoders_agree_on_compact_frames(form: int) -> None:
    rng = random.Random(form)
    values = errors = 0
    assert len(frames_of(form)) > 1
    for frame, known in frames_of(form):
        dictionary = next(iter(known.values()), None)
        others = list(changed(frame, rng))
        for other in rng.sample(others, min(CHANGES, len(others))) if CHANGES else others:
            expected, is_zstds = by_document(other, known)
            found = by_codec(other, dictionary)
            assert found == expected or is_zstds, other.hex()
            values += expected is not None
            errors += expected is None
    assert values > 0
    assert errors > 0
