"""A row as files that other programs read: frames as they are, NIfTI, NRRD, raw voxels with JSON beside them.

Each image is one file, with a second one for raw voxels; the images of a row that has several are numbered. The mark,
which is written last, says that the row is complete.
"""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zlib
from math import prod
from pathlib import Path
from typing import Any

from ..codec import DEFAULT_MAX_SIZE, checksum, compress, decompress, find_damages, has_magic
from ..errors import DamagedFrameError, OptionError
from .names import MARKS, Key, key_of, name_of
from .objects import Objects
from .rows import RowResult, Stored, Target, describe, mark_of

SUFFIXES = {"frames": ".zblob", "nifti": ".nii.gz", "nrrd": ".nrrd", "raw": ".json"}
_SQL_TYPES: dict[type, str] = {type(None): "NULL", str: "TEXT", int: "INTEGER", float: "REAL"}
NUMBERED = "=n"  # and a number, after the name of a row that has several images


def write_row(objects: Objects, key: Key, stored: Stored, target: Target) -> RowResult:
    """Write the files of a row, unless they are there.

    :raises OptionError: the value is none that such files hold.
    :raises DamagedFrameError: it is damaged, or what was written does not come back.
    """
    name, mark = name_of(key), mark_of(stored)
    before = (objects.requests, objects.sent)
    mark_name = f"{MARKS}/{target.kind}/{name}"
    marked, _, names = _mark_at(objects, mark_name).partition("\n")
    if marked == mark:
        return RowResult(key, skipped=True, requests=objects.requests - before[0])
    if not isinstance(stored, bytes):
        raise OptionError(f"{_SQL_TYPES[type(stored)]} is no BLOB: zarr: takes every value")
    files = {name + suffix: data for suffix, data in _files_of(stored, target.kind).items()}
    for each, data in files.items():
        objects.put(each, data)
        if target.verify and objects.get(each) != data:
            raise DamagedFrameError(f"{objects.url}/{each} does not hold what was written")
    for each in set(names.split()) - set(files):  # of what the row was before
        objects.delete(each)
    objects.put(mark_name, "\n".join([mark, *files]).encode())
    is_copy = target.kind == "frames"
    if is_copy and target.verify and (damages := find_damages(stored)):
        raise DamagedFrameError(damages[0][1])
    return RowResult(
        key,
        raw_bytes=describe(stored).raw_size,
        moved_bytes=objects.sent - before[1],
        requests=objects.requests - before[0],
        copied_chunks=int(is_copy),
        coded_chunks=int(not is_copy),
    )


def _mark_at(objects: Objects, name: str) -> str:
    """What a complete row was made of, and on further lines its files; empty where there is none."""
    try:
        return objects.get(name).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _files_of(stored: bytes, kind: str) -> dict[str, bytes]:
    """The files of a row by what follows its name."""
    if kind == "frames":
        return {SUFFIXES[kind]: stored}
    value = decompress(stored)
    if isinstance(value, bytes) and has_magic(value):  # a program's own frame, of a virtual table
        value = decompress(value)
    found = describe(value).images if isinstance(value, bytes) else ()
    images = [at for at, each in enumerate(found) if not each.is_guess]
    if not isinstance(value, bytes) or not images:
        raise OptionError("the value holds no image: zarr: takes every value")
    made: dict[str, bytes] = {}
    for number, image in enumerate(images):
        place = f"{NUMBERED}{number}" if len(images) > 1 else ""
        made |= {place + suffix: data for suffix, data in _WRITERS[kind](value, image).items()}
    return made


def _raw_files(value: bytes, at: int) -> dict[str, bytes]:
    image = describe(value).images[at]
    if image.order == "K" or not image.is_plain:
        raise OptionError("an image's samples are not in the order of an array: zarr: takes every value")
    import numpy as np

    size = prod(image.size) * image.components * np.dtype(image.pixel_type).itemsize
    about = {
        "shape": [*reversed(image.size), *([image.components] if image.components > 1 else [])],
        "dtype": image.pixel_type,
        "byte_order": image.byte_order,
        "order": image.order,  # "F": reverse the axes to have those of the NumPy array
        "spacing": image.spacing,
        "origin": image.origin,
        "direction": image.direction,
        "xxh3": f"{checksum(value[image.value_offset : image.value_offset + size]):016x}",
    }
    samples = value[image.value_offset : image.value_offset + size]
    return {".raw": samples, ".json": json.dumps(about, indent=1).encode()}


