"""One codec on one volume in a process of its own, for its peak memory and its speed in several threads.

python -m sqlite_zblob.bench.coding '{"value": FILE, "codec": NAME, "threads": 1, "rounds": 2, "most_bytes": N}'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..codec import info
from . import codecs
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
    with pinned(given["threads"]):
        taken = [measure_codec(codec, array, image.components, given["threads"]) for _ in range(given["rounds"])]
    figures = [figure for figure in taken if not isinstance(figure, str)]
    result: dict[str, Any] = {"refused": next((figure for figure in taken if isinstance(figure, str)), "")}
    if figures:
        result |= {
            "raw_size": array.nbytes,
            "size": figures[0][0],
            "encode": array.nbytes / 1e6 / median([figure[1] for figure in figures]),
            "decode": array.nbytes / 1e6 / median([figure[2] for figure in figures]),
            "extra_memory": peak_memory() - baseline,
            "peak_memory": peak_memory(),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
