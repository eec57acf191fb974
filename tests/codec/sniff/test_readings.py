"""What SimpleITK, pydicom and nibabel make of a file's samples: fewer bits, slope and intercept, vectors, units."""

from __future__ import annotations

import io
import itertools
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import tifffile
from astropy.io import fits

import sqlite_zblob as zb

from ...conftest import open_apsw
from ...samples.files import colours, dicom, pillow, scan, tiff
from .finding import images_of


def read(value: bytes, suffix: str, folder: Path) -> sitk.Image:
    path = folder / f"value{suffix}"
    path.write_bytes(value)
    return sitk.ReadImage(str(path))


def check(value: bytes, suffix: str, folder: Path) -> sitk.Image:
    """The image is SimpleITK's own, of the value, its frame, and where that is stored."""
    images_of(value)
    expected = read(value, suffix, folder)
    db: Any = open_apsw()
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (?)", (zb.compress(value),))
    for made in (zb.images.read_sitk(value), zb.images.open_image(db, "t", "data", 1).to_sitk()):
        assert made.GetPixelIDTypeAsString() == expected.GetPixelIDTypeAsString()
        for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
            np.testing.assert_allclose(getattr(made, name)(), getattr(expected, name)(), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(sitk.GetArrayFromImage(made), sitk.GetArrayFromImage(expected), rtol=1e-6)
    return expected


# ---- DICOM -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("upper", [0, 0xA000])
def test_samples_of_fewer_bits(signed: int, upper: int, tmp_path: Path) -> None:
    """The highest of these is the sign, and whatever stands above it does not count. SQL and arrays say the same."""
    pixels = ((scan("<i2")[0].astype("<i4") * 7 - 2048) & 0xFFF | upper).astype("<u2")
    value = dicom(pixels, BitsStored=12, HighBit=11, PixelRepresentation=signed)
    frame = zb.compress(value)
    expected = pydicom.dcmread(io.BytesIO(value)).pixel_array
    check(value, ".dcm", tmp_path)
    assert (expected.min() < 0) == bool(signed)
    assert zb.info(frame).images[0].bits == 12
    np.testing.assert_array_equal(zb.images.read_array(frame)[0], expected)
    db: Any = open_apsw()
    zb.images.register(db)
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (?1), (zcompress(?1))", (value,))
    ends = (expected.dtype.name, expected.min(), expected.max())
    assert db.execute("SELECT pixel_type, min, max FROM zimages('t', 'data')").fetchall() == [ends, ends]
    for (row,) in db.execute("SELECT zslice(data, 1, 5) FROM t").fetchall():
        assert row == expected[5].tobytes()
    assert (zb.images.open_image(db, "t", "data", 2)[0, 3:9:2, ::-1] == expected[3:9:2, ::-1]).all()


UNUSUAL_SPACES: list[dict[str, Any]] = [
    {"ImageOrientationPatient": [0] * 6},
    {"ImageOrientationPatient": [0, 0, 0, 0, 1, 0]},
    {"ImageOrientationPatient": [1, 0, 0, 0.5, 0.5, 0]},
    {"ImageOrientationPatient": [1, 0, 0, 0.0009, 1, 0]},
    {"PixelSpacing": [-1, 2]},
    {"PixelSpacing": [0, -2]},
    {"SpacingBetweenSlices": -4},
]


@pytest.mark.parametrize("unusual", UNUSUAL_SPACES)
def test_dicom_spaces_that_are_none(unusual: dict[str, Any], tmp_path: Path) -> None:
    check(dicom(scan("<i2")[0], **unusual), ".dcm", tmp_path)


SCALES = [
    ("1", "-1024"),
    ("2", "0"),
    ("0.5", "3.25"),
    ("0", "-3"),
    ("1", "70000"),
    ("-3", "7"),
    ("1", "0"),
    ("1e400", "1"),
]


@pytest.mark.parametrize(("slope", "intercept"), SCALES)
@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("<u2", 12), ("<u2", 16), ("<i2", 16)])
def test_dicom_slopes(slope: str, intercept: str, dtype: str, bits: int, tmp_path: Path) -> None:
    value = dicom(scan(dtype)[0], BitsStored=bits, HighBit=bits - 1, RescaleSlope=slope, RescaleIntercept=intercept)
    expected = check(value, ".dcm", tmp_path)
    (image,) = zb.info(zb.compress(value)).images
    assert (image.slope, image.intercept) == (min(float(slope), sys.float_info.max) or 1, float(intercept))
    np.testing.assert_array_equal(zb.images.read_array(value)[0], scan(dtype)[0])
    np.testing.assert_allclose(zb.images.read_array(value, rescale=True), sitk.GetArrayFromImage(expected))
    stored = zb.images.read_sitk(value, rescale=False)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(stored)[0], scan(dtype)[0])


