"""Generated frames (compose.py): both decoders find the value that they were made with."""

from __future__ import annotations

import functools
import os

import pytest

from .agree import require_value
from .compose import SEEDS_OF_ALL_KINDS as CHOSEN
from .compose import compose
from .kinds import ALL_KINDS, kinds_of

# More of them find more: ZBLOB_GENERATED_FRAMES=20000 takes an hour. FIRST goes on where another run has ended.
COUNT = int(os.environ.get("ZBLOB_GENERATED_FRAMES", "0"))
FIRST = int(os.environ.get("ZBLOB_GENERATED_FIRST", "0"))
SEEDS = [*CHOSEN, *range(FIRST, FIRST + COUNT)]
SHARES = 4

made = functools.lru_cache(50)(compose)  # kept for the test of kinds


@pytest.mark.parametrize("share", range(SHARES))
def test_both_decoders_find_the_value(share: int) -> None:
    for seed in SEEDS[share::SHARES]:
        frame, value, dictionaries = made(seed)
        require_value(frame, value, dictionaries, f"seed {seed}")


def test_frames_of_every_kind_are_generated() -> None:
    """choose_seeds.py finds other seeds when these do no longer."""
    seen = {kind for seed in CHOSEN for kind in kinds_of(made(seed)[0])}
    assert seen >= ALL_KINDS
