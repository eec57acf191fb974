"""Small pickles and archives with arrays in them."""

from __future__ import annotations

import array
import io
import pickle
from typing import Any

import numpy as np

from .torch_files import tensor_of, torch_file, torch_pickle

PROTOCOLS = [3, 4, 5]
RAMP = np.add.outer(np.arange(40), np.arange(50)).astype("<i2")


def npz(save: Any = np.savez, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def small_containers() -> dict[str, bytes]:
    arrays = {"a": RAMP, "b": RAMP.T.astype(">c8"), "c": np.ma.masked_less(RAMP, 30), "d": array.array("h", range(300))}
    pickles = {f"containers {protocol}": pickle.dumps(arrays, protocol) for protocol in [2, *PROTOCOLS]}
    tensors = torch_file({"a": tensor_of(RAMP), "b": tensor_of(np.asfortranarray(RAMP.astype("<f4")))})
    pickled = torch_pickle([tensor_of(RAMP), tensor_of(RAMP.astype("<u2"))])
    archive = npz(a=RAMP, b=RAMP.astype("f4"))
    more = {"torch": tensors, "torch pickle": pickled, "npz": archive, "npz in a pickle": pickle.dumps([archive, RAMP])}
    return pickles | more
