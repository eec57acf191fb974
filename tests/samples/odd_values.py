"""Values that look like images or pickles at first and are none."""

from __future__ import annotations

import pickle

import numpy as np
import SimpleITK as sitk

from .images import make_image


def odd_values() -> dict[str, bytes]:
    image = pickle.dumps(make_image(sitk.sitkUInt8, 3))
    structured = np.zeros(40, [("a", "<i2"), ("b", "<f4")])
    return {
        "trailing byte": image + b"\0",
        "cut off": image[:-1],
        "no STOP": image[:-1] + b"0",
        "wrong size": image.replace(b"K\x07K\x06K\x05", b"K\x08K\x06K\x05"),
        "zero size": image.replace(b"K\x07K\x06K\x05", b"K\x00K\x06K\x05"),
        "negative size": image.replace(b"K\x07K\x06K\x05", b"J\xff\xff\xff\xffK\x06"),
        "unknown class": image.replace(b"Image", b"Imagf"),
        "persistent id": b"\x80\x04Q.",
        "extension code": b"\x80\x04\x82\x01.",
        "out-of-band buffer": pickle.dumps(np.zeros(300, "u1"), 5, buffer_callback=lambda buffer: None),
        "structured array": pickle.dumps(structured),
        "object array": pickle.dumps(np.array([1, "a", None] * 40, dtype=object)),
        "datetime array": pickle.dumps(np.zeros(300, "M8[ns]")),
        "0-d array": pickle.dumps(np.array(5)),
        "empty array": pickle.dumps(np.zeros((3, 0, 5))),
        "nine axes": pickle.dumps(np.zeros((2,) * 9)),
        "text": b"\x80\x04plain text that only starts like a pickle",
        "stack underflow": b"\x80\x04" + b"\x87" * 300 + b".",
        "mark underflow": b"\x80\x04" + b"t" * 300 + b".",
        "huge length": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
        "memo out of range": b"\x80\x04j\xff\xff\xff\x7f.",
        "memo unset": b"\x80\x04h\x05.",
        "npy of an odd dtype": b"\x93NUMPY\x01\0\x3c\0{'descr': '<z2', 'fortran_order': False, 'shape': (9,), }\n"
        + bytes(18),
        "npy with a false length": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'",
    }
