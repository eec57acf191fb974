"""sqlite_zblob: compressed BLOBs and medical images inside SQLite."""

from .codec import FrameInfo, ImageInfo, compress, compress_pickle, decompress, info, is_frame
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
    "compress",
    "compress_pickle",
    "decompress",
    "info",
    "install",
    "is_frame",
    "load",
    "loadable_path",
    "uninstall",
]

__version__ = "0.1.0"
