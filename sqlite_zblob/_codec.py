"""The codec's C functions, which lie in the SQLite extension's own library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ._interface import ffi as _ffi  # written by build.py from csrc/zblob.h

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")

LIBRARY = Path(__file__).resolve().parent / f"zblob{_SUFFIX}"

ffi: Any = _ffi
lib: Any = ffi.dlopen(str(LIBRARY))
