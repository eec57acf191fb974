"""sqlite_zblob: compressed BLOBs and medical images inside SQLite."""

from . import images
from .analysis.analyze import Analysis, ColumnAnalysis, analyze
from .analysis.describe import ColumnInfo, DatabaseInfo, MigrationInfo, TableInfo, describe
from .analysis.stats import CodecStats, ColumnStats, TableStats, stats
from .codec import VERSION as __version__  # noqa: N811
from .codec import FrameInfo, ImageInfo, compress, compress_pickle, decompress, info, is_frame
from .column.recommend import Recommendation, recommend
from .column.storage import ColumnStatus, disable, enable, status
from .column.watch import install, load, uninstall
from .connect.loader import loadable_path
from .connect.rows import decode_rows
from .errors import (
    DamagedFrameError,
    DatabaseError,
    DiskSpaceError,
    LoadError,
    MetadataError,
    NotCompressedError,
    OptionError,
    SizeLimitError,
    SupersededError,
    UnsupportedFrameError,
    WorkerError,
    WrongTypeError,
    ZblobError,
    ZblobWarning,
)
from .migration.migrate import compress_store, migrate, restore
from .migration.reports import Damage, Failure, Progress, Report, VerifyReport
from .migration.verify import verify

__all__ = [
    "Analysis",
    "CodecStats",
    "ColumnAnalysis",
    "ColumnInfo",
    "ColumnStats",
    "ColumnStatus",
    "Damage",
    "DamagedFrameError",
    "DatabaseError",
    "DatabaseInfo",
    "DiskSpaceError",
    "Failure",
    "FrameInfo",
    "ImageInfo",
    "LoadError",
    "MetadataError",
    "MigrationInfo",
    "NotCompressedError",
    "OptionError",
    "Progress",
    "Recommendation",
    "Report",
    "SizeLimitError",
    "SupersededError",
    "TableInfo",
    "TableStats",
    "UnsupportedFrameError",
    "VerifyReport",
    "WorkerError",
    "WrongTypeError",
    "ZblobError",
    "ZblobWarning",
    "__version__",
    "analyze",
    "compress",
    "compress_pickle",
    "compress_store",
    "decode_rows",
    "decompress",
    "describe",
    "disable",
    "enable",
    "images",
    "info",
    "install",
    "is_frame",
    "load",
    "loadable_path",
    "migrate",
    "recommend",
    "restore",
    "stats",
    "status",
    "uninstall",
    "verify",
]
