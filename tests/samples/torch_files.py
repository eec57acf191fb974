"""Files as torch.save writes them, by the documented layout: torch itself is too large to install for a test."""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from typing import Any

import numpy as np

STORAGES = {
    "f4": "FloatStorage",
    "f8": "DoubleStorage",
    "f2": "HalfStorage",
    "u1": "ByteStorage",
    "i1": "CharStorage",
    "i2": "ShortStorage",
    "i4": "IntStorage",
    "i8": "LongStorage",
    "b1": "BoolStorage",
    "c8": "ComplexFloatStorage",
}


class Named:
    """Pickled as a global of a module that need not be there."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Tensor:
    """Elements of `storage`, an array of one axis, from `offset` on."""

    def __init__(self, storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides


def tensor_of(array: np.ndarray) -> Tensor:
    """A tensor of an array's elements, as they lie in memory."""
    steps = tuple(step // array.itemsize for step in array.strides)
    return Tensor(array.ravel("K"), 0, array.shape, steps)


python_pickler: Any = pickle._Pickler  # in it, globals can be written unimported


class Pickler(python_pickler):  # type: ignore[misc]
    def __init__(self, file: io.BytesIO, storages: list[np.ndarray]) -> None:
        super().__init__(file, protocol=2)
        self.storages = storages

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, np.ndarray):
            return None
        keys = [i for i, storage in enumerate(self.storages) if storage is obj]
        if not keys:
            self.storages.append(obj)
        key = keys[0] if keys else len(self.storages) - 1
        return "storage", Named("torch", STORAGES[obj.dtype.str[1:]]), str(key), "cpu", obj.size

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Named):
            self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Tensor):
            arguments: Any = (obj.storage, obj.offset, obj.shape, obj.strides, False, OrderedDict())
            self.save(Named("torch._utils", "_rebuild_tensor_v2"))
            self.save(arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def member(name: str, data: bytes, at: int) -> tuple[bytes, bytes]:
    """A stored member and its entry in the directory. Its sizes follow the data, which begins at a multiple of 64."""
    file_name = f"archive/{name}".encode()
    padding = -(at + 30 + len(file_name) + 4) % 64
    extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    checksum, flags = 0, 0x808
    head = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, 0, len(file_name), len(extra))
    tail = struct.pack("<4sIII", b"PK\7\x08", checksum, len(data), len(data))
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 0, 0, flags, 0, 0, 0, checksum, len(data), len(data),
                        len(file_name), 0, 0, 0, 0, 0, at)  # fmt: skip
    return head + file_name + extra + data + tail, entry + file_name


def torch_file(obj: Any) -> bytes:
    """What torch.save(obj) writes; tensors in `obj` are of the class above."""
    pickled = io.BytesIO()
    storages: list[np.ndarray] = []
    Pickler(pickled, storages).dump(obj)
    big = bool(storages) and storages[0].dtype.byteorder == ">"
    members = {"data.pkl": pickled.getvalue(), "byteorder": b"big" if big else b"little"}
    members |= {f"data/{key}": storage.tobytes() for key, storage in enumerate(storages)} | {"version": b"3\n"}
    out, directory = b"", b""
    for name, data in members.items():
        local, entry = member(name, data, len(out))
        out, directory = out + local, directory + entry
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return out + directory + end
