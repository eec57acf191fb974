"""A store of single-slice DICOM files: how large the database is with plain files, zstd, JPEG-LS in DICOM, and ours.

    python benchmarks/dicom_store.py VOLUME... [--slices 500] [--level 5] [--out FILE.md]

Each VOLUME is one that SimpleITK reads; its slices along z become files with the elements of a CT test file of pydicom.
JPEG-LS is lossless, by imagecodecs. "pixels, pickled" are the same slices as NumPy arrays in frames, without any file
around them. Frames are decompressed and compared.
"""

from __future__ import annotations

import argparse
import io
import pickle
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

import sqlite_zblob as zb


def slices(volumes: list[Path]) -> Iterator[tuple[pydicom.FileDataset, np.ndarray[Any, Any]]]:
    """Data sets without pixels, and their pixels, of 16 bits."""
    for path in volumes:
        image = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkInt16)
        series = generate_uid()
        for number, pixels in enumerate(sitk.GetArrayFromImage(image)):
            file = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
            file.SeriesInstanceUID, file.SOPInstanceUID, file.InstanceNumber = series, generate_uid(), number
            file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
            file.Rows, file.Columns = pixels.shape
            file.ImagePositionPatient = list(image.TransformIndexToPhysicalPoint((0, 0, number)))
            file.PixelSpacing = [image.GetSpacing()[1], image.GetSpacing()[0]]
            yield file, pixels


def plain(file: pydicom.FileDataset, pixels: np.ndarray[Any, Any]) -> bytes:
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.PixelData = pixels.tobytes()
    return saved(file)


def jpegls(file: pydicom.FileDataset, pixels: np.ndarray[Any, Any]) -> bytes:
    """JPEG-LS knows no signs: samples are shifted, as DICOM's rescale intercept would say."""
    file.file_meta.TransferSyntaxUID = JPEGLSLossless
    file.PixelRepresentation, file.RescaleIntercept = 0, int(file.RescaleIntercept) + int(pixels.min())
    samples = (pixels.astype(np.int32) - pixels.min()).astype(np.uint16)
    file.PixelData = encapsulate([bytes(imagecodecs.jpegls_encode(samples))])
    file["PixelData"].VR = "OB"
    file["PixelData"].is_undefined_length = True
    return saved(file)


def saved(file: pydicom.FileDataset) -> bytes:
    out = io.BytesIO()
    file.save_as(out)
    return out.getvalue()


def database_size(values: list[bytes]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE files(uid TEXT PRIMARY KEY, data BLOB)")
            connection.executemany(
                "INSERT INTO files VALUES (?, ?)", ((f"1.2.{i}", value) for i, value in enumerate(values))
            )
        connection.close()
        return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volumes", type=Path, nargs="+")
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = list(islice(slices(options.volumes), options.slices))
    files = [plain(file, pixels) for file, pixels in found]

    def frames(values: list[bytes], **more: Any) -> list[bytes]:
        made = [zb.compress(value, options.level, **more) for value in values]
        assert [zb.decompress(frame) for frame in made] == values
        return made

    methods: dict[str, Callable[[], list[bytes]]] = {
        "plain DICOM files": lambda: files,
        f"zstd, level {options.level}": lambda: frames(files, codec="zstd"),
        "JPEG-LS in DICOM": lambda: [jpegls(file, pixels) for file, pixels in found],
        f"frames, level {options.level}": lambda: frames(files),
        "pixels, pickled, in frames": lambda: frames([pickle.dumps(pixels) for _, pixels in found]),
    }
    lines = [f"{len(files)} DICOM files of one slice each", "", "| | database, MB | ratio |", "|---|---|---|"]
    sizes = {name: database_size(make()) for name, make in methods.items()}
    first = next(iter(sizes.values()))
    lines += [f"| {name} | {size / 1e6:.2f} | {first / size:.2f} |" for name, size in sizes.items()]
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
