"""A row as an array of Zarr v3 and back. docs/exchange.md has the layout. Needs neither Zarr nor NumPy to copy chunks.

An image becomes an array of its samples, anything else one of bytes. The attributes and the object `zblob-rest` beside
the chunks hold what a Zarr array has no place for, so that the value comes back byte for byte. `zarr.json` is written
last: an array that has it is complete.
"""

from __future__ import annotations

import json
import re
import struct
from itertools import product
from math import prod
from typing import Any

from ..codec import DEFAULT_MAX_SIZE, checksum, compress, decompress, find_damages
from ..descriptions import ImageInfo
from ..errors import DamagedFrameError, OptionError
from .names import Key, key_of, name_of
from .objects import Objects
from .parts import Chunk, Frame, Split, stored_of
from .rows import RowResult, Stored, Target, describe, mark_of, only_image, settings_of, store_again

ATTRIBUTE = "sqlite_zblob"
REST = "zblob-rest"
_OBJECT = r"c(/\d+)*|zblob-rest"
CHUNK_SIZE = 4 << 20  # bytes; of arrays that are coded anew


GROUP = "zarr.json"  # the object that says that a place is a group


def write_group(objects: Objects) -> None:
    about = {"zarr_format": 3, "node_type": "group", "attributes": {ATTRIBUTE: {"version": 1}}}
    objects.put(GROUP, json.dumps(about, indent=1).encode())


