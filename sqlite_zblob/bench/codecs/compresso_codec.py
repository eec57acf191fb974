"""compresso, made for label maps: boundaries in windows of 4 x 4 pixels."""

import compresso

from ..codecs import SLOW, Codec

CODECS = (
    Codec(
        "compresso",
        "compresso",
        lambda labels, threads: bytes(compresso.compress(labels.T)),
        lambda data, threads: compresso.decompress(data).T,
        "labels",
        "uib",
        SLOW,
    ),
)
