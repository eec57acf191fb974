"""Image files: the grid and the geometry that their own readers see, in the file and in its frame."""

from __future__ import annotations

import io
import json
import pickle
import struct
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import astropy.io.fits.tests
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from astropy.io import fits
from pydicom.pixels.utils import pixel_array

import sqlite_zblob as zb

from ...conftest import open_apsw
from ...samples.files import (
    File,
    colours,
    dicom,
    fits_file,
    image_files,
    itk_file,
    mrc,
    nifti_file,
    pillow,
    scan,
    small_files,
    tiff,
)
from .finding import images_of, samples_of

FILES = image_files()


@pytest.mark.parametrize("name", FILES)
def test_files_that_other_libraries_write(name: str) -> None:
    file = FILES[name]
    (found,) = images_of(file.value)
    assert found.source == file.source
    samples = samples_of(file.value, found)
    assert samples.shape == file.pixels.shape
    np.testing.assert_array_equal(samples, file.pixels)
    if file.pixels.dtype.kind != "c" and file.source != "guess":
        assert zb.info(zb.compress(file.value)).codec in ("voxel", "planes")
    check_space(found, file)


def check_space(found: zb.ImageInfo, file: File) -> None:
    for name in ("spacing", "origin", "direction"):
        expected, there = getattr(file, name), getattr(found, name)
        if expected is not None:
            np.testing.assert_allclose(there, expected, rtol=1e-6, atol=1e-5, err_msg=name)
    if found.source in ("TIFF", "PNM", "BMP", "FITS", "guess"):
        assert found.spacing is None


VOLUMES = ["dicom explicit frames", "nifti 1 <i2 sform", "NRRD i2 3", "MetaImage i2 3", "mrc i2", "fits u1"]


@pytest.mark.parametrize("name", VOLUMES)
def test_sql_knows_the_files(name: str, tmp_path: Path) -> None:
    """zinfo, zslice and zimages, of plain values and of frames."""
    file = FILES[name]
    db: Any = open_apsw(str(tmp_path / "store.db"))
    zb.images.register(db)
    db.execute("CREATE TABLE files(data)")
    db.execute("INSERT INTO files VALUES (?1), (zcompress(?1))", (file.value,))
    rows = db.execute("SELECT zinfo(data), zslice(data, 0, -1), zslice(data, 2, 7) FROM files").fetchall()
    for about, last, column in rows:
        assert json.loads(about)["images"][0]["source"] == file.source
        assert last == file.pixels[-1].tobytes()
        assert column == file.pixels[:, :, 7].tobytes()
    seen = db.execute("SELECT source, size, spacing, origin, direction, max FROM zimages('files', 'data')").fetchall()
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert seen[0][0] == file.source
    assert seen[0][5] == file.pixels.max()
    if file.spacing:
        np.testing.assert_allclose(json.loads(seen[0][2]), file.spacing, rtol=1e-6)


def test_guesses_and_tiles_have_no_slices() -> None:
    db: Any = open_apsw(":memory:")
    for name in ("bmp padded", "tiff < tiles", "tiff < pages of tiles"):
        for sql in ("SELECT zslice(?, 0, 0)", "SELECT zslice(zcompress(?), 0, 0)"):
            assert db.execute(sql, (FILES[name].value,)).fetchone() == (None,)


# ---- The readers' own test files --------------------------------------------------------------------------


def dicom_test_files() -> list[Path]:
    folder = Path(pydicom.__file__).parent / "data"
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.read_bytes()[128:132] == b"DICM"]


NO_GRID = {
    "MR_truncated.dcm",  # cut off
    "SC_rgb_small_odd_big_endian.dcm",  # bytes in words of the other order
    "SC_ybr_full_422_uncompressed.dcm",  # fewer samples of colour than pixels
    "liver_expb_1frame.dcm",  # bits in words of the other order
    "badVR.dcm",  # "1A" frames
    "image_dfl.dcm",  # deflated
    "nested_priv_SQ.dcm",  # says nothing of bits
}


