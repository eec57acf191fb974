"""sqlite_zblob: compressed BLOBs and medical images inside SQLite."""

from . import images
from .codec import VERSION as __version__  # noqa: N811
from .codec import FrameInfo, ImageInfo, compress, compress_pickle, decompress, info, is_frame
from .errors import (
    DamagedFrameError,
    LoadError,
    OptionError,
    SizeLimitError,
    UnsupportedFrameError,
    ZblobError,
    ZblobWarning,
)
from .loader import install, load, loadable_path, uninstall
from .recommend import Recommendation, recommend
from .rows import decode_rows
from .storage import ColumnStatus, disable, enable, status

__all__ = [
    "ColumnStatus",
    "DamagedFrameError",
    "FrameInfo",
    "ImageInfo",
    "LoadError",
    "OptionError",
    "Recommendation",
    "SizeLimitError",
    "UnsupportedFrameError",
    "ZblobError",
    "ZblobWarning",
    "__version__",
    "compress",
    "compress_pickle",
    "decode_rows",
    "decompress",
    "disable",
    "enable",
    "images",
    "info",
    "install",
    "is_frame",
    "load",
    "loadable_path",
    "recommend",
    "status",
    "uninstall",
]
