"""What libraries pickle, or write in the manner of pickles: joblib, pydicom, nibabel, itk, pandas."""

from __future__ import annotations

import io
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import joblib
import nibabel
import numpy as np
import pandas
import pydicom
import pytest

import sqlite_zblob as zb

from ...samples.containers import PROTOCOLS
from ...samples.files import DIRECTION, ORIGIN, SPACING, colours, dicom, scan
from .finding import images_of, samples_of


def dumped(value: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    joblib.dump(value, out, **options)
    return out.getvalue()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_joblib_s_arrays(protocol: int) -> None:
    """Their samples follow the opcodes that describe them."""
    arrays = [scan(), scan("f4")[0], np.asfortranarray(scan("u1")), scan(">i2"), scan("u1", (300,))]
    (found,) = images_of(dumped(arrays[0], protocol=protocol))
    assert (found.source, found.size) == ("NumPy", (52, 40, 6))
    value = dumped({"first": arrays, "more": [1, "text", {"again": scan("f8")}]}, protocol=protocol)
    found_all = images_of(value)
    assert len(found_all) == 6
    for image, array in zip(found_all, [*arrays, scan("f8")], strict=True):
        expected = array.T if image.order == "F" else array
        np.testing.assert_array_equal(samples_of(value, image), expected)


def test_what_joblib_compresses_or_pickles_itself() -> None:
    assert images_of(dumped(scan(), compress=3)) == ()
    assert images_of(dumped(np.array([{"a": 1}, None] * 300, dtype=object))) == ()


def test_cut_and_changed_dumps() -> None:
    value = dumped(scan("u1", (40, 30)))
    for size in range(0, len(value), 3):
        assert zb.info(value[:size]).images == ()
    (found,) = images_of(value)
    end = found.value_offset
    padding = next(at for at in range(end - 17, end) if at + 1 + value[at] == end)
    assert zb.info(value[:padding] + b"\xff" + value[padding + 1 :]).images == ()


def data_set(file: bytes) -> pydicom.FileDataset:
    """As read from a path: what is read from memory keeps the file, which would be another image."""
    read = pydicom.dcmread(io.BytesIO(file))
    read.buffer = None
    return read


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pydicom_s_data_sets(protocol: int) -> None:
    pixels = scan("<i2")
    file = data_set(dicom(pixels, NumberOfFrames=len(pixels)))
    value = pickle.dumps({"scan": file, "name": "x"}, protocol)
    (found,) = images_of(value)
    assert (found.source, found.size) == ("DICOM", (52, 40, 6))
    np.testing.assert_array_equal(samples_of(value, found), pixels)
    assert (found.spacing, found.origin) == (SPACING, ORIGIN)
    assert found.direction == pytest.approx(DIRECTION)


def test_data_sets_whose_elements_were_looked_at() -> None:
    """pydicom then holds numbers instead of bytes; geometry that cannot be read is not given."""
    pixels = scan("<u2")[0]
    file = data_set(dicom(pixels))
    assert file.pixel_array.shape == pixels.shape
    found, kept = images_of(pickle.dumps(file))
    assert (found.size, found.pixel_type, kept.source) == ((52, 40, 1), "uint16", "NumPy")
    assert file.PixelSpacing[0] == SPACING[1]
    assert images_of(pickle.dumps(file))[0].spacing is None
    file = data_set(dicom(pixels))
    file.Rows = 39  # more pixels than rows
    assert images_of(pickle.dumps(file))[0].size == (52, 39, 1)
    file.Rows = 41
    assert images_of(pickle.dumps(file)) == ()


def test_data_sets_in_data_sets() -> None:
    """An icon has pixels of its own."""
    rgb: dict[str, Any] = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "Rows": 40, "Columns": 52}
    file = data_set(dicom(colours()[None], **rgb, PlanarConfiguration=0))
    icon = data_set(dicom(scan("u1", (32, 32))))
    del icon.file_meta
    file.IconImageSequence = [pydicom.Dataset(icon)]
    found = images_of(pickle.dumps(file))
    assert sorted((image.size, image.components) for image in found) == [((32, 32, 1), 1), ((52, 40, 1), 3)]


