"""crackle, made for label maps: crack codes with a Markov model, and the same packed by LZMA."""

import lzma
from typing import Any

import crackle

from ..codecs import SLOW, Codec

_MODEL_ORDER = 5  # its documentation calls 5 to 7 typical


def _encode(labels: Any, threads: int) -> bytes:
    return bytes(crackle.compress(labels.T, markov_model_order=_MODEL_ORDER, parallel=threads))


def _decode(data: bytes, threads: int) -> Any:
    return crackle.decompress(data, parallel=threads).T


CODECS = (
    Codec("crackle", "crackle-codec", _encode, _decode, "labels", "uib", SLOW),
    Codec(
        "crackle + lzma",
        "crackle-codec",
        lambda labels, threads: lzma.compress(_encode(labels, threads), preset=6),
        lambda data, threads: _decode(lzma.decompress(data), threads),
        "labels",
        "uib",
        SLOW,
    ),
)
