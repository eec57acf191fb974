"""sqlite_zblob: compressed BLOBs and medical images inside SQLite.

A name is imported when it is first used: what only unpickles a value, or only asks for the version, imports little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import exchange, images, shards
    from .analysis.analyze import Analysis, ColumnAnalysis, analyze
    from .analysis.describe import ColumnInfo, DatabaseInfo, MigrationInfo, TableInfo, describe
    from .analysis.stats import CodecStats, ColumnStats, TableStats, stats
    from .choices import Codec, Dtype, Envelope, Mode, Vacuum
    from .codec import VERSION as __version__  # noqa: N811
    from .codec import FrameInfo, ImageInfo, compress, compress_pickle, decompress, info, is_frame
    from .column.dictionaries import copy_dictionaries, drop_dictionaries, train
    from .column.recommend import Recommendation, recommend
    from .column.storage import ColumnStatus, disable, enable, status
    from .column.watch import install, load, uninstall
    from .connect.loader import loadable_path
    from .connect.rows import decode_rows
    from .errors import (
        ChangedValueError,
        DamagedFrameError,
        DatabaseError,
        DiskSpaceError,
        LoadError,
        MetadataError,
        MissingDictionaryError,
        NotCompressedError,
        OptionError,
        SizeLimitError,
        StorageError,
        SupersededError,
        UnsupportedFrameError,
        WorkerError,
        WrongTypeError,
        ZblobError,
        ZblobWarning,
    )
    from .holes import Hole, Salvaged, salvage
    from .integrations import dask
    from .migration.maintain import maintain
    from .migration.migrate import compress_store, migrate, restore
    from .migration.reports import (
        ColumnMaintenance,
        Damage,
        Failure,
        MaintenanceReport,
        Progress,
        Report,
        VerifyReport,
    )
    from .migration.salvage import SalvagedRow, salvage_rows
    from .migration.verify import verify
    from .parts.stream import open_blob
    from .parts.write import write_stream

__all__ = [
    "Analysis",
    "ChangedValueError",
    "Codec",
    "CodecStats",
    "ColumnAnalysis",
    "ColumnInfo",
    "ColumnMaintenance",
    "ColumnStats",
    "ColumnStatus",
    "Damage",
    "DamagedFrameError",
    "DatabaseError",
    "DatabaseInfo",
    "DiskSpaceError",
    "Dtype",
    "Envelope",
    "Failure",
    "FrameInfo",
    "Hole",
    "ImageInfo",
    "LoadError",
    "MaintenanceReport",
    "MetadataError",
    "MigrationInfo",
    "MissingDictionaryError",
    "Mode",
    "NotCompressedError",
    "OptionError",
    "Progress",
    "Recommendation",
    "Report",
    "Salvaged",
    "SalvagedRow",
    "SizeLimitError",
    "StorageError",
    "SupersededError",
    "TableInfo",
    "TableStats",
    "UnsupportedFrameError",
    "Vacuum",
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
    "copy_dictionaries",
    "dask",
    "decode_rows",
    "decompress",
    "describe",
    "disable",
    "drop_dictionaries",
    "enable",
    "exchange",
    "images",
    "info",
    "install",
    "is_frame",
    "load",
    "loadable_path",
    "maintain",
    "migrate",
    "open_blob",
    "recommend",
    "restore",
    "salvage",
    "salvage_rows",
    "shards",
    "stats",
    "status",
    "train",
    "uninstall",
    "verify",
    "write_stream",
]

# Where the names are: the same as above, for the interpreter.
_HOMES = {
    ".analysis.analyze": ("Analysis", "ColumnAnalysis", "analyze"),
    ".analysis.describe": ("ColumnInfo", "DatabaseInfo", "MigrationInfo", "TableInfo", "describe"),
    ".analysis.stats": ("CodecStats", "ColumnStats", "TableStats", "stats"),
    ".choices": ("Codec", "Dtype", "Envelope", "Mode", "Vacuum"),
    ".codec": ("FrameInfo", "ImageInfo", "compress", "compress_pickle", "decompress", "info", "is_frame"),
    ".column.dictionaries": ("copy_dictionaries", "drop_dictionaries", "train"),
    ".column.recommend": ("Recommendation", "recommend"),
    ".column.storage": ("ColumnStatus", "disable", "enable", "status"),
    ".column.watch": ("install", "load", "uninstall"),
    ".connect.loader": ("loadable_path",),
    ".connect.rows": ("decode_rows",),
    ".errors": (
        "ChangedValueError",
        "DamagedFrameError",
        "DatabaseError",
        "DiskSpaceError",
        "LoadError",
        "MetadataError",
        "MissingDictionaryError",
        "NotCompressedError",
        "OptionError",
        "SizeLimitError",
        "StorageError",
        "SupersededError",
        "UnsupportedFrameError",
        "WorkerError",
        "WrongTypeError",
        "ZblobError",
        "ZblobWarning",
    ),
    ".migration.maintain": ("maintain",),
    ".migration.migrate": ("compress_store", "migrate", "restore"),
    ".migration.reports": (
        "ColumnMaintenance",
        "Damage",
        "Failure",
        "MaintenanceReport",
        "Progress",
        "Report",
        "VerifyReport",
    ),
    ".migration.salvage": ("SalvagedRow", "salvage_rows"),
    ".migration.verify": ("verify",),
    ".parts.stream": ("open_blob",),
    ".parts.write": ("write_stream",),
    ".holes": ("Hole", "Salvaged", "salvage"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("exchange", "images", "shards"):
        return import_module(f".{name}", __name__)
    if name == "dask":
        value: Any = import_module(".integrations.dask", __name__)
    elif name == "__version__":
        value = import_module(".codec", __name__).VERSION
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name], __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
