"""A process that migrates or restores, to be killed.

    python -m tests.crash.process migrate|restore PATH OPTIONS

OPTIONS are the keyword arguments as JSON. Prints "ready" before it begins, and the report as JSON at the end.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import asdict
from typing import Any

import sqlite_zblob as zb


def main(operation: str, path: str, options: str) -> None:
    warnings.simplefilter("ignore", zb.ZblobWarning)
    print("ready", flush=True)
    function: Any = {"migrate": zb.migrate, "restore": zb.restore}[operation]
    try:
        report = asdict(function(path, "store", "data", workers=2, **json.loads(options)))
    except zb.NotCompressedError:  # the restore before was killed behind its last commit
        report = {"finished": True, "missed_rows": 0, "failures": ()}
    print(json.dumps(report, default=str), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
