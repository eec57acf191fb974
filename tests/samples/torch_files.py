"""Files as torch.save writes them, and pickles of tensors. torch itself is too large to install for a test."""

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
OWN_TYPES = {"u2": "uint16", "u4": "uint32", "u8": "uint64"}  # which have no class of storages: the tensor names them


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


def storage_id(storage: np.ndarray, key: str) -> tuple[Any, ...]:
    code = storage.dtype.str[1:]
    if code in OWN_TYPES:
        return "storage", Named("torch.storage", "UntypedStorage"), key, "cpu", storage.nbytes
    return "storage", Named("torch", STORAGES[code]), key, "cpu", storage.size


class Pickler(python_pickler):  # type: ignore[misc]
    def __init__(self, file: io.BytesIO, storages: list[np.ndarray], protocol: int = 2) -> None:
        super().__init__(file, protocol)
        self.storages = storages

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, np.ndarray):
            return None
        keys = [i for i, storage in enumerate(self.storages) if storage is obj]
        if not keys:
            self.storages.append(obj)
        key = keys[0] if keys else len(self.storages) - 1
        return storage_id(obj, str(key))

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Named):
            self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Tensor):
            arguments: Any = (obj.storage, obj.offset, obj.shape, obj.strides, False, OrderedDict())
            own = OWN_TYPES.get(obj.storage.dtype.str[1:])
            self.save(Named("torch._utils", "_rebuild_tensor_v3" if own else "_rebuild_tensor_v2"))
            self.save((*arguments, Named("torch", own)) if own else arguments)
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


class Persistent:
    """Pickled as the id of an object outside."""

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key


class OldPickler(Pickler):
    """Storages are pickled as files of the form that torch.save had before it wrote archives."""

    def persistent_id(self, obj: Any) -> Any:
        return obj.key if isinstance(obj, Persistent) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, np.ndarray) and id(obj) in self.memo:
            self.write(self.get(self.memo[id(obj)][0]))
        elif isinstance(obj, np.ndarray):
            self.save(Named("torch.storage", "_load_from_bytes"))
            self.save((old_file(obj),))
            self.write(pickle.REDUCE)
            self.memoize(obj)
        else:
            super().save(obj, save_persistent_id)


def old_file(storage: np.ndarray) -> bytes:
    out = io.BytesIO()
    sizes = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    key = storage_id(storage, "94285754313536")
    for part in (0x1950A86A20F9469CFC6C, 1001, sizes, Persistent(key), [key[2]]):
        OldPickler(out, []).dump(part)
    return out.getvalue() + struct.pack("<q", key[4]) + storage.tobytes()


def torch_pickle(obj: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> bytes:
    """What pickle.dumps(obj) makes; tensors in `obj` are of the class above."""
    out = io.BytesIO()
    OldPickler(out, [], protocol).dump(obj)
    return out.getvalue()
