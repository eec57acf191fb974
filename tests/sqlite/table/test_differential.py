"""The virtual table against an ordinary twin: random statements, for ZBLOB_DIFFERENTIAL_SECONDS (20)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .differential import Differential

SECONDS = float(os.environ.get("ZBLOB_DIFFERENTIAL_SECONDS", "20"))
FIRST_SEED = int(os.environ.get("ZBLOB_DIFFERENTIAL_SEED", "0"))
SECONDS_A_SEED = 5.0


def test_random_statements_do_the_same(opener: Callable[..., Any]) -> None:
    count, left, seed = 0, SECONDS / 2, FIRST_SEED
    while left > 0:
        count += Differential(seed, opener).run(min(left, SECONDS_A_SEED))
        left -= SECONDS_A_SEED
        seed += 1
    assert count > 50 * SECONDS