def _sitk_files(suffix: str) -> Any:
    def write(value: bytes, at: int) -> dict[str, bytes]:
        import numpy as np
        import SimpleITK as sitk

        from ..images import read_sitk

        image = read_sitk(value, at)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / f"value{suffix}")
            try:
                sitk.WriteImage(image, path, useCompression=True)
                again = sitk.ReadImage(path)
            except RuntimeError as error:
                raise OptionError(f"SimpleITK cannot write this image as {suffix}: {str(error).strip()}") from error
            arrays = [sitk.GetArrayViewFromImage(each) for each in (image, again)]
            same = arrays[0].dtype == arrays[1].dtype and arrays[0].shape == arrays[1].shape
            if not same or not np.array_equal(arrays[0], arrays[1], equal_nan=arrays[0].dtype.kind in "fc"):
                raise OptionError(f"a {suffix} file would not hold these voxels as they are: take another format")
            return {suffix: Path(path).read_bytes()}

    return write


_WRITERS: dict[str, Any] = {
    "raw": _raw_files,
    "nifti": _sitk_files(".nii.gz"),
    "nrrd": _sitk_files(".nrrd"),
}


# ---- Reading -----------------------------------------------------------------------------------------------


def names_in(objects: Objects, kind: str) -> list[str]:
    suffix = SUFFIXES[kind]
    return sorted(each.removesuffix(suffix) for each in objects.sizes() if each.endswith(suffix) and "/" not in each)


def read_row(objects: Objects, name: str, target: Target) -> RowResult:
    """The value that a file becomes: a frame as it is; otherwise a file that is recognised as an image, compressed.

    :raises DamagedFrameError: it is damaged.
    :raises OptionError: it is a part of a row.
    """
    row, numbered, image = name.rpartition(NUMBERED)
    if numbered and image.isdigit():
        raise OptionError(f"it is image {image} of several in the row {row}: zarr: and frames: give whole rows back")
    before = (objects.requests, objects.received)
    data = objects.get(name + SUFFIXES[target.kind])
    is_checked = True
    if target.kind == "frames":
        stored = data
        is_checked = not target.verify or not describe(stored).dictionary_id
        if target.verify and is_checked and (damages := find_damages(stored)):
            raise DamagedFrameError(f"{objects.url}/{name}.zblob: {damages[0][1]}")
    else:
        stored = compress(_READERS[target.kind](objects, name, data), target.level)
    return RowResult(
        key_of(name),
        raw_bytes=describe(stored).raw_size,
        moved_bytes=objects.received - before[1],
        requests=objects.requests - before[0],
        copied_chunks=int(target.kind == "frames"),
        coded_chunks=int(target.kind != "frames"),
        stored=stored,
        is_checked=is_checked,
    )


def _read_nifti(_: Objects, name: str, data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            found = file.read(DEFAULT_MAX_SIZE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFrameError(f"{name}.nii.gz is damaged: {error}") from error
    if len(found) > DEFAULT_MAX_SIZE:
        raise DamagedFrameError(f"{name}.nii.gz holds more than {DEFAULT_MAX_SIZE} bytes")
    return found


def _read_nrrd(_: Objects, name: str, data: bytes) -> bytes:
    """The same image without compression, which the codec can take."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        source, plain = (str(Path(folder) / each) for each in ("value.nrrd", "plain.nrrd"))
        Path(source).write_bytes(data)
        try:
            sitk.WriteImage(sitk.ReadImage(source), plain, useCompression=False)
        except RuntimeError as error:
            raise DamagedFrameError(f"{name}.nrrd cannot be read: {str(error).strip()}") from error
        return Path(plain).read_bytes()


def _read_raw(objects: Objects, name: str, data: bytes) -> bytes:
    import numpy as np

    try:
        about = json.loads(data)
        dtype = np.dtype(about["dtype"]).newbyteorder("<" if about["byte_order"] == "little" else ">")
        samples = objects.get(f"{name}.raw")
        if f"{checksum(samples):016x}" != about["xxh3"]:
            raise DamagedFrameError(f"{name}.raw is not what {name}.json says: its checksum differs")
        array = np.frombuffer(samples, dtype).reshape(about["shape"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFrameError(f"{name}.json makes no sense: {error!r}") from error
    buffer = io.BytesIO()
    np.save(buffer, array.T if about.get("order") == "F" else array, allow_pickle=False)
    return buffer.getvalue()


_READERS: dict[str, Any] = {"nifti": _read_nifti, "nrrd": _read_nrrd, "raw": _read_raw}
