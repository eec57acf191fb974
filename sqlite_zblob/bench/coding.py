"""One codec on one volume in a process of its own, for its peak memory and its speed in several threads.

python -m sqlite_zblob.bench.coding '{"value": FILE, "codec": NAME, "threads": 1, "rounds": 2, "most_bytes": N}'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..bench import codecs
from ..codec import info
from .harness import median, peak_memory, pinned
from .inputs import array_of, central
from .questions.codecs import measure_codec


def main(arguments: str) -> None:
    given = json.loads(arguments)
    value = Path(given["value"]).read_bytes()
    (image,) = info(value).images
    array = central(array_of(value, image), given["most_bytes"])
    codec = codecs.get(given["codec"])
    baseline = peak_memory()
    result: dict[str, Any] = {"raw_size": array.nbytes, "threads": {}}
    for threads in given["threads"]:
        with pinned(threads):
            taken = [measure_codec(codec, array, image.components, threads) for _ in range(given["rounds"])]
        result["threads"][threads] = figures(taken, array.nbytes)
        result.setdefault("extra_memory", peak_memory() - baseline)
    print(json.dumps(result))


def figures(taken: list[tuple[int, float, float] | str], raw_size: int) -> dict[str, float] | None:
    """MB/s, medians of the rounds; None where the codec could not do it."""
    if any(isinstance(one, str) for one in taken):
        return None
    encode, decode = (median([one[i] for one in taken if not isinstance(one, str)]) for i in (1, 2))
    return {"encode": raw_size / 1e6 / encode, "decode": raw_size / 1e6 / decode}


if __name__ == "__main__":
    main(sys.argv[1])
