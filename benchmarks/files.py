"""Real files of each kind, which packages ship, as frames: bytes against a pickle of the same pixels (protocol 5).

    python -m benchmarks.files [FOLDER...]     a Markdown table, as in docs/files.md

Looked for in the installed packages and in the folders, for example unpacked source packages of Pillow, nibabel,
mrcfile, pydicom-data, astropy, photutils, nilearn, torchio and imageio, whose tests have many. Only files of at least
16 KB with one image count: of each kind the largest 20 below 32 MB.

Where packages ship fewer of a kind, the reference writer of that kind (SimpleITK, nibabel, mrcfile, astropy, Pillow,
tifffile, NumPy, pickle, joblib) writes real images from the other files, until there are 20. So are all pickles made,
those of itk and torch only where these are installed.

Each file is compressed as it is and read back byte for byte; its pixels are those of the pickle. Of both frames counts
what they have more than their value without the image as a frame of its own. The geometry is compared with what
SimpleITK, nibabel or mrcfile read, or had when they wrote: of how many files, and of how many it is the same.
"""

from __future__ import annotations

import io
import pickle
import statistics
import struct
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import joblib
import mrcfile
import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk
import tifffile
from astropy.io import fits
from PIL import Image

import sqlite_zblob as zb
from sqlite_zblob import images
from sqlite_zblob.readings import slice_places

try:
    itk, torch = import_module("itk"), import_module("torch")
except ImportError:  # They are large. Without them, there are no pickles of theirs.
    itk = torch = None  # type: ignore[assignment]

PACKAGES = Path(np.__file__).parent.parent
SMALLEST, LARGEST, MOST = 16 << 10, 32 << 20, 20
SUFFIXES = {
    *(".dcm", ".nii", ".nrrd", ".mha", ".mrc", ".mrcs", ".map", ".ccp4", ".rec", ".st", ".tif", ".tiff", ".pgm"),
    *(".ppm", ".pam", ".pnm", ".bmp", ".dib", ".fits", ".fit", ".npy", ".npz"),
}
VOLUMES = {".gz", ".nii", ".dcm", ".mha", ".nrrd"}  # which SimpleITK reads
OWN_NAMES = {"BMP", "BMP, rows padded", "TIFF, tiles", "TIFF, pages"}  # pictures' widths say which of them a file is
Geometry = tuple[Any, Any]  # steps between pixels, as columns of a matrix, and the origin: in SimpleITK's coordinates
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif"}  # which Pillow reads


@dataclass
class Kind:
    """What was measured of the files of a kind: (bytes, bytes of the frame for the pixels, of the pickle's frame)."""

    rows: list[tuple[int, int, int]] = field(default_factory=list)
    made: int = 0
    compared: int = 0
    same: int = 0


# ---- Files -------------------------------------------------------------------------------------------------


def paths(folders: list[Path], suffixes: set[str], least: int) -> Iterator[Path]:
    """The largest first, each content once."""
    every = {path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in suffixes}
    seen = set()
    for path in sorted((path for path in every if path.is_file()), key=lambda path: (-path.stat().st_size, path)):
        if least <= path.stat().st_size <= LARGEST:
            value = path.read_bytes()
            if value not in seen:
                seen.add(value)
                yield path


def volumes(folders: list[Path]) -> Iterator[sitk.Image]:
    """Real images of three axes or two, in different sizes and types."""
    seen = set()
    for path in paths(folders, VOLUMES, 1 << 10):
        try:
            image = sitk.ReadImage(str(path))
        except RuntimeError:
            continue
        array = sitk.GetArrayViewFromImage(image)
        key = (image.GetSize(), image.GetPixelIDTypeAsString())
        is_scalar = (
            image.GetDimension() <= 3 and array.dtype.kind in "iuf" and image.GetNumberOfComponentsPerPixel() == 1
        )
        if is_scalar and SMALLEST <= array.nbytes <= 8 << 20 and key not in seen:
            seen.add(key)
            yield image


