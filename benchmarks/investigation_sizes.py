"""Take the sizes of the investigation's images again, with the codec of today: no times, so that any machine will do.

    python -m benchmarks.investigation_sizes FOLDER

writes benchmarks/results/investigation/sizes.json. `sqlite-zblob bench report` then says what has changed since.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import date
from pathlib import Path

from sqlite_zblob.bench import codecs as adapters
from sqlite_zblob.bench import results
from sqlite_zblob.bench.inputs import central, find_subjects
from sqlite_zblob.bench.questions import codecs

RESULTS = Path(__file__).parent / "results" / "investigation"


def main(folder: Path) -> None:
    found = results.read(RESULTS, codecs.NAME)
    assert found is not None
    wanted = {row["volume"]: row["content"] for row in found[0]}
    (ours,) = [codec for codec in adapters.available() if codec.name == codecs.REFERENCE]
    sizes = {}
    with tempfile.TemporaryDirectory() as work:
        for subject in find_subjects(folder, None, Path(work), quick=False):
            if subject.name in wanted:
                array = central(subject.array(), codecs.MOST_BYTES)
                figures = codecs.measure_codec(ours, array, subject.image.components)
                if isinstance(figures, str):
                    raise SystemExit(f"{subject.name}: {figures}")
                sizes[subject.name] = figures[0]
    if missing := wanted.keys() - sizes:
        raise SystemExit(f"{folder} has not all images of the investigation: {', '.join(sorted(missing))}")
    facts = {"measured": date.today().isoformat(), "sizes": dict(sorted(sizes.items()))}
    (RESULTS / "sizes.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
