"""A process that prints the digest of each strange image's frame, on the CPU target that it was told.

ZBLOB_TARGET=scalar python -m tests.codec.voxel.digests integers|labels|floats
"""

from __future__ import annotations

import hashlib
import pickle
import sys

import sqlite_zblob as zb

from ...samples.strange import LEVELS, images


def print_digests(kind: str) -> None:
    for image in images(kind):
        for level in LEVELS:
            value = pickle.dumps(image)
            frame = zb.compress(value, level)
            assert zb.decompress(frame) == value
            print(hashlib.sha256(frame).hexdigest())


if __name__ == "__main__":
    print_digests(sys.argv[1])
