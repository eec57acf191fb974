"""Pictures of few colours, as screens and palettes have them: writing, boxes and curves, each pixel seen often."""

from __future__ import annotations

import numpy as np


def writing(height: int, width: int, seed: int = 4) -> np.ndarray:
    """Numbers from 0 to 9: lines of repeated glyphs with soft edges, a box, and a curve."""
    random = np.random.RandomState(seed)
    glyphs = (random.rand(9, 7, 5) > 0.5) * 9
    glyphs[..., 1:] = np.maximum(glyphs[..., 1:], glyphs[..., :-1] // 2)
    page = np.zeros((height, width), "u1")
    for top in range(3, height - 12, 10):
        for left in range(3, width - 40, 7):
            page[top : top + 7, left : left + 5] = glyphs[random.randint(9)]
    page[8:-8, -30:-4] = 2 + 3 * (np.arange(26) // 9)
    curve = (height / 2 + height / 3 * np.sin(np.arange(width) / 9)).astype(int)
    page[curve, np.arange(width)] = 8
    return page


def stills(height: int = 80, width: int = 90) -> dict[str, np.ndarray]:
    page = writing(height, width)
    colours = np.random.RandomState(2).randint(0, 256, (10, 4)).astype("u1")
    gradient = np.repeat(np.arange(height)[:, None] // 5 * 9, width, 1)
    noise = np.random.RandomState(6).normal(0, 20, (height, width, 1)) * (page[..., None] == 5)
    soft = np.clip(np.stack([gradient + page, gradient, gradient + 2 * page], -1) + noise, 0, 255)
    return {
        "palette": page * 23,
        "colours": colours[page][..., :3],
        "colours with alpha": colours[page],
        "two samples": colours[page][..., :2],
        "soft colours": soft.astype("u1"),
        "signed": (soft[..., 0].astype("<i2") - 128).astype("i1"),
        "two bytes": (soft[..., 0] * 77 - 9000).astype("<i2"),
        "big-endian": (soft[..., 2] * 200).astype(">u2"),
    }
