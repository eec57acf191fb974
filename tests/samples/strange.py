"""All strange images by the kind of their coder, for tests that ask the same of every one of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import integers, labels, wide
from .values import coloured

LEVELS = (1, 2, 5, 9)
KINDS = ("integers", "labels", "floats")


def images(kind: str) -> Iterator[np.ndarray]:
    if kind == "integers":
        yield from integers.STRANGE.values()
        yield from (integers.smooth((6, 90, 101), dtype) for dtype in ("u1", "<i2", ">u2", "<i4"))
        yield from (coloured(3, (90, 250)), coloured(4, (5, 70, 90)))
        for width in (25, 64, 131):  # their bytes are coded as ranks
            sparse = integers.smooth((4, 40, width), "u1") // 4 * 4
            yield from (sparse, (sparse.astype("i2") - 128).astype("i1"), coloured(3, (90, width)) // 8 * 8)
    elif kind == "labels":
        yield from labels.STRANGE.values()
    else:
        yield from wide.STRANGE.values()
