"""No compression: the value as it is."""

from ..codecs import Codec, bytes_of

CODECS = (Codec("uncompressed", "", lambda data, threads: bytes_of(data), lambda data, threads: data),)