@pytest.mark.filterwarnings("ignore")
def test_pydicom_s_files() -> None:
    """Pixels as pydicom reads them, geometry as SimpleITK does, and no grid where there is none."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    checked = 0
    for path in dicom_test_files():
        value = path.read_bytes()
        found = images_of(value)
        file = pydicom.dcmread(path, force=True)
        syntax = file.file_meta.get("TransferSyntaxUID")
        if syntax is None or syntax.is_compressed or "PixelData" not in file or path.name in NO_GRID:
            assert found == (), path.name
            continue
        pixels = pixel_array(path, raw=True)
        if file.BitsAllocated == 1:
            assert found[0].source == "guess"
            pixels = np.packbits(pixels, axis=-1, bitorder="little")
        is_planar = file.SamplesPerPixel > 1 and file.PlanarConfiguration == 1
        pixels = np.moveaxis(pixels, -1, -3) if is_planar else pixels
        np.testing.assert_array_equal(samples_of(value, found[0]).ravel(), pixels.ravel(), err_msg=path.name)
        checked += 1
        if found[0].source != "guess":
            try:
                image = sitk.ReadImage(str(path))
            except RuntimeError:  # it cannot read all of them
                continue
            reference = File("", value, pixels, image.GetSpacing(), image.GetOrigin(), image.GetDirection())
            if is_planar:
                check_geometry(zb.images.read_sitk(value), image)
            else:
                check_space(found[0], reference)
    assert checked > 50


def check_geometry(read: sitk.Image, image: sitk.Image) -> None:
    for name in ("GetSize", "GetNumberOfComponentsPerPixel", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(read, name)(), getattr(image, name)(), atol=1e-6, err_msg=name)


def test_dicom_colours_by_plane_have_the_geometry_of_those_by_pixel() -> None:
    mixed = np.stack([colours(), colours() + 1, colours() // 2])
    more: dict[str, Any] = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "Rows": 40,
        "Columns": 52,
        "NumberOfFrames": 3,
    }
    planes = np.moveaxis(mixed, -1, 1).copy()
    by_pixel, by_plane = (
        zb.images.read_sitk(zb.compress(dicom(pixels, **more, PlanarConfiguration=int(pixels is planes))))
        for pixels in (mixed, planes)
    )
    np.testing.assert_array_equal(sitk.GetArrayFromImage(by_plane), mixed)
    check_geometry(by_plane, by_pixel)


def test_nibabel_s_files() -> None:
    folder = Path(nibabel.__file__).parent
    checked = 0
    for path in sorted(folder.rglob("*.nii")):
        image: Any = nibabel.load(path)
        if isinstance(image, nibabel.Cifti2Image):
            continue
        (found,) = images_of(path.read_bytes())
        pixels = np.asarray(image.dataobj.get_unscaled()).T
        np.testing.assert_array_equal(samples_of(path.read_bytes(), found).ravel(), pixels.ravel())
        if pixels.ndim == 3:
            check_space(found, nifti_file(b"", pixels, image.affine))
        checked += 1
    assert checked > 2


def test_astropy_s_files() -> None:
    checked = 0
    for path in sorted((Path(astropy.io.fits.tests.__file__).parent / "data").glob("*.fits")):
        value = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, do_not_scale_image_data=True, disable_image_compression=True) as file:
                kinds = (fits.PrimaryHDU, fits.ImageHDU)
                units = [unit for unit in file if type(unit) in kinds and unit.data is not None and unit.data.size]
                pixels = [unit.data.copy() for unit in units]
        found = images_of(value)
        assert len(found) == len(pixels), path.name
        for image, expected in zip(found, pixels, strict=True):
            np.testing.assert_array_equal(samples_of(value, image), expected)
            checked += 1
    assert checked > 10


# ---- What else the formats allow --------------------------------------------------------------------------


def test_enhanced_dicom() -> None:
    """Geometry in functional groups: of all frames, and of each; other sequences before them are stepped over."""

    def item(**more: Any) -> pydicom.Dataset:
        made = pydicom.Dataset()
        for name, value in more.items():
            setattr(made, name, value)
        return made

    pixels = scan("<i2")
    measures = item(PixelSpacing=[0.5, 0.25], SliceThickness=9)
    turned = item(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    elsewhere = item(PixelSpacing=[7, 7], ImagePositionPatient=[7, 7, 7])
    groups: dict[str, Any] = {
        "SharedFunctionalGroupsSequence": [item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[turned])],
        "PerFrameFunctionalGroupsSequence": [
            item(PlanePositionSequence=[item(ImagePositionPatient=[1.5, 2.5 + 3 * i, 4])]) for i in range(len(pixels))
        ],
        "ReferencedImageSequence": [elsewhere],
    }
    for syntax in (pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.ImplicitVRLittleEndian):
        value = dicom(pixels, syntax, NumberOfFrames=len(pixels), **groups)
        file = pydicom.dcmread(io.BytesIO(value))
        for name in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SpacingBetweenSlices"):
            del file[name]
        for is_open in (False, True):
            for element in file:
                if element.VR == "SQ":
                    element.is_undefined_length = is_open
            out = io.BytesIO()
            file.save_as(out)
            (found,) = images_of(out.getvalue())
            assert (found.spacing, found.origin) == ((0.25, 0.5, 3), (1.5, 2.5, 4))
            assert found.direction == (1, 0, 0, 0, 0, 1, 0, -1, 0)


@pytest.mark.parametrize("step", [3, -3])
def test_frames_that_follow_each_other_against_the_normal(step: int, tmp_path: Path) -> None:
    """Then the third axis runs the other way, as SimpleITK says."""
    pixels = scan("<u2")
    offsets = [step * i for i in range(len(pixels))]
    value = dicom(pixels, NumberOfFrames=len(pixels), GridFrameOffsetVector=offsets, FrameIncrementPointer=0x3004000C)
    file = pydicom.dcmread(io.BytesIO(value))
    file.SOPClassUID = file.file_meta.MediaStorageSOPClassUID = pydicom.uid.RTDoseStorage
    file.Modality, file.DoseGridScaling = "RTDOSE", 1
    file.save_as(tmp_path / "dose.dcm")
    read = sitk.ReadImage(str(tmp_path / "dose.dcm"))
    assert read.GetDirection()[8] == step / 3
    check_geometry(zb.images.read_sitk((tmp_path / "dose.dcm").read_bytes()), read)


def test_nrrd_headers() -> None:
    pixels = scan(">i2")
    lines = [
        *("NRRD0004", "# a comment", "type: short", "dimension: 3", "sizes: 52 40 6", "endian: big", "encoding: raw"),
        *("space: right-anterior-superior", "space directions: (0.5,0,0) (0,0.75,0) (0,0,2)", "space origin: (1,2,3)"),
        *("key:=dimension: 2", "byte skip: 3"),
    ]

    def value_of(*more: str, data: bytes = b"abc" + pixels.tobytes()) -> bytes:
        return "\n".join([*lines, *more, "", ""]).encode() + data

    (found,) = images_of(value_of())
    np.testing.assert_array_equal(samples_of(value_of(), found), pixels)
    assert (found.spacing, found.origin) == ((0.5, 0.75, 2), (-1, -2, 3))
    assert found.direction == (-1, 0, 0, 0, -1, 0, 0, 0, 1)
    (at_end,) = images_of(value_of("byte skip: -1"))
    assert at_end.value_offset == len(value_of()) - pixels.nbytes + len("byte skip: -1\n")
    later = value_of("lineskip: 1", "byteskip: 1", data=b"a line\n!" + pixels.tobytes())
    np.testing.assert_array_equal(samples_of(later, *images_of(later)), pixels)
    wrong = ("encoding: gzip", "data file: a.raw", "datafile: a.raw", "dimension: 9", "sizes: 52 40 99", "type: block")
    for more in (*wrong, "byte skip: 9", "byte skip: -2", "line skip: 99"):
        assert images_of(value_of(more)) == ()


def test_metaimage_headers() -> None:
    pixels = scan(">u2")
    lines = ["NDims = 3", "DimSize = 52 40 6", "ElementType = MET_USHORT", "BinaryDataByteOrderMSB = True"]

    def value_of(*more: str, last: str = "LOCAL") -> bytes:
        return "\n".join([*lines, *more, f"ElementDataFile = {last}", ""]).encode() + pixels.tobytes()

    value = value_of("HeaderSize = -1", "Position = 1 2.5e-1 -3", "ElementSize = 1 2 3")
    (found,) = images_of(value)
    np.testing.assert_array_equal(samples_of(value, found), pixels)
    assert (found.origin, found.spacing) == ((1, 0.25, -3), (1, 2, 3))
    assert images_of(value_of("CompressedData = True")) == ()
    assert images_of(value_of("BinaryData = False")) == ()
    assert images_of(value_of(last="scan.raw")) == ()


def test_numbers_in_text() -> None:
    """Spacings as their text says them, to the last bit."""
    texts = ("0.1", "1e-3", "+.5", "2.", "0.70000000000000007", "123456789012345678901234567890", "4.9e-324", "00.25")
    for text in texts:
        header = f"NRRD0004\ntype: uchar\ndimension: 2\nsizes: 40 40\nencoding: raw\nspacings: {text} 1\n\n"
        (found,) = images_of(header.encode() + bytes(range(200)) * 8)
        assert found.spacing == (float(text), 1)


def test_several_images_in_a_file() -> None:
    picture, other = pillow(scan("u1")[0], "PPM"), pillow(colours(), "PPM")
    found = images_of(picture + other + picture)
    assert [(image.size, image.components) for image in found] == [((52, 40), 1), ((52, 40), 3), ((52, 40), 1)]
    units = [fits.PrimaryHDU(scan(">i2")), fits.ImageHDU(scan(">f4")[0])]
    assert [image.size for image in images_of(fits_file(*units))] == [(52, 40, 6), (52, 40)]
    array = io.BytesIO()
    for _ in range(3):
        np.save(array, scan())
    found = images_of(array.getvalue())
    assert [image.source for image in found] == ["npy"] * 3
    for image in found:
        np.testing.assert_array_equal(samples_of(array.getvalue(), image), scan())
    assert images_of(array.getvalue() + b"more") == ()


def test_what_is_compressed_has_no_grid() -> None:
    for compression in ("zlib", "lzw"):
        assert images_of(tiff(scan("u1")[0], compression=compression)) == ()


# ---- Sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["DICOM", "NIfTI", "NRRD", "MetaImage", "MRC", "TIFF", "PNM", "FITS"])
def test_a_file_takes_as_much_as_its_pixels(kind: str) -> None:
    """Within a hundredth of the same pixels pickled, and 500 bytes for what the header says."""
    pixels = scan("u1", (512, 512)) if kind == "PNM" else scan("i2", (4, 256, 256))
    make: dict[str, Callable[[], bytes]] = {
        "DICOM": lambda: dicom(pixels, NumberOfFrames=len(pixels)),
        "NIfTI": lambda: nibabel.Nifti1Image(pixels.T, np.eye(4)).to_bytes(),
        "NRRD": lambda: itk_file("NRRD", ".nrrd", pixels).value,
        "MetaImage": lambda: itk_file("MetaImage", ".mha", pixels).value,
        "MRC": lambda: mrc(pixels),
        "TIFF": lambda: tiff(pixels, photometric="minisblack"),
        "PNM": lambda: pillow(pixels, "PPM"),
        "FITS": lambda: fits_file(fits.PrimaryHDU(pixels.astype(">i2"))),
    }
    assert len(zb.compress(make[kind]())) <= 1.01 * len(zb.compress(pickle.dumps(pixels))) + 500


# ---- Hostile files ----------------------------------------------------------------------------------------


def test_cut_files_hold_what_is_left() -> None:
    """At any length there is an image that lies within the bytes, or none."""
    for value in small_files().values():
        for size in [*range(0, min(len(value), 1500), 7), *range(1500, len(value), 499)]:
            cut = value[:size]
            for image in zb.info(cut).images:
                assert image.value_offset + samples_of(cut, image).nbytes <= size


def slow_files() -> dict[str, bytes]:
    """Files of 8 MB, each of them nothing but what its parser goes through."""
    size = 8 << 20
    meta = dicom(scan("<i2")[0])[: 132 + 200]
    start = meta.index(b"\x08\x00")
    chain = bytearray()
    for i in range(size // 30):  # TIFF directories of one entry each
        chain += struct.pack("<HHHIII", 1, 256, 4, 1, 9, 8 + 18 * (i + 1))
    loop = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 4096) + struct.pack("<HHII", 256, 4, 1, 9) * 4096
    strips = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 2)
    strips += struct.pack("<HHII", 273, 4, size // 8, 64) + struct.pack("<HHII", 256, 4, 1, 9)
    return {
        "elements": meta[:start] + struct.pack("<HH2sH", 8, 5, b"CS", 0) * (size // 8),
        "sequences": meta[:start] + struct.pack("<HH2sHI", 8, 0x1115, b"SQ", 0, 0xFFFFFFFF) * (size // 12),
        "directories": struct.pack("<2sHI", b"II", 42, 8) + bytes(chain),
        "one directory again and again": loop + struct.pack("<I", 8) + bytes(size),
        "strips": strips + struct.pack("<I", 10) + bytes(size),
        "cards": fits_file(fits.PrimaryHDU())[:80] + b"COMMENT ".ljust(80) * (size // 80),
        "units": (fits_file(fits.PrimaryHDU()) + fits_file(fits.PrimaryHDU(), fits.ImageHDU())[2880:] * (size // 2880)),
        "fields": b"NRRD0004\n" + b"a: b\n" * (size // 5),
        "one line": b"NRRD0004\n" + b" " * size,
        "names": b"NDims = 3\n" + b"a = b\n" * (size // 6),
        "digits": b"NRRD0004\nspacings: " + b"1" * size + b"\n\n",
        "comments": b"P5" + b"#\n" * (size // 2),
        "pictures": b"P5 1 1 255\n\x00" * (size // 12),
        "arrays": (
            b"\x93NUMPY\x01\x00\x36\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}".ljust(54) + b"x"
        )
        * 9000,
    }


def test_no_file_is_slow() -> None:
    """A few hundredths of a second for 8 MB, however they are made; the limit leaves room for a busy machine."""
    for name, value in slow_files().items():
        start = time.process_time()
        zb.info(value)
        assert time.process_time() - start < 0.5, name


def test_a_small_file_is_not_slow() -> None:
    """A TIFF directory that names itself as the next one, with a description of 65,535 samples: work by the byte."""
    entries = [(256, 1, 9), (257, 1, 9), (277, 1, 65535), (258, 65535, 8), (273, 1, 8)]
    value = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(entries))
    value += b"".join(struct.pack("<HHII", tag, 4, count, number) for tag, count, number in entries)
    value += struct.pack("<I", 8) + bytes(100)
    start = time.process_time()
    for _ in range(100):
        assert zb.info(value).images == ()
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("first", ["TransferSyntaxUID", "MediaStorageSOPClassUID"])
def test_dicom_as_pydicom_writes_it_without_preamble(first: str) -> None:
    """Its meta information does not say how large it is."""
    file = pydicom.dcmread(io.BytesIO(dicom(scan("<i2")[0])))
    pixels = file.pixel_array
    meta = file.file_meta
    for name in [each.keyword for each in meta if each.keyword not in (first, "TransferSyntaxUID")]:
        del meta[name]
    out = io.BytesIO()
    file.preamble = None
    pydicom.dcmwrite(out, file, enforce_file_format=False)
    assert out.getvalue()[:2] == b"\2\0"
    (found,) = images_of(out.getvalue())
    np.testing.assert_array_equal(samples_of(out.getvalue(), found)[0], pixels)


def test_metaimage_with_a_spacing_that_runs_backwards(tmp_path: Path) -> None:
    header = "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_UCHAR\n"
    header += "TransformMatrix = 0 1 0 1 0 0 0 0 1\nElementSpacing = -1 2 0.5\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(header.encode() + bytes(24))
    image = sitk.ReadImage(str(tmp_path / "a.mha"))
    (found,) = zb.info((tmp_path / "a.mha").read_bytes()).images
    assert found.spacing == image.GetSpacing()
    assert found.direction == image.GetDirection()
    none = header.replace("-1 2 0.5", "0 1 1").encode() + bytes(24)
    assert zb.info(none).images[0].spacing is None


def test_a_geometry_that_simpleitk_refuses() -> None:
    value = b"NRRD0004\ntype: uint8\ndimension: 2\nsizes: 3 2\nencoding: raw\nspace dimension: 2\n"
    value += b"space directions: (1,1) (1,1)\nspace origin: (0,0)\n\n" + bytes(6)
    assert zb.images.read_array(value).shape == (2, 3)
    with pytest.raises(zb.OptionError, match="SimpleITK cannot hold this image, which has 2 axes"):
        zb.images.read_sitk(value)


@pytest.mark.filterwarnings("ignore")
def test_dicom_without_preamble() -> None:
    """The meta information first, or the data set at once; in the latter, nothing says that pixels are compressed."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    for name in ("CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "rtdose_1frame.dcm"):
        value = (folder / name).read_bytes()
        file = pydicom.dcmread(io.BytesIO(value))
        meta = value[132:]
        bare = meta[12 + file.file_meta.FileMetaInformationGroupLength :]
        expected = images_of(value)
        for cut in (meta, bare):
            found = images_of(cut)
            shifted = tuple(
                replace(image, value_offset=image.value_offset - len(value) + len(cut)) for image in expected
            )
            assert found == shifted, name
    for name in ("ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm", "no_meta.dcm"):
        assert images_of((folder / name).read_bytes()) == (), name