def pictures(folders: list[Path]) -> Iterator[Image.Image]:
    for path in paths(folders, PICTURES, 4 << 10):
        try:
            with Image.open(path) as picture:
                if picture.mode in ("L", "RGB") and SMALLEST <= np.asarray(picture).nbytes <= 8 << 20:
                    yield picture.copy()
        except (OSError, ValueError, Image.DecompressionBombError):
            continue


def written(suffix: str, write: Callable[[str], Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        write(str(path))
        return path.read_bytes()


def as_nifti(image: sitk.Image, kind: Any = nibabel.Nifti1Image) -> Any:
    """In nibabel's coordinates, with the geometry of the image."""
    axes, array = image.GetDimension(), sitk.GetArrayFromImage(image)
    affine = np.eye(4)
    affine[:axes, :axes] = np.reshape(image.GetDirection(), (axes, axes)) * image.GetSpacing()
    affine[:axes, 3] = image.GetOrigin()
    return kind(array.T, np.diag([-1, -1, 1, 1]) @ affine, dtype=array.dtype)


def mrc(image: sitk.Image) -> bytes | None:
    array = sitk.GetArrayFromImage(image)
    if array.dtype not in (np.int8, np.int16, np.uint16, np.float32):
        return None

    def write(path: str) -> None:
        with mrcfile.new(path) as file:
            file.set_data(array)
            file.voxel_size = (*image.GetSpacing(), 1.0)[:3]

    return written(".mrc", write)


def itk_pickle(image: sitk.Image) -> bytes | None:
    array = sitk.GetArrayFromImage(image)
    if itk is None or array.dtype not in (np.uint8, np.int16, np.float32):
        return None
    made = itk.image_from_array(array)
    axes = image.GetDimension()
    made.SetSpacing(image.GetSpacing())
    made.SetOrigin(image.GetOrigin())
    made.SetDirection(np.reshape(image.GetDirection(), (axes, axes)))
    return pickle.dumps(made)


def torch_file(image: sitk.Image) -> bytes | None:
    if torch is None:
        return None
    tensor = torch.from_numpy(array_of(image))
    return in_memory(lambda out: torch.save({"image": tensor}, out))


def torch_pickle(image: sitk.Image) -> bytes | None:
    return pickle.dumps(torch.from_numpy(array_of(image))) if torch else None


def in_memory(save: Callable[[io.BytesIO], Any]) -> bytes:
    out = io.BytesIO()
    save(out)
    return out.getvalue()


def array_of(image: sitk.Image) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = sitk.GetArrayFromImage(image)
    return array


def tiff_pages(image: sitk.Image) -> bytes | None:
    """With directories between them, as libtiff and nearly all programs write them."""
    array = array_of(image)
    if array.ndim != 3 or array.dtype.kind not in "iu":
        return None
    return written(".tif", lambda path: sitk.WriteImage(sitk.GetImageFromArray(array), path, False))


OF_VOLUMES: dict[str, Callable[[sitk.Image], bytes | None]] = {
    "NIfTI-1": lambda image: bytes(as_nifti(image).to_bytes()),
    "NIfTI-2": lambda image: bytes(as_nifti(image, nibabel.Nifti2Image).to_bytes()),
    "NRRD": lambda image: written(".nrrd", lambda path: sitk.WriteImage(image, path, False)),
    "MetaImage": lambda image: written(".mha", lambda path: sitk.WriteImage(image, path, False)),
    "MRC": mrc,
    "FITS": lambda image: in_memory(lambda out: fits.PrimaryHDU(array_of(image)).writeto(out)),
    "npy": lambda image: in_memory(lambda out: np.save(out, array_of(image))),
    "npz": lambda image: in_memory(lambda out: np.savez(out, array_of(image))),
    "SimpleITK, pickled": pickle.dumps,
    "SimpleITK, pickled in protocol 2": lambda image: pickle.dumps(image, 2),
    "itk, pickled": itk_pickle,
    "nibabel, pickled": lambda image: pickle.dumps(as_nifti(image)),
    "NumPy, pickled in protocol 2": lambda image: pickle.dumps(array_of(image), 2),
    "NumPy, by joblib.dump": lambda image: in_memory(lambda out: joblib.dump(array_of(image), out)),
    "torch, by torch.save": torch_file,
    "torch, pickled": torch_pickle,
    "TIFF, pages": tiff_pages,
}
OF_PICTURES: dict[str, Callable[[Image.Image], bytes | None]] = {
    "PNM": lambda picture: in_memory(lambda out: picture.save(out, "PPM")),
    "BMP": lambda picture: in_memory(lambda out: picture.save(out, "BMP")),
    "BMP, rows padded": lambda picture: in_memory(lambda out: picture.save(out, "BMP")),
    "TIFF, tiles": lambda picture: in_memory(lambda out: tifffile.imwrite(out, np.asarray(picture), tile=(64, 64))),
}


# ---- Measuring ---------------------------------------------------------------------------------------------


def kind_of(value: bytes) -> tuple[str, zb.ImageInfo] | None:
    """Of a value with one image: what the table calls it."""
    found = zb.info(value).images
    if len(found) != 1:
        return None
    if found[0].source == "guess":
        starts = {b"BM": "BMP, rows padded", b"II": "TIFF, tiles", b"MM": "TIFF, tiles"}
        return (starts[value[:2]], found[0]) if value[:2] in starts else None
    if found[0].row_padding:
        return "BMP, rows padded", found[0]
    if found[0].has_pieces:
        return "TIFF, tiles" if any(found[0].tile) else "TIFF, pages", found[0]
    if found[0].source == "NIfTI":
        return f"NIfTI-{2 if 540 in struct.unpack('<i', value[:4]) + struct.unpack('>i', value[:4]) else 1}", found[0]
    return found[0].source, found[0]


def pixels_of(value: bytes, image: zb.ImageInfo) -> np.ndarray[Any, Any]:
    """Where the grid is the memory's and not the picture's, as the reference reader has them."""
    if image.source != "guess":
        return images.read_array(value)
    read: Any = np.asarray(Image.open(io.BytesIO(value))) if value[:2] == b"BM" else tifffile.imread(io.BytesIO(value))
    return np.asarray(read)


def add(kind: Kind, value: bytes, image: zb.ImageInfo, geometry: Geometry | None = None) -> None:
    array = pixels_of(value, image)
    pickled = pickle.dumps(array, 5)
    frame, other = zb.compress(value), zb.compress(pickled)
    assert zb.decompress(frame) == value
    if image.source != "guess":
        assert images.read_array(frame).tobytes() == images.read_array(other).tobytes() == array.tobytes()
    kind.rows.append(
        (len(value), len(frame) - rest(value, image), len(other) - rest(pickled, zb.info(pickled).images[0]))
    )
    geometry = geometry or reference(value, image)
    kind.compared += geometry is not None
    kind.same += geometry is not None and is_same(image, geometry)


def rest(value: bytes, image: zb.ImageInfo) -> int:
    """What the bytes around the image take as a value of their own."""
    padding = prod(image.size[1:]) * image.row_padding
    at, parts = 0, []
    places, size = slice_places(image)
    for place in places:
        parts.append(value[at:place])
        at = place + (image.text_size or size + padding)
    return len(zb.compress(b"".join([*parts, value[at:]])))


# ---- Geometry ----------------------------------------------------------------------------------------------


def reference(value: bytes, image: zb.ImageInfo) -> Geometry | None:
    """What the reference reader says. None: there is no such reader, or it cannot read the file."""
    reader = {"NIfTI": of_nibabel, "MRC": of_mrcfile, "DICOM": of_itk, "NRRD": of_itk, "MetaImage": of_itk}
    suffix = {"NIfTI": ".nii", "MRC": ".mrc", "DICOM": ".dcm", "NRRD": ".nrrd", "MetaImage": ".mha"}
    if image.source not in reader or value[:1] == b"\x80":
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix[image.source]}"
        path.write_bytes(value)
        try:
            return reader[image.source](path)
        except RuntimeError:  # SimpleITK cannot read some DICOM files
            return None


def of_image(image: sitk.Image) -> Geometry:
    axes = image.GetDimension()
    return np.reshape(image.GetDirection(), (axes, axes)) * image.GetSpacing(), np.array(image.GetOrigin())


def of_itk(path: Path) -> Geometry:
    return of_image(sitk.ReadImage(str(path)))


def of_nibabel(path: Path) -> Geometry:
    """The first three axes; nibabel's x and y run the other way."""
    turned = np.diag([-1, -1, 1, 1]) @ nibabel.load(path).affine
    return turned[:3, :3], turned[:3, 3]


def of_mrcfile(path: Path) -> Geometry:
    with mrcfile.open(path, permissive=True) as file:
        steps = [float(file.voxel_size[axis]) or 1 for axis in ("x", "y", "z")]
    return np.diag(steps), None


def is_same(image: zb.ImageInfo, geometry: Geometry) -> bool:
    """Of the axes that both have; colours by plane are an axis that SimpleITK does not count."""
    if not image.spacing or not image.direction or not image.origin:
        return False
    axes = image.dimension
    steps = np.reshape(image.direction, (axes, axes)) * image.spacing
    kept = [axis for axis in range(axes) if not (image.source == "DICOM" and axes == 4 and axis == 2)]
    steps, origin = steps[np.ix_(kept, kept)], np.array(image.origin)[kept]
    both = min(len(kept), len(geometry[0]))
    pairs = [(steps, geometry[0])] + ([(origin, geometry[1])] if geometry[1] is not None else [])
    return all(
        np.allclose(ours[(slice(both),) * ours.ndim], other[(slice(both),) * other.ndim], rtol=1e-5, atol=1e-5)
        for ours, other in pairs
    )


# ---- All kinds ---------------------------------------------------------------------------------------------


def measure(folders: list[Path]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = defaultdict(Kind)
    for path in paths(folders, SUFFIXES, SMALLEST):
        value = path.read_bytes()
        if found := kind_of(value):
            offer(kinds, found[0], value)
        if found and found[0] == "DICOM":
            name, pickled = "pydicom, pickled", pickle.dumps(pydicom.dcmread(path, force=True))
            kinds[name].made += offer(kinds, name, pickled, reference(value, found[1]))
    for volume in volumes(folders):
        for name, write in OF_VOLUMES.items():
            made = write(volume) if len(kinds[name].rows) < MOST else None
            has_geometry = name.partition(",")[0] in (
                "NIfTI-1",
                "NIfTI-2",
                "NRRD",
                "MetaImage",
                "SimpleITK",
                "itk",
                "nibabel",
            )
            kinds[name].made += offer(kinds, name, made, of_image(volume) if has_geometry else None)
    for picture in pictures(folders):
        for name, write_picture in OF_PICTURES.items():
            made = write_picture(picture) if len(kinds[name].rows) < MOST else None
            kinds[name].made += offer(kinds, name, made)
    return kinds


def offer(kinds: dict[str, Kind], name: str, value: bytes | None, geometry: Geometry | None = None) -> bool:
    """Is the value one of the kind, of which there are not yet enough?"""
    found = kind_of(value) if value and len(kinds[name].rows) < MOST else None
    if value is None or found is None or (name in OWN_NAMES and found[0] != name):
        return False
    add(kinds[name], value, found[1], geometry)
    return True


def main() -> None:
    warnings.simplefilter("ignore")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    kinds = measure([PACKAGES, *map(Path, sys.argv[1:])])
    print(
        "| source | files | of them written | geometry the same | bytes | all frames | median of the files | largest |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, kind in sorted(kinds.items()):
        if kind.rows:
            files, frames, pickles = (sum(column) for column in zip(*kind.rows, strict=True))
            ratios = [frame / other for _, frame, other in kind.rows]
            about = f"{len(ratios)} | {kind.made} | {kind.same} of {kind.compared} | {files:,} | {frames / pickles:.4f}"
            print(f"| {name} | {about} | {statistics.median(ratios):.4f} | {max(ratios):.4f} |")


if __name__ == "__main__":
    main()
