"""Image files of every format that is recognised, as other libraries write them, with what their readers say."""

from __future__ import annotations

import io
import pickle
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import mrcfile
import nibabel
import numpy as np
import SimpleITK as sitk
import tifffile
from astropy.io import fits
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

SPACING = (0.75, 0.875, 2.5)
ORIGIN = (-12.5, 3.25, 88.0)
DIRECTION = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)  # row-major
PLANE = (0.8, -0.6, 0.6, 0.8)  # the same in two dimensions


@dataclass
class File:
    """`pixels` has the shape and the order of the file: slowest axis first, then components."""

    source: str
    value: bytes
    pixels: np.ndarray
    spacing: tuple[float, ...] | None = None
    origin: tuple[float, ...] | None = None
    direction: tuple[float, ...] | None = None


def scan(dtype: str = "i2", shape: tuple[int, ...] = (6, 40, 52)) -> np.ndarray:
    """Soft shapes and a little noise, within any type's range."""
    rng = np.random.default_rng(5)
    grids = np.ogrid[tuple(slice(extent) for extent in shape)]
    waves = sum(np.sin(grid / (5.0 + 3 * axis)) for axis, grid in enumerate(grids))
    return np.asarray((60 + 15 * waves + rng.normal(0, 1, shape)).astype(dtype))


def colours(shape: tuple[int, ...] = (40, 52)) -> np.ndarray:
    grey = scan("u1", shape)
    return np.stack([grey, grey + 20, 200 - grey], axis=-1)


def written(suffix: str, write: Any) -> bytes:
    """What `write(path)` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        write(path)
        return path.read_bytes()


# ---- DICOM ------------------------------------------------------------------------------------------------


def dicom(pixels: np.ndarray, syntax: UID = ExplicitVRLittleEndian, **more: Any) -> bytes:
    """One frame or several, of grey (..., rows, columns) or, with SamplesPerPixel, of colours."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, UID("1.2.3")
    coding = {"is_implicit_VR": syntax == ImplicitVRLittleEndian, "is_little_endian": syntax != ExplicitVRBigEndian}
    file = FileDataset("", {}, file_meta=meta, preamble=bytes(128), **coding)
    file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, "1.2.3"
    file.PatientName, file.Modality = "Doe^Jane", "CT"
    file.Rows, file.Columns = pixels.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 8 * pixels.itemsize
    file.HighBit = file.BitsStored - 1
    file.PixelRepresentation = int(pixels.dtype.kind == "i")
    file.PixelSpacing = [SPACING[1], SPACING[0]]
    file.ImagePositionPatient = list(ORIGIN)
    file.ImageOrientationPatient = [DIRECTION[0], DIRECTION[3], DIRECTION[6], DIRECTION[1], DIRECTION[4], DIRECTION[7]]
    file.SpacingBetweenSlices = SPACING[2]
    for name, value in more.items():
        setattr(file, name, value)
    element = {"f4": "FloatPixelData", "f8": "DoubleFloatPixelData"}.get(pixels.dtype.str[1:], "PixelData")
    setattr(file, element, pixels.tobytes() + bytes(pixels.nbytes % 2))
    if element == "PixelData":
        file["PixelData"].VR = "OW" if pixels.itemsize > 1 else "OB"
    out = io.BytesIO()
    file.save_as(out)
    return out.getvalue()