META = ("ObjectType = Image", "NDims = 3", "DimSize = 4 3 2", "ElementType = MET_UCHAR")
NRRD = ("NRRD0005", "type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: raw", "endian: little")
STEPS = "space directions: (1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,4)"
STEPS_3 = "space directions: (1,0,0) (0,2,0) (0,0,3)"
HEADERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "longs": (".mha", (*META[:3], "ElementType = MET_LONG")),
    "unsigned longs": (".mha", (*META[:3], "ElementType = MET_ULONG")),
    "arrays": (".mha", (*META[:3], "ElementType = MET_UCHAR_ARRAY", "ElementNumberOfChannels = 3")),
    "comment": (".mha", ("Comment = a scan", *META)),
    "empty line": (".mha", (META[0], "", *META[1:])),
    "header size": (".mha", (*META, "HeaderSize = 120")),
    "colons": (".mha", ("ObjectType: Image", "NDims : 3", *META[2:], "Offset: 5 6 7", "ElementSpacing:1 2 3")),
    "minima and maxima": (".nrrd", (*NRRD, "axis mins: 5 6 7", "axis maxs: 9 9 9", "centerings: cell node cell")),
    "a maximum for some axes": (".nrrd", (*NRRD, "axismins: 5 6 7", "axismaxs: 9 9 nan", "spacings: nan 2 3")),
    "a minimum without a step": (".nrrd", (*NRRD, "axis mins: 5 6 7", "centerings: node node node")),
    "a node alone": (
        ".nrrd",
        (*NRRD, "sizes: 1 3 2", "axis mins: 5 6 7", "axis maxs: 9 9 9", "centers: node cell cell"),
    ),
    "minima": (".nrrd", (*NRRD, "axis mins: 5 6 7", "spacings: 1 2 3")),
    "minima of nodes": (".nrrd", (*NRRD, "axis mins: 5 6 7", "spacings: 1 2 3", "centerings: node cell node")),
    "a spacing for some axes": (".nrrd", (*NRRD, "spacings: nan 2 3")),
    "colours with spacings": (
        ".nrrd",
        (*NRRD, "kinds: 4-color domain domain", "spacings: nan 2 3", "axis mins: nan 5 6"),
    ),
    "time": (".nrrd", (*NRRD, "space: RAST", "dimension: 4", "sizes: 4 3 2 2", STEPS, "space origin: (5,6,7,8)")),
    "minima by another name": (".nrrd", (*NRRD, "axismins: 5 6 7", "spacings: 1 2 3", "centers: node cell node")),
    "right": (".nrrd", (*NRRD, "space: RAS", STEPS_3, "space origin: (5,6,7)")),
    "left": (".nrrd", (*NRRD, "space: left-anterior-superior", STEPS_3, "space origin: (5,6,7)")),
    "left for short": (".nrrd", (*NRRD, "space: LAS", STEPS_3, "space origin: (5,6,7)")),
    "list": (".nrrd", (*NRRD, "kinds: list domain domain")),
    "matrices": (".nrrd", (*NRRD, "sizes: 9 3 2", "kinds: 3D-matrix domain domain")),
    "points": (".nrrd", (*NRRD, "kinds: point space space")),
    "a single component": (".nrrd", (*NRRD, "sizes: 1 3 2", "kinds: scalar domain domain")),
    "complex": (".nrrd", (*NRRD, "type: float", "sizes: 2 3 2", "kinds: complex domain domain")),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_as_simpleitk_reads_them(name: str, tmp_path: Path) -> None:
    suffix, lines = HEADERS[name]
    fields = {line.split(":")[0].split(" =")[0]: line for line in lines}  # the last of a name
    last = "ElementDataFile = LOCAL\n" if suffix == ".mha" else "\n"
    path = tmp_path / f"file{suffix}"
    path.write_bytes(("\n".join(fields.values()) + "\n" + last).encode() + np.arange(100, dtype="u1").tobytes())
    image = sitk.ReadImage(str(path))
    read = zb.images.read_sitk(path.read_bytes())
    assert read.GetPixelIDTypeAsString() == image.GetPixelIDTypeAsString()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(image))
    for get in (sitk.Image.GetSize, sitk.Image.GetSpacing, sitk.Image.GetOrigin, sitk.Image.GetDirection):
        assert get(read) == get(image)


def test_longs_of_64_bits() -> None:
    """ITK reads MET_LONG as 32 bits; what writes NumPy's int64 under that name fills the file with them."""
    header = "\n".join([*META[:3], "ElementType = MET_LONG", "ElementDataFile = LOCAL", ""]).encode()
    (found,) = images_of(header + np.arange(24, dtype="<i8").tobytes())
    assert found.pixel_type == "int64"
