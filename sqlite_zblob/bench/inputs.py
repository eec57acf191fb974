"""What to measure on: the images of installed packages, of a folder, or of a column of the user's own database.

Values of a database are read only and never unpickled: where their samples lie is read from their headers.
"""

from __future__ import annotations

import csv
import hashlib
import math
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from ..codec import ImageInfo, info
from ..connect.loader import load
from ..errors import ZblobError
from ..readings import flat_samples
from .samples import find_samples

SUFFIXES = (".mha", ".mhd", ".nii", ".nii.gz", ".nrrd", ".dcm", ".tif", ".tiff", ".png")
MOST_DATABASE_BYTES = 400_000_000  # of values that are taken from a database
QUICK_BYTES = 1_500_000  # of each image in a quick run: its central slices
QUICK_COUNT = 6
TYPICAL_SIZE = 9_100_000  # bytes: 188 x 256 x 190 samples of 8 bits
Found = tuple[str, str, bytes, str]  # name, modality, value, where to get it
_LABELS = ("label", "mask", "segmentation")


@dataclass(frozen=True)
class Subject:
    """One value to measure with, in a file of its own, and the one image in it."""

    name: str
    modality: str
    path: Path  # of the value
    size: int  # bytes of the value
    image: ImageInfo
    source: str = ""  # where to get it, if that is known
    may_unpickle: bool = False  # a pickle of SimpleITK's that this program made itself

    @property
    def pixel_type(self) -> str:
        return self.image.pixel_type

    @property
    def content(self) -> str:
        """The kind of content, which decides what codecs reach: "labels", "floats" or "scans"."""
        if any(word in self.modality.lower() for word in _LABELS):
            return "labels"
        return "floats" if np.dtype(self.pixel_type).kind == "f" else "scans"

    @property
    def raw_size(self) -> int:
        """Bytes of the samples alone."""
        return int(np.prod(self.image.size)) * self.image.components * np.dtype(self.pixel_type).itemsize

    def value(self) -> bytes:
        return self.path.read_bytes()

    def array(self) -> Any:
        """The samples as an array: the slowest axis first, the components of a pixel last."""
        return array_of(self.value(), self.image)

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "modality": self.modality,
            "content": self.content,
            "pixel_type": self.pixel_type + (f" x {self.image.components}" if self.image.components > 1 else ""),
            "size": list(self.image.size),
            "bytes": self.raw_size,
            "source": self.source,
        }


def array_of(value: bytes, image: ImageInfo) -> Any:
    shape = image.size[::-1] + ((image.components,) if image.components > 1 else ())
    found = flat_samples(value, image).reshape(shape)
    return found if found.flags.aligned else found.copy()  # some codecs take no samples at odd addresses


def image_of(array: Any, image: ImageInfo) -> Any:
    """A SimpleITK image of these samples with this geometry."""
    import SimpleITK

    sitk: Any = SimpleITK
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    made = sitk.GetImageFromArray(native, isVector=image.components > 1)
    if image.spacing and len(image.spacing) == made.GetDimension():
        made.SetSpacing(image.spacing)
        made.SetOrigin(image.origin)
        made.SetDirection(image.direction)
    return made


def find_subjects(source: Path | None, column: str | None, work: Path, quick: bool) -> list[Subject]:
    """Write the values to measure with into the folder `work`.

    :raises ZblobError: there are none.
    """
    if source is None:
        found = _from_packages()
    elif source.is_dir():
        found = _from_folder(source)
    else:
        found = _from_database(source, column)
    subjects = []
    for name, modality, value, origin in found:
        images = info(value).images
        if len(images) != 1:
            continue
        is_own = images[0].source == "SimpleITK" and (source is None or source.is_dir())
        subject = _write(work, name, modality, value, origin, is_own)
        if quick and subject.raw_size > QUICK_BYTES:
            part = image_of(central(subject.array(), QUICK_BYTES), subject.image)
            subject = _write(work, name, modality, pickle.dumps(part), origin, True)
        subjects.append(subject)
        if quick and len(subjects) == QUICK_COUNT:
            break
    if not subjects:
        raise ZblobError(f"there is no image to measure with in {source or 'the installed packages'}")
    return subjects


def _write(work: Path, name: str, modality: str, value: bytes, origin: str, is_own: bool) -> Subject:
    path = work / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.value"
    path.write_bytes(value)
    return Subject(name, modality, path, len(value), info(value).images[0], origin, is_own)


def from_typical(subject: Subject) -> float:
    """How far its size is from TYPICAL_SIZE, up or down: the logarithm of the factor."""
    return abs(math.log(subject.size / TYPICAL_SIZE))


def typical_scan(subjects: list[Subject]) -> Subject:
    return min([subject for subject in subjects if subject.content == "scans"] or subjects, key=from_typical)


def central(array: Any, most_bytes: int) -> Any:
    """The middle part of an array along its slowest axis: at most this many bytes, but at least one slice."""
    count = max(1, len(array) * most_bytes // max(1, array.nbytes))
    start = (len(array) - count) // 2
    return array if count >= len(array) else array[start : start + count]


def _from_packages() -> Iterator[Found]:
    for sample in find_samples():
        yield sample.name, sample.name.partition("(")[0].strip(), sample.value, "installed package"


def _from_folder(folder: Path) -> Iterator[Found]:
    """Images that SimpleITK reads. A file index.tsv may describe them, with columns `id`, `modality` and `source`."""
    import SimpleITK

    sitk: Any = SimpleITK
    index = folder / "index.tsv"
    told: dict[str, dict[str, str]] = {}
    if index.exists():
        with index.open(newline="") as file:
            told = {row.get("id", ""): row for row in csv.DictReader(file, delimiter="\t")}
    for path in sorted(path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES)):
        image = sitk.ReadImage(str(path))
        name = path.name.split(".")[0]
        in_file = image.GetMetaData("0008|0060").strip() if image.HasMetaDataKey("0008|0060") else "image"
        about = told.get(name, {})
        yield name, about.get("modality", in_file), pickle.dumps(image), about.get("source", "")


def _from_database(path: Path, column: str | None) -> Iterator[Found]:
    table, _, name = (column or "").rpartition(".")
    if not (table and name):
        raise ZblobError("say which column holds the images: --column TABLE.COLUMN")
    if not path.exists():
        raise ZblobError(f"there is no file {path}")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    load(connection)
    quoted = [f'"{part.replace(chr(34), 2 * chr(34))}"' for part in (name, table)]
    taken = 0
    # With the table before it, SQLite does not take the name of no column for a text.
    for i, (value,) in enumerate(connection.execute("SELECT zdecompress({1}.{0}) FROM {1}".format(*quoted))):
        if isinstance(value, bytes) and info(value).images:
            yield f"row {i + 1}", "image", value, ""
            taken += len(value)
            if taken > MOST_DATABASE_BYTES:
                return
