"""LZMA as xz writes it, at its default level."""

import lzma

from ..codecs import SLOW, Codec

CODECS = (
    Codec(
        "lzma 6",
        "",
        lambda data, threads: lzma.compress(data, preset=6),
        lambda data, threads: lzma.decompress(data),
        slowness=SLOW,
    ),
)