def dicom_files() -> Iterator[tuple[str, File]]:
    space = {"spacing": SPACING, "origin": ORIGIN, "direction": DIRECTION}
    for name, syntax in (("explicit", ExplicitVRLittleEndian), ("implicit", ImplicitVRLittleEndian)):
        for dtype in ("u1", "i1", "<i2", "<u2", "<i4", "<u4", "<f4", "<f8"):
            frame = scan(dtype)[:1]
            yield f"dicom {name} {dtype}", File("DICOM", dicom(frame[0], syntax), frame, **space)
        many = scan("<u2")
        value = dicom(many, syntax, NumberOfFrames=len(many), BitsStored=12, HighBit=11)
        yield f"dicom {name} frames", File("DICOM", value, many, **space)
    read: dict[str, Any] = {"BitsStored": 12, "HighBit": 11, "RescaleSlope": "0.5", "RescaleIntercept": "-3"}
    read["NominalScannedPixelSpacing"] = [1, 2]
    yield "dicom with a slope", File("DICOM", dicom(scan("<i2")[0], **read), scan("<i2")[:1], **space)
    big = scan(">i2")[:1]
    yield "dicom big-endian", File("DICOM", dicom(big[0], ExplicitVRBigEndian), big, **space)
    rgb: dict[str, Any] = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "Rows": 40, "Columns": 52}
    mixed = colours()[None]
    yield "dicom by pixel", File("DICOM", dicom(mixed, **rgb, PlanarConfiguration=0), mixed, **space)
    masks = np.packbits(scan("u1")[:, :, :48] > 100, axis=-1, bitorder="little")
    bits: dict[str, Any] = {
        "NumberOfFrames": len(masks),
        "Columns": 48,
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
    }
    yield "dicom bits", File("guess", dicom(masks, **bits), masks)
    planes = np.moveaxis(mixed, -1, 1).copy()
    value = dicom(planes, **rgb, PlanarConfiguration=1)
    turned = (*(0.8, -0.6, 0, 0), *(0.6, 0.8, 0, 0), *(0, 0, 1, 0), *(0, 0, 0, 1))
    place = (*ORIGIN[:2], 0.0, ORIGIN[2])
    yield "dicom by plane", File("DICOM", value, planes, (*SPACING[:2], 1.0, SPACING[2]), place, turned)


# ---- What ITK writes --------------------------------------------------------------------------------------


def itk_image(pixels: np.ndarray, *, is_vector: bool = False) -> sitk.Image:
    image = sitk.GetImageFromArray(pixels, isVector=is_vector)
    dimension = image.GetDimension()
    image.SetSpacing(SPACING[:dimension])
    image.SetOrigin(ORIGIN[:dimension])
    image.SetDirection(DIRECTION if dimension == 3 else PLANE)
    return image


def itk_files() -> Iterator[tuple[str, File]]:
    for suffix, source in ((".nrrd", "NRRD"), (".mha", "MetaImage")):
        for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"):
            for pixels in (scan(dtype), scan(dtype)[0]):
                yield f"{source} {dtype} {pixels.ndim}", itk_file(source, suffix, pixels)
        vectors = np.stack([scan("f4"), scan("f4") + 1], axis=-1)
        yield f"{source} vectors", itk_file(source, suffix, vectors, is_vector=True)
        yield f"{source} colours", itk_file(source, suffix, colours(), is_vector=True)


def itk_file(source: str, suffix: str, pixels: np.ndarray, *, is_vector: bool = False) -> File:
    image = itk_image(pixels, is_vector=is_vector)
    value = written(suffix, lambda path: sitk.WriteImage(image, str(path), False))
    return File(source, value, pixels, image.GetSpacing(), image.GetOrigin(), image.GetDirection())


# ---- NIfTI ------------------------------------------------------------------------------------------------

TURNED = np.array([[-0.72, 0.6, 0, 10.5], [0.54, 0.8, 0, -3.25], [0, 0, 2.5, 7], [0, 0, 0, 1]])  # RAS+


def nifti_files() -> Iterator[tuple[str, File]]:
    classes = {1: (nibabel.Nifti1Image, nibabel.Nifti1Header), 2: (nibabel.Nifti2Image, nibabel.Nifti2Header)}
    for version, (image, header) in classes.items():
        for order in "<>":
            for dtype in ("u1", "i2", "u2", "f4", "f8", "c8"):
                pixels = scan(dtype).astype(order + dtype)
                for form in ("sform", "qform"):
                    made = image(pixels.T, TURNED, header=header(endianness=order), dtype=pixels.dtype)
                    made.set_sform(TURNED if form == "sform" else None, int(form == "sform"))
                    made.set_qform(TURNED if form == "qform" else None, int(form == "qform"))
                    yield f"nifti {version} {order}{dtype} {form}", nifti_file(made.to_bytes(), pixels, made.affine)
    series = scan("i2", (3, 6, 20, 24))
    yield "nifti series", nifti_file(nibabel.Nifti1Image(series.T, TURNED).to_bytes(), series, TURNED)
    vectors = scan("f4", (3, 1, 6, 10, 12))
    made = nibabel.Nifti1Image(vectors.T, TURNED)
    made.header.set_intent("vector")
    made.header.set_slope_inter(2, 1)
    yield "nifti vectors", nifti_file(made.to_bytes(), vectors, TURNED)


