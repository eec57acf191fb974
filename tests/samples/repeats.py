"""Values in which bytes repeat exactly: enlarged and tiled images, equal slices, equal arrays; and plain values."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import numpy as np

from .integers import smooth


def repeated_images() -> Iterator[tuple[str, np.ndarray]]:
    image, volume = smooth((200, 180), "i2") * np.int16(9), smooth((6, 90, 100), "u2") * np.uint16(7)
    rng = np.random.default_rng(7)
    image += rng.integers(0, 9, image.shape, dtype=np.int16)
    volume += rng.integers(0, 9, volume.shape, dtype=np.uint16)
    colours = np.stack([image[:90, :80] // 9 + shift for shift in (0, 5, 9)], axis=-1).astype("u1")
    yield "enlarged 4 times", image.repeat(4, 0).repeat(4, 1)
    yield "enlarged 4 times, colour", colours.repeat(4, 0).repeat(4, 1)
    yield "enlarged 4 times, float", (image[:100] / 7).astype("f4").repeat(4, 0).repeat(4, 1)
    yield "columns twice", image.repeat(2, 1)
    yield "rows twice", image.repeat(2, 0)
    yield "tiles", np.tile(image[:90, :70], (5, 4))
    yield "equal slices", image[None].repeat(12, 0)
    yield "a volume four times", np.concatenate([volume] * 4)
    yield "a volume four times, on an axis", np.stack([volume] * 4)
    yield "slices four times", volume.repeat(4, 0)
    yield "equal slices of noise", rng.integers(0, 65536, (1, 256, 256), dtype=np.uint16).repeat(16, 0)
    yield "constant", np.full((6, 80, 96), 77, np.int16)


def pickles_of_many() -> Iterator[tuple[str, list[np.ndarray]]]:
    rng = np.random.default_rng(8)
    image = smooth((64, 64), "i2") * np.int16(9)
    for name, array in (
        ("i2", image),
        ("f4", image.astype("f4") / 3),
        ("u1", (image[:32, :32] // 9).astype("u1")),
        ("f8", image[:4].astype("f8") * 0.37),
        ("mask", (image > 500).astype("u1")),
        ("noise", rng.integers(0, 65536, (64, 64), dtype=np.uint16)),
    ):
        for count in (2, 40):
            yield f"{count} equal arrays {name}", [array.copy() for _ in range(count)]
        similar = [array + rng.integers(0, 4, array.shape).astype(array.dtype) for _ in range(40)]
        yield f"40 similar arrays {name}", similar
    volume = smooth((20, 100, 100), "i2") * np.int16(5) + rng.integers(0, 9, (20, 100, 100), dtype=np.int16)
    yield "overlapping parts", [volume[:10], volume[5:15], volume[10:]]
    yield "the same volume", [volume, volume.copy()]


def plain_values() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(9)
    rows = rng.normal(0, 1, (6000, 5)).cumsum(0)
    yield "table", "\n".join(",".join(f"{number:.3f}" for number in row) for row in rows).encode()
    yield "json", json.dumps([{"id": i, "v": float(v), "n": "abc"} for i, v in enumerate(rows.ravel()[:9000])]).encode()
    for size in (1, 100, 300, 5000, 300_000):
        yield f"{size} random bytes", rng.bytes(size)
        yield f"{size} zeros", bytes(size)
        yield f"{size} bytes of a period", (b"abcdefg" * (size // 7 + 1))[:size]
    yield "random bytes, three times", rng.bytes(200_000) * 3
    yield "floats", pickle.dumps(rows.ravel().tolist())
    yield "raw images", smooth((500, 400), "<u2", 4).tobytes() * 3


def repeated_values() -> dict[str, bytes]:
    values = {name: pickle.dumps(np.ascontiguousarray(image)) for name, image in repeated_images()}
    values |= {name: pickle.dumps(arrays) for name, arrays in pickles_of_many()}
    return values | dict(plain_values())


REPEATED = repeated_values()
