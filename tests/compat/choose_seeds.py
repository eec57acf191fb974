"""Chooses SEEDS_OF_ALL_KINDS of compose.py anew, after a change of the format or of the generator.

    python -m tests.compat.choose_seeds --seconds 300

It composes frames for so long, and prints a few seeds whose frames have all kinds of kinds.py among them and
take little time; or the kinds that it has not met.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time

from .compose import compose
from .kinds import ALL_KINDS, kinds_of

EVERY_FRAME = 0.05  # seconds that a frame takes beside being composed


def look(seconds: float, first: int) -> dict[int, tuple[float, set[str]]]:
    """By seed: the CPU time that composing takes, and what kinds its frame has."""
    found, end = {}, time.monotonic() + seconds
    for seed in itertools.count(first):
        if time.monotonic() > end:
            break
        start = time.process_time()
        frame = compose(seed)[0]
        found[seed] = time.process_time() - start, set(kinds_of(frame)) & ALL_KINDS
    return found


def choose(found: dict[int, tuple[float, set[str]]]) -> list[int]:
    """Those that add the most for their time, without those that the others make superfluous."""
    chosen: list[int] = []
    wanted, seen = set().union(*(kinds for _, kinds in found.values())), set[str]()
    while seen != wanted:
        best = max(found, key=lambda seed: len(found[seed][1] - seen) / (found[seed][0] + EVERY_FRAME))
        chosen.append(best)
        seen |= found[best][1]
    for seed in sorted(chosen, key=lambda seed: -found[seed][0]):
        others = [found[other][1] for other in chosen if other != seed]
        if set().union(*others) == wanted:
            chosen.remove(seed)
    return sorted(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    found = look(options.seconds, options.first)
    missing = ALL_KINDS.difference(*(kinds for _, kinds in found.values()))
    print(f"SEEDS_OF_ALL_KINDS = {tuple(choose(found))}")
    if missing:
        sys.exit(f"not met among {len(found)} frames: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
