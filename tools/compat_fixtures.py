"""Write the frames of the sample values into a folder that does not exist yet, once for each released version:

python -m tools.compat_fixtures tests/compat/fixtures/vX.Y.Z
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import sqlite_zblob as zb
from tests.samples.values import sample_values


def write_fixtures(folder: Path) -> None:
    folder.mkdir(parents=True)
    digests = {}
    for name, value in sample_values().items():
        raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        if len(raw) > 100_000:
            continue
        for level, suffix in ((5, ""), (1, "-level-1")):  # chunks of images have another form at level 1
            frame = zb.compress(value, level)
            if level == 1 and zb.info(frame).codec != "voxel":
                continue
            file = folder / f"{name.replace(' ', '-')}{suffix}.zblob"
            file.write_bytes(frame)
            digests[file.name] = hashlib.sha256(raw).hexdigest()
    (folder / "sha256.json").write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    write_fixtures(Path(sys.argv[1]))