def test_a_pickled_data_set_says_the_scale_until_one_half_was_looked_at() -> None:
    value = dicom(scan("<i2")[0], BitsStored=12, HighBit=11, RescaleSlope="2", RescaleIntercept="-3")
    for names, scale in (((), (2, -3)), (("RescaleSlope",), (1, 0)), (("RescaleIntercept",), (1, 0))):
        file = pydicom.dcmread(io.BytesIO(value))
        for name in names:
            getattr(file, name)
        found = images_of(pickle.dumps(file))[0]
        assert (found.bits, found.slope, found.intercept) == (12, *scale)


def test_enhanced_files_have_slope_and_intercept_in_their_groups(tmp_path: Path) -> None:
    values, group = pydicom.Dataset(), pydicom.Dataset()
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = "2", "-5", "US"
    group.PixelValueTransformationSequence = [values]
    more: dict[str, Any] = {"SOPClassUID": STORAGE + "2.1", "SharedFunctionalGroupsSequence": [group]}
    file = pydicom.dcmread(io.BytesIO(dicom(scan("<u2"), NumberOfFrames=len(scan("<u2")), **more)))
    file.file_meta.MediaStorageSOPClassUID = pydicom.uid.UID(STORAGE + "2.1")
    file.save_as(tmp_path / "value.dcm")
    made = zb.images.read_sitk((tmp_path / "value.dcm").read_bytes())
    expected = sitk.ReadImage(str(tmp_path / "value.dcm"))
    assert made.GetPixelIDTypeAsString() == expected.GetPixelIDTypeAsString()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made), sitk.GetArrayFromImage(expected))
    assert zb.info((tmp_path / "value.dcm").read_bytes()).images[0].slope == 2


STORAGE = "1.2.840.10008.5.1.4.1.1."
CLASSES = ["1", "1.1", "1.2", "1.3", "12.1", "12.2", "7", "481.1", "2", "4", "6.1"]
SPACINGS: dict[str, Any] = {
    "PixelSpacing": [0.75, 0.5],
    "ImagerPixelSpacing": [0.25, 0.125],
    "NominalScannedPixelSpacing": [0.5, 0.625],
    "ImagePlanePixelSpacing": [0.375, 0.875],
}


@pytest.mark.parametrize("kind", CLASSES)
def test_the_class_says_which_spacing_counts(kind: str, tmp_path: Path) -> None:
    """But for files with a PixelSpacing, of classes in which SimpleITK passes over it: there it is better than none."""
    for names in itertools.chain.from_iterable(itertools.combinations(SPACINGS, count) for count in range(4)):
        value = dicom(scan("<u2")[0], **{"SOPClassUID": STORAGE + kind} | {name: SPACINGS[name] for name in names})
        file = pydicom.dcmread(io.BytesIO(value))
        file.file_meta.MediaStorageSOPClassUID = pydicom.uid.UID(STORAGE + kind)
        if "PixelSpacing" not in names:
            del file.PixelSpacing
        file.save_as(tmp_path / "value.dcm")
        found = zb.info((tmp_path / "value.dcm").read_bytes()).images[0].spacing
        expected = sitk.ReadImage(str(tmp_path / "value.dcm")).GetSpacing()
        assert found is not None
        if "PixelSpacing" in names and expected[:2] == (1, 1):
            expected = (0.5, 0.75)
        assert found[:2] == expected[:2], names


# ---- NIfTI -------------------------------------------------------------------------------------------------


def turned(*steps: float) -> np.ndarray[Any, Any]:
    c, s = np.cos(0.4), np.sin(0.4)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ [[1, 0, 0], [0, c, -s], [0, s, c]] @ np.diag(steps)
    affine[:3, 3] = 7, 8, 9
    return affine


def nifti(pixels: np.ndarray[Any, Any], affine: Any, kind: Any = nibabel.Nifti1Image, **fields: Any) -> bytes:
    image = kind(pixels.T, affine)
    for name, value in fields.items():
        image.header[name] = value
    data: bytes = image.to_bytes()
    return data