def nifti_file(value: bytes, pixels: np.ndarray, affine: np.ndarray) -> File:
    """What nibabel's affine says, in SimpleITK's coordinates."""
    left = np.diag([-1, -1, 1, 1]) @ affine
    spacing, direction, origin = np.ones(pixels.ndim), np.eye(pixels.ndim), np.zeros(pixels.ndim)
    spacing[:3] = np.linalg.norm(left[:3, :3], axis=0)
    direction[:3, :3] = left[:3, :3] / spacing[:3]
    origin[:3] = left[:3, 3]
    return File("NIfTI", value, pixels, tuple(spacing), tuple(origin), tuple(direction.ravel()))


# ---- Others -----------------------------------------------------------------------------------------------


def mrc(pixels: np.ndarray) -> bytes:
    def write(path: Path) -> None:
        with mrcfile.new(path) as file:
            file.set_data(pixels)
            file.voxel_size = SPACING
            file.header.origin = ORIGIN

    return written(".mrc", write)


def mrc_files() -> Iterator[tuple[str, File]]:
    for dtype in ("i1", "i2", "u2", "f2", "f4", "c8"):
        yield f"mrc {dtype}", File("MRC", mrc(scan(dtype)), scan(dtype), SPACING, ORIGIN)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    return written(".tif", lambda path: tifffile.imwrite(path, pixels, **options))


def pages(pixels: np.ndarray, **options: Any) -> bytes:
    """With directories between them, as most programs write them."""
    out = io.BytesIO()
    with tifffile.TiffWriter(
        out, bigtiff=options.pop("bigtiff", False), byteorder=options.pop("byteorder", "<")
    ) as file:
        for page in pixels:
            file.write(page, contiguous=False, **{"photometric": "minisblack"} | options)
    return out.getvalue()


def tiff_files() -> Iterator[tuple[str, File]]:
    for order in "<>":
        for is_big in (False, True):
            given: dict[str, Any] = {"byteorder": order, "bigtiff": is_big, "photometric": "minisblack"}
            kind = f"tiff {order}{'big' if is_big else ''}"
            for dtype in ("u1", "i2", "u2", "i4", "f2", "f4", "f8", "c8"):
                pixels = scan(dtype).astype(order + dtype)
                yield f"{kind} {dtype}", File("TIFF", tiff(pixels[0], **given), pixels[0])
            pixels = scan("u2").astype(order + "u2")
            yield f"{kind} pages", File("TIFF", tiff(pixels, **given), pixels)
            yield f"{kind} pages apart", File("TIFF", pages(pixels, **given), pixels)
            yield f"{kind} strips", File("TIFF", tiff(pixels[0], rowsperstrip=7, **given), pixels[0])
            small = scan("u1", (32, 48))
            yield f"{kind} a tile", File("TIFF", tiff(small, tile=small.shape, **given), small)
            given["tile"] = (16, 32)
            yield f"{kind} tiles", File("TIFF", tiff(pixels[0], **given), pixels[0])
            yield f"{kind} pages of tiles", File("TIFF", pages(pixels, **given), pixels)
            given["photometric"] = "rgb"
            yield f"{kind} tiles by pixel", File("TIFF", tiff(colours(), **given), colours())
            planes = np.moveaxis(colours(), -1, 0).copy()
            yield f"{kind} tiles by plane", File("TIFF", tiff(planes, planarconfig="separate", **given), planes)
            del given["tile"]
            yield f"{kind} by pixel", File("TIFF", tiff(colours(), **given), colours())
            strips = tiff(planes, planarconfig="separate", rowsperstrip=9, **given)
            yield f"{kind} strips by plane", File("TIFF", strips, planes)
            yield f"{kind} by plane", File("TIFF", tiff(planes, planarconfig="separate", **given), planes)


