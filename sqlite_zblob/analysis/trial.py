"""Compress one value, or a piece of it, and measure what that brings. Knows no column."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import log, prod
from typing import Any, NamedTuple

from ..choices import Codec
from ..codec import (
    DEFAULT_LEVEL,
    FrameInfo,
    Hint,
    ImageInfo,
    compress,
    decompress,
    fits,
    guess,
    info,
    is_frame,
    is_plain_pickle,
)
from ..errors import DamagedFrameError
from .recognize import Kind, recognize

LEVELS = tuple(range(1, 10))
ZSTD_LEVELS = (1, 3, 5, 7, 9)

# Codec and level. "zstd" stands for what would be if there were no codecs for images.
Setting = tuple[Codec, int]
SETTINGS: tuple[Setting, ...] = tuple(("auto", n) for n in LEVELS) + tuple(("zstd", n) for n in ZSTD_LEVELS)

BASE: Setting = ("auto", DEFAULT_LEVEL)
OTHERS: tuple[Setting, ...] = tuple(setting for setting in SETTINGS if setting != BASE)

PIECE_SIZE = 1 << 20  # bytes that are compressed of a larger value to learn about it
WHOLE_SIZE = 16 << 20  # bytes of an image that stand for all of a larger one
STRIPES = 8  # parts that a piece is made of, where a value is no image
SLABS = 4  # the same, where it is one

FRAME = Kind("frame", True)
DAMAGED = Kind("damaged frame", True)
TEXTS = ("JSON", "text")  # kinds in which nobody looks for images


class Trial(NamedTuple):
    """One value, or a piece of it, with one setting."""

    fraction: float  # bytes after / bytes before
    compress: float  # seconds per byte, one thread
    decompress: float  # the same


UNTOUCHED = Trial(1.0, 0.0, 0.0)


@dataclass
class Look:
    """What is known of one value, and what was found with it."""

    kind: Kind
    size: int
    is_pickle: bool
    piece: Trial  # with the default level, on a piece of the value, or on all of it if it is small
    whole: Trial | None  # the same on all of it, or on planes that stand for it; None: not tried
    seed: int  # chooses the piece
    pace: float = 0.0  # seconds per byte that the trial of the piece took, others' work on the machine included
    is_touched: bool = True  # False: it stays as it is with every setting
    others: dict[Setting, Trial] = field(default_factory=dict)  # on the piece
    guessed: tuple[ImageInfo, ...] = ()  # images that the codec guesses in a value that is not recognised
    is_in_part: bool = False  # `whole` is of some planes, not of all of the value

    @property
    def stratum(self) -> tuple[str, int, str, int]:
        """Values of the same one resemble each other: by kind, compressibility, pixel type and size."""
        pixel_type = self.guessed[0].pixel_type if self.guessed else self.kind.detail.partition(",")[0]
        return self.kind.name, round(log(max(self.piece.fraction, 1e-6), 4)), pixel_type, self.size.bit_length()

    def other(self, setting: Setting) -> Trial | None:
        return self.others.get(setting) if self.is_touched else UNTOUCHED


def look(value: bytes, hint: Hint | None, *, min_size: int, piece_size: int, seed: int) -> Look:
    """Recognise a value, and compress a piece of it with the default level.

    :param hint: what the value's row says of it.
    :param min_size: smaller values stay as they are.
    """
    if is_frame(value):
        return Look(FRAME, len(value), False, UNTOUCHED, UNTOUCHED, seed, is_touched=False)
    try:
        about = _describe(value, hint)
    except DamagedFrameError:
        return Look(DAMAGED, len(value), False, UNTOUCHED, UNTOUCHED, seed, is_touched=False)
    kind, is_pickle = recognize(value, about), is_plain_pickle(value)
    if len(value) < max(1, min_size):
        return Look(kind, len(value), is_pickle, UNTOUCHED, UNTOUCHED, seed, is_touched=False)
    guessed = _guess(value, kind) if len(value) > piece_size and not about.images else ()
    piece, options = _piece_of(value, about.images or guessed, piece_size, random.Random(seed))
    began = time.monotonic()
    found = _measure(BASE, piece, options or {"hint": hint})
    pace = (time.monotonic() - began) / len(piece)
    whole = found if piece is value else None
    return Look(kind, len(value), is_pickle, found, whole, seed, pace, guessed=guessed)


def try_whole(value: bytes, hint: Hint | None, seed: int) -> tuple[Trial, bool]:
    """Compress all of a value with the default level; of a very large image, planes that stand for it.

    A value that is not recognised is compressed as it is: the codec may guess an image in all of it, and in no part.

    :returns: what was found, and whether it is that of some planes alone.
    """
    piece, options = _piece_of(value, _describe(value, hint).images, WHOLE_SIZE, random.Random(seed))
    return (_measure(BASE, piece, options), True) if options else (try_all(value, hint), False)


def try_all(value: bytes, hint: Hint | None) -> Trial:
    """Compress all of a value with the default level, however large it is."""
    return _measure(BASE, value, {"hint": hint})


def try_others(
    value: bytes,
    hint: Hint | None,
    known: Look,
    wanted: Sequence[Setting],
    *,
    piece_size: int,
    is_over: Callable[[], bool],
) -> dict[Setting, Trial]:
    """Compress the same piece of a value with other settings, one after the other until the time is over."""
    images = _describe(value, hint).images or known.guessed
    piece, options = _piece_of(value, images, piece_size, random.Random(known.seed))
    options = options or {"hint": hint}
    found: dict[Setting, Trial] = {}
    for setting in wanted:
        if is_over():
            break
        codec, level = setting
        if codec == "zstd" and not images:  # "auto" is nothing else there
            auto: Setting = ("auto", level)
            known_trial = known.piece if auto == BASE else found.get(auto) or known.others.get(auto)
            found[setting] = known_trial or _measure(auto, piece, options)
        else:
            found[setting] = _measure(setting, piece, options if codec == "auto" else {})
    return found


def _describe(value: bytes, hint: Hint | None) -> FrameInfo:
    """What a plain value is, and with which image if its row describes one."""
    about = info(value)
    if about.images or not fits(hint, len(value)):
        return about
    return replace(about, images=info(compress(value, 1, threads=1, hint=hint)).images)


def _guess(value: bytes, kind: Kind) -> tuple[ImageInfo, ...]:
    """The image that the codec guesses in a value that nothing describes. In a piece of it, it would guess none."""
    return () if kind.is_compressed or kind.name in TEXTS else guess(value).images


def _measure(setting: Setting, piece: bytes, options: dict[str, Any]) -> Trial:
    """Measure in CPU time, so that other work of the machine does not count."""
    codec, level = setting
    start = time.thread_time()
    frame = compress(piece, level, codec=codec, threads=1, **options)
    middle = time.thread_time()
    decompress(frame, threads=1)
    end = time.thread_time()
    return Trial(len(frame) / len(piece), (middle - start) / len(piece), (end - middle) / len(piece))


# ---- Pieces ------------------------------------------------------------------------------------------------


def _piece_of(value: bytes, images: Sequence[ImageInfo], size: int, rng: random.Random) -> tuple[bytes, dict[str, Any]]:
    """The whole value, or planes from all parts of its largest image with the options that describe them."""
    if len(value) <= size:
        return value, {}
    image = max(images, key=lambda image: prod(image.size) * image.components, default=None)
    if image is None or not image.is_plain or image.order == "F" or image.pixel_type.startswith(("complex", "bool")):
        return b"".join(_slabs(value, 0, len(value), 1, size, STRIPES, rng)), {}
    width = int(image.pixel_type.lstrip("uintfloa")) // 8
    plane = prod(image.size[:-1]) * image.components * width
    piece = b"".join(_slabs(value, image.value_offset, plane * image.size[-1], plane, size, SLABS, rng))
    components = (image.components,) if image.components > 1 else ()
    dtype = f"{'>' if image.byte_order == 'big' else '<'}{image.pixel_type[0]}{width}"
    return piece, {"dtype": dtype, "shape": (len(piece) // plane, *image.size[-2::-1], *components)}


def _slabs(value: bytes, start: int, length: int, unit: int, size: int, count: int, rng: random.Random) -> list[bytes]:
    """Parts of about `size` bytes in all, at equal distances from a random first one on, of whole units."""
    units = length // max(1, unit)
    wanted = max(1, min(units, size // max(1, unit)))
    count = min(count, wanted)
    width, distance = wanted // count, units // count
    first = rng.randrange(distance - width + 1)
    places = (start + (first + i * distance) * unit for i in range(count))
    return [value[place : place + width * unit] for place in places]