def scaled(value: bytes, slope: float, intercept: float) -> bytes:
    """nibabel writes none of its own for samples that need none."""
    at, dtype = (112, "<f4") if value[344:347] == b"n+1" else (176, "<f8")
    field = np.array([slope, intercept], dtype).tobytes()
    return value[:at] + field + value[at + len(field) :]


def check_both(folder: Path, pixels: Any, affine: Any, scale: tuple[float, float] = (1, 0), **fields: Any) -> None:
    """Of NIfTI-2, which SimpleITK does not read, the image is that of NIfTI-1."""
    first, second = (
        scaled(nifti(pixels, affine, kind, **fields), *scale) for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image)
    )
    check(first, ".nii", folder)
    for one, other in zip(images_of(first), images_of(second), strict=True):
        for name in ("spacing", "origin", "direction"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6, atol=1e-6)
        unplaced: dict[str, Any] = {"value_offset": 0, "spacing": None, "origin": None, "direction": None}
        assert replace(one, **unplaced) == replace(other, **unplaced)


@pytest.mark.parametrize("units", [0, 1, 2, 3, 16 | 2, 24 | 1])
def test_nifti_units_are_millimetres_and_seconds(units: int, tmp_path: Path) -> None:
    for pixels in (scan("<i2"), np.stack([scan("<i2")] * 2)):
        for code in (0, 1):
            check_both(tmp_path, pixels, turned(2, 4, 0.5), xyzt_units=units, sform_code=code, qform_code=1)
        check_both(tmp_path, pixels, None, xyzt_units=units)


def test_an_oblique_slice_has_the_length_of_its_steps(tmp_path: Path) -> None:
    check(nifti(scan("<i2")[0], turned(2, 3, 4)), ".nii", tmp_path)


@pytest.mark.parametrize("scale", [(2, 0), (0.5, -3), (1, -1024), (1, 0), (-1, 0.25)])
def test_nifti_slopes(scale: tuple[float, float], tmp_path: Path) -> None:
    for dtype in ("u1", "<i2", "<f4", "<f8"):
        check_both(tmp_path, scan(dtype), np.diag([2, 3, 4, 1]), scale)
        value = scaled(nifti(scan(dtype), np.eye(4)), *scale)
        expected = nibabel.Nifti1Image.from_bytes(value)
        np.testing.assert_array_equal(zb.images.read_array(value), expected.dataobj.get_unscaled().T)
        np.testing.assert_allclose(zb.images.read_array(value, rescale=True), expected.get_fdata().T, rtol=1e-6)


@pytest.mark.parametrize("scale", [(0, 5), (np.nan, 1), (np.inf, 0), (2, np.nan)])
def test_no_slope(scale: tuple[float, float]) -> None:
    (image,) = images_of(scaled(nifti(scan("<i2"), np.eye(4)), *scale))
    assert (image.slope, image.intercept) == (1, 0)


