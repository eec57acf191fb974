"""sqlite_zblob: compressed BLOBs and medical images inside SQLite."""

from .codec import VERSION as __version__  # noqa: N811
from .codec import FrameInfo, ImageInfo, compress, decompress, info, is_frame
from .errors import (
    DamagedFrameError,
    LoadError,
    OptionError,
    SizeLimitError,
    UnsupportedFrameError,
    ZblobError,
)
from .loader import install, load, loadable_path, uninstall

__all__ = [
    "DamagedFrameError",
    "FrameInfo",
    "ImageInfo",
    "LoadError",
    "OptionError",
    "SizeLimitError",
    "UnsupportedFrameError",
    "ZblobError",
    "__version__",
    "compress",
    "decompress",
    "info",
    "install",
    "is_frame",
    "load",
    "loadable_path",
    "uninstall",
]