class _Array:
    """What is written of one row: objects, metadata, counts."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.objects: dict[str, bytes] = {}
        self.about: dict[str, Any] = {}
        self.shape: list[int] = [0]
        self.chunk_shape: list[int] = [1]
        self.dtype = "uint8"
        self.copied = self.coded = self.raw_size = 0

    def metadata(self) -> bytes:
        codecs: list[dict[str, Any]] = [{"name": "zblob", "configuration": {"level": self.target.level}}]
        if self.target.codec == "zstd":
            level = {"level": self.target.level, "checksum": True}
            codecs = [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "zstd", "configuration": level},
            ]
        return json.dumps(
            {
                "zarr_format": 3,
                "node_type": "array",
                "shape": self.shape,
                "data_type": self.dtype,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": self.chunk_shape}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "fill_value": _fill_value(self.dtype),
                "codecs": codecs,
                "attributes": {ATTRIBUTE: self.about},
            },
            indent=1,
        ).encode()

    def encode(self, raw: bytes, dtype: str, shape: tuple[int, ...]) -> bytes:
        self.coded += 1
        if self.target.codec == "zstd":
            return bytes(_zstd(self.target.level).encode(raw))
        extents = [each for each in shape if each != 1] or [prod(shape)]
        return compress(raw, self.target.level, dtype=dtype, shape=extents)


def _fill_value(dtype: str) -> Any:
    return False if dtype == "bool" else [0.0, 0.0] if dtype.startswith("complex") else 0


def _zstd(level: int) -> Any:
    try:
        from numcodecs.zstd import Zstd
    except ImportError as error:
        raise OptionError(f"codec zstd needs the extra: pip install 'sqlite_zblob[zarr]' ({error})") from error
    return Zstd(level=level, checksum=True)


# ---- Writing -----------------------------------------------------------------------------------------------


def write_row(objects: Objects, key: Key, stored: Stored, target: Target) -> RowResult:
    """Write the array of a row, unless it is there as it is now.

    :raises DamagedFrameError: the value is damaged, or what was written does not come back.
    """
    name, mark = name_of(key), mark_of(stored)
    before = (objects.requests, objects.sent)
    there = _metadata_there(objects, name)
    if _mark_in(there) == (mark, target.codec):
        return RowResult(key, skipped=True, requests=objects.requests - before[0])
    made = _Array(target)
    _fill(made, stored)
    if there is not None or objects.is_folder:
        objects.delete(f"{name}/zarr.json")  # which says that the array is complete
        _delete_others(objects, name, made.objects)
    made.about |= {
        "version": 1,
        "mark": mark,
        "codec": target.codec,
        "objects": {each: [len(data), f"{checksum(data):016x}"] for each, data in made.objects.items()},
    }
    for each, data in made.objects.items():
        objects.put(f"{name}/{each}", data)
        if target.verify and objects.get(f"{name}/{each}") != data:
            raise DamagedFrameError(f"{objects.url}/{name}/{each} does not hold what was written")
    objects.put(f"{name}/zarr.json", made.metadata())
    return RowResult(
        key,
        raw_bytes=made.raw_size,
        moved_bytes=objects.sent - before[1],
        requests=objects.requests - before[0],
        copied_chunks=made.copied,
        coded_chunks=made.coded,
    )


def _delete_others(objects: Objects, name: str, made: dict[str, bytes]) -> None:
    """Chunks of what the row was before, whose array had more of them. In a folder, `c/0` may be a folder by then."""
    for each in objects.sizes(f"{name}/"):
        inner = each[len(name) + 1 :]
        if re.fullmatch(_OBJECT, inner, re.ASCII) and inner not in made:
            objects.delete(each)


def _metadata_there(objects: Objects, name: str) -> bytes | None:
    try:
        return objects.get(f"{name}/zarr.json")
    except FileNotFoundError:
        return None


def _mark_in(metadata: bytes | None) -> tuple[str, str] | None:
    try:
        about = json.loads(metadata or b"")["attributes"][ATTRIBUTE]
        return about["mark"], about["codec"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _fill(made: _Array, stored: Stored) -> None:
    if not isinstance(stored, bytes | str):
        made.about |= {"kind": "scalar", "value": repr(stored) if isinstance(stored, float) else stored}
        made.about["type"] = type(stored).__name__
        return
    if isinstance(stored, str):
        settings = {"compressed": False, "level": 5, "envelope": None, "for_column": False}
        _fill_bytes(made, stored.encode("utf-8", "surrogatepass"), "text", settings, None)
        return
    about = describe(stored)
    made.raw_size = about.raw_size
    image = only_image(about)
    if about.frame and about.value_type == "text":
        text = decompress(stored)
        assert isinstance(text, str)
        _fill_bytes(made, text.encode("utf-8", "surrogatepass"), "text", settings_of(about), None)
    elif image is not None and min(image.size):
        _fill_image(made, stored, image, settings_of(about))
    else:
        is_chunk = about.frame and about.envelope is None and not about.dictionary_id
        raw = b"" if is_chunk and made.target.codec == "zblob" else _raw(stored)
        _fill_bytes(made, raw, "bytes", settings_of(about), stored if is_chunk else None)


def _raw(stored: bytes) -> bytes:
    raw = decompress(stored)
    return raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")


def _fill_bytes(made: _Array, raw: bytes, kind: str, settings: dict[str, Any], frame: bytes | None) -> None:
    """:param frame: the value as it is stored, which is a chunk of the codec zblob."""
    is_copy = frame is not None and made.target.codec == "zblob"
    size = made.raw_size if is_copy else len(raw)
    made.raw_size = size
    made.about |= {"kind": kind, "settings": settings, "exact": is_copy}
    made.shape, made.chunk_shape = [size], [max(size, 1)]
    if not size:
        made.about["exact"] = False
    elif frame is not None and is_copy:
        _check(frame, made)
        made.objects["c/0"] = frame
        made.copied += 1
    else:
        made.objects["c/0"] = made.encode(raw, "uint8", (size,))


def _check(frame: bytes, made: _Array) -> None:
    if made.target.verify and (damages := find_damages(frame)):
        raise DamagedFrameError(damages[0][1])


def _fill_image(made: _Array, stored: bytes, image: ImageInfo, settings: dict[str, Any]) -> None:
    import numpy as np

    shape = (*reversed(image.size), *((image.components,) if image.components > 1 else ()))
    made.shape, made.dtype = list(shape), image.pixel_type
    item = np.dtype(image.pixel_type).itemsize * image.components
    made.about |= {"kind": "image", "settings": settings, "source": image.source, "order": image.order}
    made.about |= {"spacing": image.spacing, "origin": image.origin, "direction": image.direction}
    made.about |= {"value_offset": image.value_offset, "byte_order": image.byte_order}
    made.about["image_size"] = prod(image.size) * item
    frame = _ordinary(stored) if _can_copy(made, settings) else None
    split = frame.split(image, item) if frame else None
    grid = _grid(shape, image, split) if split else None
    if frame and split and grid and _fits(frame, split, image):
        made.chunk_shape = list(grid)
        _copy_chunks(made, frame, split, image, shape)
        return
    raw = _raw(stored)
    samples = np.frombuffer(raw, _dtype(image), prod(shape), image.value_offset).reshape(shape)
    end = image.value_offset + samples.nbytes
    made.about["exact"] = False
    made.objects[REST] = compress(raw[: image.value_offset] + raw[end:], made.target.level)
    made.chunk_shape = _chunk_shape(shape, image, item)
    for at in product(*(range(-(-extent // step)) for extent, step in zip(shape, made.chunk_shape, strict=True))):
        block = samples[tuple(slice(n * step, (n + 1) * step) for n, step in zip(at, made.chunk_shape, strict=True))]
        made.objects[_chunk_name(at)] = _encode_block(made, block)


def _can_copy(made: _Array, settings: dict[str, Any]) -> bool:
    return made.target.codec == "zblob" and settings["compressed"] and settings["envelope"] is None


def _dtype(image: ImageInfo) -> Any:
    import numpy as np

    return np.dtype(image.pixel_type).newbyteorder("<" if image.byte_order == "little" else ">")


def _encode_block(made: _Array, block: Any) -> bytes:
    """A chunk of full size, in little-endian order: what lies beyond the array is zero."""
    import numpy as np

    dtype = np.dtype(made.dtype).newbyteorder("<")
    full = np.zeros(made.chunk_shape, dtype)
    full[tuple(slice(0, extent) for extent in block.shape)] = block
    return made.encode(full.tobytes(), made.dtype, tuple(made.chunk_shape))


def _ordinary(stored: bytes) -> Frame | None:
    try:
        return Frame(stored)
    except DamagedFrameError:
        return None


def _fits(frame: Frame, split: Split, image: ImageInfo) -> bool:
    """Is the first chunk a frame of its own? What the codec takes for a slice may differ where an axis is short."""
    if image.size[0] >= 24 and min(image.size) > 1:
        return True
    return not find_damages(frame.chunk_frame(split.chunks[0], split.slices[0], 0))


def _grid(shape: tuple[int, ...], image: ImageInfo, split: Split) -> tuple[int, ...] | None:
    """The shape of a chunk of so many slices. None: such chunks are no boxes."""
    fixed = shape[len(image.size) - 2 :] if len(image.size) > 2 else shape
    slow = shape[: len(shape) - len(fixed)]
    left, found = split.slices[0], []
    for position, extent in enumerate(reversed(slow)):
        outer = prod(slow[: len(slow) - 1 - position])
        if left >= extent and left % extent == 0:
            found.append(extent)
            left //= extent
        elif left < extent and (outer == 1 or extent % left == 0):
            found.append(left)
            left = 1
        else:
            return None
    return (*reversed(found), *fixed) if left == 1 else None


def _chunk_shape(shape: tuple[int, ...], image: ImageInfo, item: int) -> list[int]:
    """Whole slices of about CHUNK_SIZE together."""
    axes = len(image.size)
    if axes < 3:
        return [max(each, 1) for each in shape]
    slices = max(1, CHUNK_SIZE // max(1, prod(image.size[:2]) * item))
    return [1] * (axes - 3) + [min(slices, shape[axes - 3])] + list(shape[axes - 2 :])


def _chunk_name(at: tuple[int, ...]) -> str:
    return "/".join(["c", *map(str, at)])


def _require_bounds(metadata: dict[str, Any], objects: dict[str, Any], expected: int) -> None:
    """Before anything is made of them: is the array as large as the value had room for, and are these its chunks?

    :raises DamagedFrameError: no.
    """
    shape, chunk_shape = metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
    numbers = [*shape, *chunk_shape]
    if len(shape) != len(chunk_shape) or not all(type(each) is int and 0 < each < 1 << 40 for each in numbers):
        raise DamagedFrameError(f"an array of shape {shape!r} in chunks of {chunk_shape!r} makes no sense")
    count = prod(-(-extent // step) for extent, step in zip(shape, chunk_shape, strict=True))
    if prod(shape) > expected or prod(chunk_shape) > 2 * expected + 1 or count != sum(each != REST for each in objects):
        raise DamagedFrameError(f"shape {shape} in chunks of {chunk_shape} does not fit the {len(objects)} objects")


def _positions(shape: tuple[int, ...] | list[int], chunk_shape: list[int]) -> list[tuple[int, ...]]:
    return list(product(*(range(-(-extent // step)) for extent, step in zip(shape, chunk_shape, strict=True))))


def _copy_chunks(made: _Array, frame: Frame, split: Split, image: ImageInfo, shape: tuple[int, ...]) -> None:
    """Whole chunks under new headers; the last one, if it is smaller, coded anew and kept as it is in the rest."""
    import numpy as np

    full = split.slices[0]
    whole = [chunk for chunk, slices in zip(split.chunks, split.slices, strict=True) if slices == full]
    places = _positions(shape, made.chunk_shape)
    for chunk, at in zip(whole, places, strict=False):
        data = frame.chunk_frame(chunk, full, 0)
        _check(data, made)
        made.objects[_chunk_name(at)] = data
        made.copied += 1
    inside = {chunk.raw_offset for chunk in whole}
    rest = [chunk for chunk in frame.chunks if chunk.raw_offset not in inside]
    made.objects[REST] = frame.head + b"".join(map(frame.stored, rest))
    if len(whole) < len(split.chunks):
        last = split.chunks[-1]
        raw = _decoded(frame, last, split.first + len(split.chunks) - 1)
        extents = zip(shape, made.chunk_shape, places[-1], strict=True)
        box = [min(step, extent - n * step) for extent, step, n in extents]
        block = np.frombuffer(raw, _dtype(image)).reshape(box)
        made.objects[_chunk_name(places[-1])] = _encode_block(made, block)
    made.about |= {"exact": True, "whole": len(whole), "first": split.first}


def _decoded(frame: Frame, chunk: Chunk, index: int) -> bytes:
    from ..chunks import FrameDecoder

    decoder = FrameDecoder(frame.head, len(frame.data))
    return bytes(decoder.decode([index], [frame.stored(chunk)])[0])


# ---- Reading -----------------------------------------------------------------------------------------------


def read_row(objects: Objects, name: str, target: Target) -> RowResult:
    """The value of a row as it was stored; of an array that others have written or changed, its samples.

    :raises OptionError: it is no array.
    :raises DamagedFrameError: it is damaged, or parts are missing.
    """
    before = (objects.requests, objects.received)
    try:
        metadata = json.loads(objects.get(f"{name}/zarr.json"))
        is_array = metadata["node_type"] == "array"
    except FileNotFoundError as error:
        raise OptionError(
            f"{objects.url}/{name} has no zarr.json: it is no Zarr array of version 3, or its export was interrupted"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OptionError(f"{objects.url}/{name} is no Zarr array of version 3: {error!r}") from error
    if not is_array:
        raise OptionError(f"{objects.url}/{name} is a group: only the arrays of one group are imported")
    about = metadata.get("attributes", {}).get(ATTRIBUTE)
    if isinstance(about, dict) and about.get("version") == 1:
        stored, copied = _read_own(objects, name, metadata, about)
    else:
        stored, copied = _read_foreign(objects, name, target), 0
    if target.verify and isinstance(stored, bytes) and (damages := find_damages(stored)):
        raise DamagedFrameError(f"{objects.url}/{name}: {damages[0][1]}")
    return RowResult(
        key_of(name),
        raw_bytes=describe(stored).raw_size if isinstance(stored, bytes) else 0,
        moved_bytes=objects.received - before[1],
        requests=objects.requests - before[0],
        copied_chunks=copied,
        coded_chunks=0 if copied else len(about["objects"]) if isinstance(about, dict) and "objects" in about else 0,
        stored=stored,
    )


_SCALARS: dict[str, Any] = {"int": int, "float": float, "NoneType": lambda _: None}


def _read_own(objects: Objects, name: str, metadata: dict[str, Any], about: dict[str, Any]) -> tuple[Stored, int]:
    """The value, and how many chunks were copied."""
    try:
        if about["kind"] == "scalar":
            return _SCALARS[about["type"]](about["value"]), 0
        found: dict[str, bytes] = {}
        changed = False
        for each, (size, digest) in about["objects"].items():
            if not re.fullmatch(_OBJECT, each, re.ASCII):
                raise DamagedFrameError(f"{objects.url}/{name}/zarr.json names an object {each!r}")
            data = objects.get(f"{name}/{each}")
            same = len(data) == size and f"{checksum(data):016x}" == digest
            if each == REST and not same:
                raise DamagedFrameError(f"{objects.url}/{name}/{REST} is damaged")
            changed |= not same
            found[each] = data
        if about["kind"] != "image":
            return _bytes_back(found, about, metadata, changed)
        _require_bounds(metadata, found, _most_samples(about))
        if about["exact"] and not changed:
            return _frame_back(found, about, metadata), int(about["whole"])
        return _image_back(found, about, metadata), 0
    except FileNotFoundError as error:
        raise DamagedFrameError(f"{objects.url}/{name} is not complete: there is no {error.filename}") from error
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, ArithmeticError, struct.error) as error:
        if isinstance(error, DamagedFrameError | OptionError):
            raise
        raise DamagedFrameError(f"{objects.url}/{name}/zarr.json makes no sense: {error!r}") from error


def _most_samples(about: dict[str, Any]) -> int:
    size = about["image_size"]
    if type(size) is not int or not 0 < size <= DEFAULT_MAX_SIZE:
        raise DamagedFrameError(f"an image of {size!r} bytes is more than a value can hold")
    return size


def _bytes_back(
    found: dict[str, bytes], about: dict[str, Any], metadata: dict[str, Any], changed: bool
) -> tuple[Stored, int]:
    if about["exact"] and not changed:
        return found["c/0"], 1
    raw = _decode(found["c/0"], metadata) if found else b""
    value: bytes | str = raw.decode("utf-8", "surrogatepass") if about["kind"] == "text" else raw
    return store_again(value, about["settings"]), 0


def _decode(data: bytes, metadata: dict[str, Any]) -> bytes:
    """A chunk, which must have the size that the array says, before it is decoded.

    :raises DamagedFrameError: it has another.
    """
    import numpy as np

    expected = prod(metadata["chunk_grid"]["configuration"]["chunk_shape"]) * np.dtype(metadata["data_type"]).itemsize
    is_zstd = metadata["codecs"][-1]["name"] == "zstd"
    size = _zstd_size(data) if is_zstd else describe(data).raw_size
    if size != expected or expected > DEFAULT_MAX_SIZE:
        raise DamagedFrameError(f"a chunk holds {size} bytes, where the array needs {expected}")
    if not is_zstd:
        return _raw(data)
    try:
        return bytes(_zstd(1).decode(data))
    except RuntimeError as error:
        raise DamagedFrameError(f"a chunk is no Zstandard frame: {error}") from error


def _zstd_size(data: bytes) -> int | None:
    """What a Zstandard frame says of its content (RFC 8878, section 3.1.1.1); None: nothing."""
    if len(data) < 9 or data[:4] != b"\x28\xb5\x2f\xfd":
        return None
    descriptor = data[4]
    is_single = bool(descriptor & 32)
    at = 5 + (not is_single) + (0, 1, 2, 4)[descriptor & 3]
    width = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    if not width or at + width > len(data):
        return None
    return int.from_bytes(data[at : at + width], "little") + (256 if width == 2 else 0)


def _frame_back(found: dict[str, bytes], about: dict[str, Any], metadata: dict[str, Any]) -> bytes:
    """The frame from its head, the chunks outside the image and the stored bytes of those within."""
    rest = found[REST]
    whole = _positions(metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"])[: about["whole"]]
    inner = [stored_of(found[_chunk_name(at)])[0] for at in whole]
    head = Frame.of_rest(rest)
    parts, at = [head.head], len(head.head)
    for number, chunk in enumerate(head.chunks):
        position = number - about["first"]
        if 0 <= position < len(inner):
            parts.append(inner[position])
        else:
            parts.append(rest[at : at + chunk.stored_size])
            at += chunk.stored_size
    return b"".join(parts)


def _image_back(found: dict[str, bytes], about: dict[str, Any], metadata: dict[str, Any]) -> Stored:
    """The value around the samples that the array has now."""
    import numpy as np

    shape, chunk_shape = metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
    dtype = np.dtype(metadata["data_type"]).newbyteorder("<")
    samples = np.zeros(shape, dtype)
    for at in _positions(shape, chunk_shape):
        block = np.frombuffer(_decode(found[_chunk_name(at)], metadata), dtype).reshape(chunk_shape)
        box = tuple(
            slice(n * step, min((n + 1) * step, end)) for n, step, end in zip(at, chunk_shape, shape, strict=True)
        )
        samples[box] = block[tuple(slice(0, each.stop - each.start) for each in box)]
    outside = _outside(found[REST], about) if about["exact"] else _raw(found[REST])
    before, after = outside[: about["value_offset"]], outside[about["value_offset"] :]
    if about.get("byte_order") == "big":
        samples = samples.astype(dtype.newbyteorder(">"))
    return store_again(before + samples.tobytes() + after, about["settings"])


def _outside(rest: bytes, about: dict[str, Any]) -> bytes:
    """What a value has before and after its image, from the chunks that are in the rest."""
    from ..chunks import FrameDecoder

    frame = Frame.of_rest(rest)
    start, end = about["value_offset"], about["value_offset"] + about["image_size"]
    outside = [(n, c) for n, c in enumerate(frame.chunks) if not start <= c.raw_offset < end]
    inside = range(about["first"], about["first"] + about["whole"])
    places, at = {}, len(frame.head)
    for number, chunk in enumerate(frame.chunks):
        if number not in inside:
            places[number] = at
            at += chunk.stored_size
    decoder = FrameDecoder(frame.head, len(frame.head) + sum(chunk.stored_size for chunk in frame.chunks))
    stored = [rest[places[n] : places[n] + c.stored_size] for n, c in outside]
    return b"".join(map(bytes, decoder.decode([n for n, _ in outside], stored)))


def _read_foreign(objects: Objects, name: str, target: Target) -> bytes:
    """An array that another program has written, as a `.npy` value."""
    try:
        import zarr
        from zarr.storage import ObjectStore
    except ImportError as error:
        raise OptionError(f"arrays of other programs need the extra: sqlite_zblob[zarr] ({error})") from error
    import io

    import numpy as np

    from ..integrations import zarr as _codec  # noqa: F401 - registers the codec

    array: Any = zarr.open_array(ObjectStore(objects.store, read_only=True), path=name, mode="r")
    if array.nbytes > DEFAULT_MAX_SIZE or array.dtype.hasobject:
        raise OptionError(
            f"{objects.url}/{name}: {array.nbytes} bytes of {array.dtype} are no value: store it in parts"
        )
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array[...]), allow_pickle=False)
    return compress(buffer.getvalue(), target.level)