@pytest.mark.parametrize("intent", [1007, 1006, 0, 1001])
@pytest.mark.parametrize("shape", [(3, 1, 6, 5, 4), (2, 2, 6, 5, 4), (2, 1, 1, 5, 4), (1, 1, 6, 5, 4), (1, 6, 5, 4)])
def test_nifti_vectors(intent: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Displacements have the coordinates of SimpleITK, as their space."""
    pixels = np.arange(np.prod(shape), dtype="<f4").reshape(shape)
    value = nifti(pixels, np.diag([2, 3, 4, 1]), intent_code=intent)
    if intent > 1001 and shape[0] == 1:  # SimpleITK: vectors of one component
        assert zb.images.read_sitk(value).GetNumberOfComponentsPerPixel() == 1
    elif intent == 1006 and shape[0] == 2:  # SimpleITK takes them three by three
        vectors = sitk.GetArrayFromImage(zb.images.read_sitk(value))
        np.testing.assert_array_equal(np.moveaxis(-vectors, -1, 0).ravel(), pixels.ravel())
    else:
        check_both(tmp_path, pixels, np.diag([2, 3, 4, 1]), intent_code=intent)


# ---- Others ------------------------------------------------------------------------------------------------

SPACE = "space: left-posterior-superior\nspace origin: (1,2,3)\n"


@pytest.mark.parametrize("kind", ["vector", "RGB-color", "list", "3-vector"])
@pytest.mark.parametrize("axis", [0, 2, 3])
def test_nrrd_vectors(kind: str, axis: int, tmp_path: Path) -> None:
    sizes, kinds, directions = ["4", "3", "2"], ["domain"] * 3, ["(1,0,0)", "(0,2,0)", "(0,0,3)"]
    for items, item in ((sizes, "3"), (kinds, kind), (directions, "none")):
        items.insert(axis, item)
    lines = ["NRRD0004", "type: short", "encoding: raw", "endian: little", "dimension: 4"]
    lines += ["sizes: " + " ".join(sizes), SPACE + "space directions: " + " ".join(directions)]
    value = "\n".join([*lines, "kinds: " + " ".join(kinds), "", ""]).encode() + np.arange(72, dtype="<i2").tobytes()
    assert check(value, ".nrrd", tmp_path).GetNumberOfComponentsPerPixel() == 3


def test_planes_of_tiff() -> None:
    rgb = colours()
    value = tiff(np.moveaxis(rgb, -1, 0).copy(), photometric="rgb", planarconfig="separate")
    assert zb.images.read_array(value).shape == (3, 40, 52)
    made = zb.images.read_sitk(zb.compress(value))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made), rgb)


def test_rows_with_padding(tmp_path: Path) -> None:
    rgb = np.tile(colours(), (2, 1, 1))[:, :51].copy()
    value = pillow(rgb, "BMP")
    frame = zb.compress(value)
    (image,) = images_of(value)
    assert (image.source, image.size, image.components, image.row_padding) == ("BMP", (51, 80), 3, 3)
    np.testing.assert_array_equal(zb.images.read_array(frame)[::-1, :, ::-1], rgb)
    assert zb.info(frame).codec == "voxel"
    odd = bytearray(value)
    odd[-1] = 1
    (other,) = images_of(bytes(odd))
    assert (other.size, other.row_padding, other.gaps) == ((51, 1, 80), 0, (3, 3))
    db: Any = open_apsw()
    zb.images.register(db)
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (?)", (frame,))
    assert db.execute("SELECT max FROM zimages('t', 'data')").fetchall() == [(rgb.max(),)]
    assert db.execute("SELECT zslice(data, 0, 0), zsubstr(data, 100, 500) FROM t").fetchone() == (None, value[99:599])
    with pytest.raises(zb.OptionError, match="rows with padding"):
        zb.images.open_image(db, "t", "data", 1)


def test_pages_of_tiff_are_one_image(tmp_path: Path) -> None:
    """Also with directories between them. Others, such as thumbnails, do not count."""
    path, pages = tmp_path / "pages.tif", scan("<u2")
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, metadata=None, photometric="minisblack", contiguous=False)
            writer.write(page[:8, :8].copy(), metadata=None, photometric="minisblack", contiguous=False)
    value = path.read_bytes()
    assert len(images_of(value)) == 2 * len(pages)
    np.testing.assert_array_equal(zb.images.read_array(zb.compress(value)), pages)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(zb.images.read_sitk(value)), pages)
    np.testing.assert_array_equal(zb.images.read_array(value, 2), pages[1])


# ---- FITS --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zero", "scale"), [(None, "1"), ("-128", "1"), ("3", "0.5"), ("5", "1.0E0"), ("0", "-2"), ("7", "0.0")]
)
@pytest.mark.parametrize("dtype", ["u1", ">i2", ">i4", ">i8", ">f4", ">f8"])
def test_fits_scales(dtype: str, zero: str | None, scale: str) -> None:
    """As astropy has them, integers of the other sign among them (zero: None)."""
    stored, out = scan("u1")[0].astype(dtype), io.BytesIO()
    fits.PrimaryHDU(stored).writeto(out)
    value, end = bytearray(out.getvalue()), out.getvalue().index(b"END      ")
    zero = zero or str(1 << 8 * stored.dtype.itemsize - 1)
    for number, (name, text) in enumerate((("BSCALE", scale), ("BZERO", zero))):
        value[end + 80 * number : end + 80 * number + 80] = f"{name:<8}= {text:>20} / a comment".ljust(80).encode()
    value[end + 160 : end + 163] = b"END"
    images_of(bytes(value))
    expected = fits.open(io.BytesIO(bytes(value)))[0].data
    found = zb.images.read_array(zb.compress(bytes(value)), rescale=True)
    assert found.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(zb.images.read_array(bytes(value)), stored)
