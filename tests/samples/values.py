"""Small values of every kind, generated alike on every machine: samples for the decoder, and the fixtures."""

from __future__ import annotations

import functools
import json
import pickle
import random

import numpy as np

from .screens import stills


def phantom(dtype: str, shape: tuple[int, ...] = (12, 40, 48), peak: float = 900.0) -> np.ndarray:
    """A smooth blob with noise, like a scan; peak in units of the samples."""
    grids = np.meshgrid(*(np.linspace(-1, 1, extent) for extent in shape), indexing="ij")
    noise = np.random.RandomState(7).normal(0, peak / 60, shape)
    return np.clip(peak * np.exp(-3 * sum(grid**2 for grid in grids)) + noise, 0, None).astype(dtype)


def wide_arrays() -> dict[str, np.ndarray]:
    """Floats and wide integers of the kinds that stores hold; shapes are small, for the slow decoder."""
    shape = (6, 30, 40)
    z, y, x = np.indices(shape).astype("f8")
    noise = np.random.RandomState(11).normal(0, 1, shape)
    smooth = np.sin(x / 9) * np.cos(y / 7) + z / 5 + noise / 200
    scan = phantom("<i2", shape)
    values = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42, -1e-310], "f8")
    strange = np.where(noise > 1.5, values[np.abs(x * 7 + y).astype(int) % 7], smooth)
    return {
        "cast": scan.astype("<f4"),
        "rescaled": (scan / scan.max()).astype("<f4"),
        "rescaled double": scan * 0.0123 - 1.7,
        "square roots": np.sqrt(np.abs(scan)).astype("<f4"),
        "smooth": smooth.astype("<f4"),
        "smooth double": smooth,
        "big-endian": smooth.astype(">f4"),
        "half": smooth.astype("<f2"),
        "float in double": smooth.astype("<f4").astype("<f8"),
        "masked": np.where(scan > 300, smooth, 0).astype("<f4"),
        "distance": np.sqrt((x - 11) ** 2 + (y - 13) ** 2 + (4 * z - 9) ** 2).astype("<f4"),
        "ramp": (x * 0.37 + y * 1.21 - z * 0.53).astype("<f8"),
        "vectors": np.stack([smooth, smooth[::-1], noise], axis=-1).astype("<f4"),
        "strange": strange.astype("<f4"),
        "strange double": strange,
        "labels": (scan // 300).astype("<f4"),
        "int32": (smooth * 1e6).astype("<i4"),
        "uint32": ((smooth + 5) * 4e8).astype(">u4"),
        "int64": (smooth * 1e15).astype("<i8"),
        "int64 steps": scan.astype("<i8") * 1_000_003,
        **by_slice(scan),
        "quotients": (np.floor(smooth * 3e5) / 27).astype("<f4"),
        "quotients double": np.floor(smooth * 3e6) / 702,
        "roots": np.sqrt(np.floor(np.abs(smooth) * 3e5) / 4).astype(">f4"),
        "roots double": np.sign(noise) * np.sqrt(np.floor(np.abs(smooth + noise) * 1e6) / 9),
        "complex": (smooth + 1j * noise).astype("<c8"),
    }


def by_slice(scan: np.ndarray) -> dict[str, np.ndarray]:
    """Integers of which each slice was scaled on its own."""
    slopes = (0.3 + np.arange(len(scan)) * 0.173).reshape(-1, 1, 1)
    centred = (scan - scan.mean(axis=(1, 2), keepdims=True)) / scan.std(axis=(1, 2), keepdims=True)
    strange = centred.astype("<f4")
    strange[:, 3, 5], strange[:, 9, 9], strange[1, 2, 2] = 0, np.nan, 1e-42
    ladders = np.sort(np.random.RandomState(3).uniform(-5, 5, (len(scan), 100)).astype("<f4"), axis=1)
    return {
        "slopes": (scan * slopes).astype("<f4"),
        "slopes double": scan * -slopes,
        "slopes and intercepts": (scan.astype("f4") * slopes.astype("f4") + (9 - slopes)).astype(">f4"),
        "z-scores": centred,
        "z-scores and others": strange,
        "ladders": np.stack([ladder[slice_ // 9 % 100] for ladder, slice_ in zip(ladders, scan, strict=True)]),
        "integer slopes": scan.astype("<i4") * np.arange(101, 101 + len(scan)).reshape(-1, 1, 1),
        "rescaled slopes": ((scan * (2.3 + slopes)).round() * slopes).astype("<f4"),
        "rescaled shorts": (scan * (1.3 + slopes)).round().astype(">i2"),
        "equalised bytes": np.stack(
            [np.interp(s, np.quantile(s, np.linspace(0, 1, 64)), np.arange(64)) for s in scan]
        ).astype("u1")
        * np.arange(2, 2 + len(scan)).clip(0, 4).astype("u1").reshape(-1, 1, 1),
        "slopes by volume": np.repeat(scan[:3], 2, axis=0) * np.repeat(slopes[:3], 2, axis=0).astype("<f4"),
    }


def coloured(components: int, shape: tuple[int, ...] = (48, 64)) -> np.ndarray:
    """Pixels whose components resemble one another; the fourth is constant, as alpha channels are."""
    random = np.random.RandomState(8)
    base = phantom("f8", shape, 150) + random.normal(0, 5, shape)
    pixels = base[..., None] * (1, 0.8, 0.6, 0) + random.normal(0, 0.5, (*shape, 4)) * (1, 1, 1, 0) + 20
    return np.clip(pixels, 0, 255).astype("u1")[..., :components]


def dilated(shape: tuple[int, ...] = (3, 60, 80)) -> np.ndarray:
    """Plateaus: each value is the greatest of its neighbourhood in the slice."""
    noisy = phantom("<i2", shape, 600)
    shifted = [np.roll(noisy, (dy, dx), (1, 2)) for dy in range(-2, 3) for dx in range(-2, 3)]
    greatest: np.ndarray = np.max(shifted, axis=0)
    return greatest


def screen(shape: tuple[int, ...] = (4, 70, 96)) -> np.ndarray:
    """A colour clip as a device shows it: a picture that changes in places, and writing that does not."""
    random = np.random.RandomState(9)
    clip = np.zeros((*shape, 3), "u1")
    clip[:, 4:44, 4:92] = coloured(3, (40, 88))
    clip[:, 4:44, 4:92] += (random.rand(shape[0], 40, 88, 1) > 0.9).astype("u1") * 9
    strokes = random.randint(0, 4, (10, 30)).repeat(2, 0).repeat(3, 1)[:, :90]
    clip[:, 47:67, 3:93] = np.array([[0, 0, 0], [0, 0, 0], [250, 220, 30], [90, 120, 130]], "u1")[strokes]
    return clip


@functools.cache
def sample_values() -> dict[str, bytes | str]:
    noise = random.Random(3).randbytes(3000)
    return {
        "empty": b"",
        "one byte": b"x",
        "noise": noise,
        "zeros": bytes(5_000_000),
        "text": "SQLite stores text, too. " * 300,
        "odd text": "a\0b \ud800 \U0001f9e0 " * 90,
        "json": json.dumps({str(i): i * i for i in range(3000)}).encode(),
        "noisy chunk among others": bytes(1 << 20) + random.Random(5).randbytes(1 << 20) + bytes(5),
        "uint8 array": pickle.dumps(phantom("u1", peak=200)),
        "int16 array": pickle.dumps(phantom("<i2")),
        "big-endian array": pickle.dumps(phantom(">u2")),
        "float array": pickle.dumps(phantom("<f4")),
        "plateaus": pickle.dumps(dilated()),
        "screen": pickle.dumps(screen()),
        **{
            f"still {name}": pickle.dumps(still)
            for name, still in stills(70, 72).items()
            if name in ("palette", "soft colours")
        },
        "curve": pickle.dumps(np.sin(np.arange(4000) / 50).astype("<f4")),
        "mask": pickle.dumps((phantom("<i2") > 250).astype("u1")),
        "label map": pickle.dumps((phantom(">i2") // 200 * 77).astype(">i2")),
        "wide labels": pickle.dumps((phantom("<i4", (5, 40, 48)) // 300 * 1_000_003).astype("<i4")),
        "signal": pickle.dumps(phantom("<i2", (20_011,))),
        "flattened array": pickle.dumps(phantom("<i2", (6, 40, 48)).ravel()),
        "series": pickle.dumps(
            np.stack([phantom("<i2", (4, 40, 48))] * 4) + np.random.RandomState(9).randint(0, 9, (4, 4, 40, 48), "i2")
        ),
        "two arrays": pickle.dumps({"a": phantom("<i2"), "note": "n" * 2000, "b": phantom("u1", peak=200)}),
        **{f"wide {name}": pickle.dumps(array) for name, array in wide_arrays().items()},
        "colour array": pickle.dumps(coloured(3, (100, 230))),
        "colour and alpha": pickle.dumps(coloured(4, (150, 170))),
        "colour clip": pickle.dumps(coloured(3, (5, 60, 80))),
        "array of pairs": pickle.dumps(coloured(2, (4, 60, 80)).astype(">i2")),
        "text of an array": pickle.dumps(phantom("<i2") - 300, 2),
        "text of a label map": pickle.dumps((phantom(">i2") // 200 * 77).astype(">i2"), 2),
        "text of floats": pickle.dumps(-phantom("<f4", (5, 30, 40)), 2),
        "incompressible array": pickle.dumps(np.frombuffer(noise, "u1").reshape(30, 100)),
    }