@pytest.mark.filterwarnings("ignore")
def test_pydicom_s_compressed_files() -> None:
    """A pickled data set of them has no image, whatever their size."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    for path in sorted(folder.glob("*.dcm")):
        file = pydicom.dcmread(path, force=True)
        syntax = file.file_meta.get("TransferSyntaxUID") if hasattr(file, "file_meta") else None
        if syntax is not None and syntax.is_encapsulated and "PixelData" in file:
            assert not [image for image in images_of(pickle.dumps(file)) if image.source == "DICOM"], path.name


def test_nibabel_s_images_and_pandas_s_blocks() -> None:
    image = nibabel.Nifti1Image(scan().T, np.eye(4))
    found = images_of(pickle.dumps(image))
    assert (52, 40, 6) in [one.size[::-1] if one.order == "C" else one.size for one in found]
    frame = pandas.DataFrame(scan("f8")[0])
    (block,) = images_of(pickle.dumps(frame))
    assert block.pixel_type == "float64"
    assert sorted(block.size) == [40, 52]


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_frames_of_a_data_set_that_were_looked_at(protocol: int) -> None:
    """pydicom then holds their number as an object of its own: an image with one frame of many would be wrong."""
    pixels = scan("<u2")
    file = data_set(dicom(pixels, NumberOfFrames=len(pixels)))
    assert len(pixels) == file.NumberOfFrames
    np.testing.assert_array_equal(zb.images.read_array(pickle.dumps(file, protocol)), pixels)
    file["NumberOfFrames"]._value = [6]  # nothing that pydicom itself would hold
    assert images_of(pickle.dumps(file, protocol)) == ()


# ---- nibabel and itk ---------------------------------------------------------------------------------------

AFFINE = np.array([[-2.0, 0.1, 0, 90], [0.2, 2.5, 0.3, -120], [0, -0.4, 3, -70], [0, 0, 0, 1]])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.MGHImage])
def test_nibabel_s_images_have_a_geometry(kind: Any, order: str, protocol: int) -> None:
    """The one that nibabel itself writes into a file, but for the order of the axes."""
    array = np.asarray(scan("<i2"), order=order)  # type: ignore[call-overload]
    image = kind(array, AFFINE)
    (found,) = images_of(pickle.dumps([image], protocol))
    in_file = zb.info(nibabel.Nifti1Image(array, AFFINE).to_bytes()).images[0]
    assert found.source == "NumPy"
    assert found.order == order
    assert in_file.spacing is not None
    assert in_file.direction is not None
    assert found.spacing is not None
    assert found.direction is not None
    assert found.origin is not None
    assert in_file.origin is not None
    steps = np.reshape(in_file.direction, (3, 3)) * in_file.spacing
    if order == "C":
        steps = steps[:, ::-1]
    assert found.size == (array.shape if order == "F" else array.shape[::-1])
    np.testing.assert_allclose(found.spacing, np.linalg.norm(steps, axis=0), rtol=1e-6)
    np.testing.assert_allclose(np.reshape(found.direction, (3, 3)) * found.spacing, steps, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.origin, in_file.origin)


def test_nibabel_s_images_without_a_geometry() -> None:
    for image in (nibabel.Nifti1Image(scan("<i2"), None), nibabel.Nifti1Image(scan("<i2")[0], AFFINE)):
        found = images_of(pickle.dumps(image))[0]
        assert (found.source, found.spacing) == ("NumPy", None)


class ItkImage:
    """Pickled as itk does: an object without arguments, whose state is what `itk.dict_from_image` gives."""

    __module__, __qualname__ = "itk.itkImagePython", "itkImageSS3"

    def __init__(self, array: np.ndarray, components: int = 1, **more: Any) -> None:
        size = array.shape[::-1] if components == 1 else array.shape[-2::-1]
        axes = len(size)
        kind = {"dimension": axes, "componentType": str(array.dtype), "components": components}
        self.__dict__ = {
            "imageType": kind | {"pixelType": "Scalar" if components == 1 else "Vector"},
            "name": "",
            "origin": ORIGIN[:axes],
            "spacing": SPACING[:axes],
            "size": size,
            "bufferedRegion": {"index": (0,) * axes, "size": size},
            "direction": np.reshape(DIRECTION, (3, 3))[:axes, :axes].copy(),
            "data": array,
            **more,
        }


@pytest.fixture
def itk(monkeypatch: pytest.MonkeyPatch) -> None:
    """itk itself is too large to install for a test."""
    module = types.ModuleType("itk.itkImagePython")
    monkeypatch.setattr(module, "itkImageSS3", ItkImage, raising=False)
    monkeypatch.setitem(sys.modules, "itk", types.ModuleType("itk"))
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("itk")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("array", "components"), [(scan("<i2"), 1), (scan("f4")[0], 1), (colours(), 3)])
def test_itk_s_images(array: np.ndarray, components: int, protocol: int) -> None:
    (found,) = images_of(pickle.dumps({"image": ItkImage(array, components)}, protocol))
    axes = array.ndim - (components > 1)
    assert (found.source, found.dimension, found.components) == ("ITK", axes, components)
    assert found.size == array.shape[:axes][::-1]
    assert (found.spacing, found.origin) == (SPACING[:axes], ORIGIN[:axes])
    assert found.direction == tuple(np.reshape(DIRECTION, (3, 3))[:axes, :axes].ravel())


@pytest.mark.usefixtures("itk")
def test_what_itk_does_not_say_is_an_array() -> None:
    region = {"index": (0, 2, 0), "size": (52, 40, 6)}
    for more in ({"bufferedRegion": region}, {"spacing": (1, 2, 3)}, {"direction": None}, {"origin": (1.0, 2.0)}):
        found = images_of(pickle.dumps(ItkImage(scan(), **more)))[-1]
        assert (found.source, found.size, found.spacing) == ("NumPy", (52, 40, 6), None)


@pytest.mark.usefixtures("itk")
def test_itk_s_images_are_opened() -> None:
    value = pickle.dumps(ItkImage(scan("<i2")))
    np.testing.assert_array_equal(zb.images.read_array(value), scan("<i2"))
    image = zb.images.read_sitk(value)
    assert (image.GetSpacing(), image.GetOrigin()) == (SPACING, ORIGIN)
