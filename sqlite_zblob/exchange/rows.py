"""What one row becomes outside the database and back: plain data that goes to workers and comes back from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..codec import FrameInfo, checksum, compress, compress_pickle, find_damages, info
from ..descriptions import ImageInfo
from ..errors import DamagedFrameError
from .names import Key

Stored = bytes | str | int | float | None  # a value as the database has it


@dataclass(frozen=True)
class Target:
    """Where rows go to or come from."""

    kind: str  # "zarr", "frames", "nifti", "nrrd" or "raw"
    url: str
    codec: str = "zblob"  # of Zarr arrays: "zblob" or "zstd"
    level: int = 5
    verify: bool = True
    patience: float = 60.0


@dataclass(frozen=True)
class RowResult:
    """What became of one row."""

    key: Key
    skipped: bool = False  # it was there already
    error: str | None = None
    raw_bytes: int = 0
    moved_bytes: int = 0  # sent to or received from the storage
    requests: int = 0
    copied_chunks: int = 0  # as they were stored, without decoding
    coded_chunks: int = 0
    stored: Any = None  # import: the value
    is_checked: bool = True  # import: False: it needs a dictionary, which only the database has


def describe(stored: bytes) -> FrameInfo:
    return info(stored)


def only_image(about: FrameInfo) -> ImageInfo | None:
    """The one image of a value, if it can be an array."""
    images = [each for each in about.images if not each.is_guess]
    if len(images) != 1 or images[0].order == "K" or not images[0].is_plain:
        return None
    return images[0]


def settings_of(about: FrameInfo) -> dict[str, Any]:
    """How a value was stored: enough to store it so again."""
    return {
        "compressed": about.frame,
        "level": about.level or 5,
        "envelope": about.envelope,
        "for_column": about.for_column,
    }


def store_again(raw: bytes | str, settings: dict[str, Any]) -> Stored:
    """The value as it was stored, coded anew."""
    if not settings["compressed"]:
        return raw
    if settings["envelope"] == "pickle" and isinstance(raw, bytes):
        return compress_pickle(raw, settings["level"])
    return compress(raw, settings["level"], for_column=settings["for_column"])


def require_whole(stored: Stored) -> None:
    """:raises DamagedFrameError: it is a damaged frame, or one whose dictionary is not at hand."""
    if isinstance(stored, bytes) and (damages := find_damages(stored)):
        raise DamagedFrameError(damages[0][1])


def mark_of(stored: Stored) -> str:
    """The same for as long as the value is."""
    if isinstance(stored, bytes | str):
        data = stored if isinstance(stored, bytes) else stored.encode("utf-8", "surrogatepass")
        return f"{type(stored).__name__} {len(data)} {checksum(data):016x}"
    return repr(stored)