def pillow(pixels: np.ndarray, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def unclean(bitmap: bytes, padding: int) -> bytes:
    """With other bytes than zeros after each row, as some programs leave them."""
    start, rows = struct.unpack_from("<I", bitmap, 10)[0], struct.unpack_from("<i", bitmap, 22)[0]
    lines = np.frombuffer(bitmap, np.uint8, offset=start).reshape(rows, -1).copy()
    lines[:, -padding:] = np.arange(padding * rows).reshape(rows, -1) % 256
    return bitmap[:start] + lines.tobytes()


def picture_files() -> Iterator[tuple[str, File]]:
    grey, rgb = scan("u1")[0], colours()
    yield "pgm", File("PNM", pillow(grey, "PPM"), grey)
    yield "ppm", File("PNM", pillow(rgb, "PPM"), rgb)
    wide = scan(">u2")[0]
    yield "pgm of 16 bits", File("PNM", b"P5\n# with a comment\n52 40\n65535\n" + wide.tobytes(), wide)
    header = b"P7\nWIDTH 52\nHEIGHT 40\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
    yield "pam", File("PNM", header + rgb.tobytes(), rgb)
    yield "bmp grey", File("BMP", pillow(grey, "BMP"), grey[::-1])
    yield "bmp colours", File("BMP", pillow(rgb, "BMP"), rgb[::-1, :, ::-1])
    yield "bmp padded", File("BMP", pillow(grey[:, :50].copy(), "BMP"), grey[::-1, :50])
    large = scan("u1", (80, 101))
    yield "bmp padded, larger", File("BMP", pillow(large, "BMP"), large[::-1])

    yield "bmp padded colours", File("BMP", pillow(rgb[:, :50].copy(), "BMP"), rgb[::-1, :50, ::-1])
    yield (
        "bmp padded with others",
        File("BMP", unclean(pillow(rgb[:, :50].copy(), "BMP"), 2), rgb[::-1, None, :50, ::-1]),
    )


def fits_file(*units: Any) -> bytes:
    out = io.BytesIO()
    fits.HDUList(list(units)).writeto(out)
    return out.getvalue()


def fits_files() -> Iterator[tuple[str, File]]:
    for dtype in ("u1", ">i2", ">i4", ">i8", ">f4", ">f8"):
        pixels = scan(dtype)
        yield f"fits {dtype}", File("FITS", fits_file(fits.PrimaryHDU(pixels)), pixels)
    pixels = scan(">f4")
    table = fits.BinTableHDU.from_columns([fits.Column("x", "J", array=np.arange(9))])
    extended = fits_file(fits.PrimaryHDU(), table, fits.ImageHDU(pixels))
    yield "fits extension", File("FITS", extended, pixels)


def image_files() -> dict[str, File]:
    found: dict[str, File] = {}
    for files in (dicom_files, itk_files, nifti_files, mrc_files, tiff_files, picture_files, fits_files):
        found |= files()
    return found


def small_files() -> dict[str, bytes]:
    """One file of each kind that has code of its own, for tests that change bytes of it."""
    found = image_files()
    names = [name for name in found if name.split()[-1].strip("<>") not in ("u2", "u4", "i4", "u8", "i8", "f8", "c8")]
    values = {name: found[name].value for name in names if len(found[name].value) < 1 << 16}
    dump = io.BytesIO()
    joblib.dump([scan("u1")[0], scan("<i2")[:1]], dump)
    data_set = dcmread(io.BytesIO(dicom(scan("<i2")[0])))
    return values | {"joblib": dump.getvalue(), "pydicom": pickle.dumps(data_set)}
