"""Text that compresses as documents do."""

from __future__ import annotations

import random

WORDS = ["axial", "brain", "coil", "dose", "echo", "field", "gantry", "head", "isotope", "joint", "kernel", "lesion"]


def text(rng: random.Random, count: int) -> str:
    return " ".join(f"{rng.choice(WORDS)}{rng.randrange(1000)}" for _ in range(count))
