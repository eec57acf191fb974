"""The volumes that benchmarks/codec.py measures, by class: those of a folder, what fixed recipes derive from them, and
pictures that installed packages hold.

A class is one of CLASSES. A recipe is a SimpleITK filter with all its parameters, so that a name stands for the same
voxels everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
import SimpleITK as sitk

SCANS, LABELS, FLOATS, VECTORS, COLOUR = CLASSES = ("scans", "labels and masks", "floats", "vectors", "colour")


@dataclass(frozen=True)
class Volume:
    name: str
    kind: str  # one of CLASSES
    array: np.ndarray  # the slowest axis first; components last, if there are more than one
    components: int


def kind_of(name: str, image: sitk.Image) -> str:
    """By pixel type; only labels are told by name."""
    kind = sitk.GetArrayViewFromImage(image).dtype.kind
    if image.GetNumberOfComponentsPerPixel() > 1 or kind == "c":
        is_colour = "8-bit unsigned" in image.GetPixelIDTypeAsString()
        return COLOUR if is_colour else VECTORS
    if kind == "f":
        return FLOATS
    return LABELS if name.startswith(("label", "mask")) else SCANS


def volume_of(name: str, image: sitk.Image) -> Volume:
    array = sitk.GetArrayFromImage(image)
    components = image.GetNumberOfComponentsPerPixel()
    if array.dtype.kind == "c":  # pairs of floats
        array, components = array.view(array.real.dtype).reshape(*array.shape, 2), 2
    return Volume(name, kind_of(name, image), array, components)


# ---- Derived volumes -------------------------------------------------------------------------------------------


def otsu(image: sitk.Image, inside: int = 1) -> sitk.Image:
    return sitk.OtsuThreshold(image, 0, inside)


def overlay(image: sitk.Image) -> sitk.Image:
    """Labels over grey, as viewers save them: RGB."""
    grey = sitk.Cast(sitk.RescaleIntensity(image, 0, 255), sitk.sitkUInt8)
    return sitk.LabelOverlay(grey, sitk.ConnectedComponent(otsu(image)), 0.4)


def with_alpha(image: sitk.Image) -> sitk.Image:
    parts = [sitk.VectorIndexSelectionCast(image, index) for index in range(3)]
    return sitk.Compose([*parts, parts[0] * 0 + 255])


# name -> (volume that it is made of, recipe); labels' names begin with "label" or "mask"
RECIPES: dict[str, tuple[str, Callable[[sitk.Image], sitk.Image]]] = {
    "mask_ct_aorta_otsu_u8": ("ct_aorta", otsu),
    "mask_mr_t1_otsu255_u8": ("mr_t1_u8_256", lambda image: otsu(image, 255)),
    "label_ct_aorta_components_u32": ("ct_aorta", lambda image: sitk.ConnectedComponent(otsu(image))),
    "label_mr_brain1_multiotsu_u8": ("mr_brain1", lambda image: sitk.OtsuMultipleThresholds(image, 4)),
    "ct_aorta_cast_f32": ("ct_aorta", lambda image: sitk.Cast(image, sitk.sitkFloat32)),
    "ct_example_cast_f64": ("ct_example", lambda image: sitk.Cast(image, sitk.sitkFloat64)),
    "ct_aorta_windowed_f32": (
        "ct_aorta",
        lambda image: sitk.IntensityWindowing(sitk.Cast(image, sitk.sitkFloat32), -160.0, 240.0, 0.0, 1.0),
    ),
    "mr_brain1_rescaled_f32": (
        "mr_brain1",
        lambda image: sitk.RescaleIntensity(sitk.Cast(image, sitk.sitkFloat32), 0.0, 1.0),
    ),
    "mr_brain1_normalized_f64": ("mr_brain1", lambda image: sitk.Normalize(sitk.Cast(image, sitk.sitkFloat64))),
    "ct_aorta_smoothed_f32": (
        "ct_aorta",
        lambda image: sitk.SmoothingRecursiveGaussian(sitk.Cast(image, sitk.sitkFloat32), 1.0),
    ),
    "mr_brain1_magnitude_f32": (
        "mr_brain1",
        lambda image: sitk.GradientMagnitudeRecursiveGaussian(sitk.Cast(image, sitk.sitkFloat32), 1.0),
    ),
    "label_torso_distance_f32": (
        "label_torso",
        lambda image: sitk.SignedMaurerDistanceMap(image > 0, squaredDistance=False, useImageSpacing=True),
    ),
    "mr_brain1_gradient_vec_f32": ("mr_brain1", lambda image: sitk.Gradient(sitk.Cast(image, sitk.sitkFloat32))),
    "mr_brain1_fft_c64": ("mr_brain1", lambda image: sitk.ForwardFFT(sitk.Cast(image, sitk.sitkFloat32))),
    "ct_example_overlay_rgb": ("ct_example", overlay),
    "mic_skin_rgba": ("mic_skin_rgb", with_alpha),
}


def from_folder(folder: Path, only: str) -> Iterator[Volume]:
    for path in sorted(folder.glob("*.mha")):
        derived = {name: recipe for name, (source, recipe) in RECIPES.items() if source == path.stem}
        if not any(only in name for name in (path.stem, *derived)):
            continue
        image = sitk.ReadImage(str(path))
        yield volume_of(path.stem, image)
        for name, recipe in derived.items():
            if only in name:
                yield volume_of(name, recipe(image))


# ---- Pictures in packages --------------------------------------------------------------------------------------

# Those that were JPEG files say so: their noise is not that of a camera.
PICTURES = {
    "photo_china_jpeg": ("sklearn", "datasets/images/china.jpg"),
    "photo_flower_jpeg": ("sklearn", "datasets/images/flower.jpg"),
    "photo_astronaut": ("skimage", "data/astronaut.png"),
    "photo_chelsea": ("skimage", "data/chelsea.png"),
    "photo_coffee": ("skimage", "data/coffee.png"),
    "photo_motorcycle": ("skimage", "data/motorcycle_left.png"),
    "photo_rocket_jpeg": ("skimage", "data/rocket.jpg"),
    "histology_ihc": ("skimage", "data/ihc.png"),
    "fundus_retina_jpeg": ("skimage", "data/retina.jpg"),
    "logo_rgba": ("skimage", "data/logo.png"),
    "us_rgb": ("pydicom", "data/test_files/examples_rgb_color.dcm"),
    "us_clip_ybr_jpeg": ("pydicom", "data/test_files/examples_ybr_color.dcm"),
}


def read_picture(path: Path) -> np.ndarray:
    if path.suffix == ".dcm":
        import pydicom

        return np.ascontiguousarray(pydicom.dcmread(path).pixel_array)
    from PIL import Image

    with Image.open(path) as picture:
        return np.array(picture)


def from_packages(only: str) -> Iterator[Volume]:
    """A package that is not installed, or lacks the file, is left out."""
    for name, (package, file) in PICTURES.items():
        spec = find_spec(package) if only in name else None
        for folder in spec.submodule_search_locations or [] if spec else []:
            if (Path(folder) / file).is_file():
                array = read_picture(Path(folder) / file)
                yield Volume(name, COLOUR, array, array.shape[-1])


def volumes(folder: Path, only: str = "") -> Iterator[Volume]:
    for volume in chain(from_folder(folder, only), from_packages(only)):
        if only in volume.name:
            yield volume
