"""Images of SimpleITK, nibabel, pydicom and NumPy as rows of a table: `zb.images.write_image` and `read_image`.

Each is stored as what its library itself would write: a pickle of the SimpleITK image, a .nii, DICOM or .npy
file. Any other program can so read the values, and all of them are recognised as images. Reading runs no code of the
value's: a pickle is taken only if it is that of one SimpleITK image.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

from .arguments import plain_integer
from .codec import DEFAULT_LEVEL, compress, decompress, info
from .column.schema import look_at_table, master_of, require_schema
from .column.storage import status
from .column.virtual import is_zblob
from .connect.database import atomic, fold, quote, run
from .connect.loader import Connection, load
from .connect.opening import Database, connected
from .errors import OptionError, WrongTypeError

_KINDS = "images of SimpleITK, nibabel (NIfTI) and pydicom, and NumPy arrays"


def write_image(
    database: Database,
    table: str,
    key: Any,
    image: Any,
    *,
    column: str = "data",
    level: int | None = None,
    schema: str = "main",
) -> None:
    """Store an image under a key, compressed, in place of the one that is there. Other columns stay as they are.

    :param database: as for `enable`.
    :param table: made with the columns `key` and `column` if there is none; otherwise its primary key is one column.
    :param image: a SimpleITK image, an image of nibabel in NIfTI format, a pydicom data set, or a NumPy array.
    :param level: 1 (fastest) to 9 (smallest), 5 by default; not for a column that is enabled, which has its own.
    :raises WrongTypeError: it is no such image.
    :raises OptionError: it cannot be stored without a loss, or the table has no such column.
    """
    value: bytes = _to_bytes(image)
    key = plain_integer(key)
    with connected(database, writes=True) as connection:
        load(connection)
        require_schema(connection, schema)
        columns = [each for each in status(connection, schema=schema) if each.is_column(table, column)]
        if columns and level is not None:
            raise OptionError(
                f"column {column} of table {table} has its own level, {columns[0].level}: leave out level"
            )
        if not any(each.is_intact for each in columns):
            value = compress(value, DEFAULT_LEVEL if level is None else level)
        address = f"{quote(schema)}.{quote(table)}"
        with atomic(connection):
            if not _definition(connection, table, schema) and not fold(table).startswith("sqlite_"):
                run(connection, f"CREATE TABLE {address}(key PRIMARY KEY NOT NULL, {quote(column)} BLOB NOT NULL)")
            key_name = quote(_key_column(connection, table, column, schema))
            if run(connection, f"SELECT 1 FROM {address} WHERE {key_name} = ?", (key,)):
                run(connection, f"UPDATE {address} SET {quote(column)} = ? WHERE {key_name} = ?", (value, key))
            else:
                run(connection, f"INSERT INTO {address}({key_name}, {quote(column)}) VALUES (?, ?)", (key, value))


def read_image(
    database: Database, table: str, key: Any, *, column: str = "data", schema: str = "main", max_size: int = 1 << 32
) -> Any:
    """The image that a row holds, as an object of the library that wrote it, which must be installed.

    :param database: as for `enable`.
    :param max_size: refuse values of more bytes than this.
    :raises KeyError: there is no such row, or it is NULL.
    :raises OptionError: the value is none of these images; `decompress` gives its bytes.
    :raises DamagedFrameError: it is damaged.
    """
    with connected(database, writes=False) as connection:
        load(connection)
        name = quote(_key_column(connection, table, column, schema))
        sql = f"SELECT {quote(column)} FROM {quote(schema)}.{quote(table)} WHERE {name} = ?"
        rows = run(connection, sql, (plain_integer(key),))
    if not rows or rows[0][0] is None:
        raise KeyError(key)
    value = rows[0][0]
    if isinstance(value, bytes):
        value = decompress(value, max_size=max_size)
    if not isinstance(value, bytes):
        raise OptionError(f"the value under {key!r} is no image, but {type(value).__name__}")
    return _from_bytes(value, key)


def _definition(connection: Connection, table: str, schema: str) -> str:
    rows = run(connection, f"SELECT name, sql FROM {master_of(schema)} WHERE type IN ('table', 'view')")
    return next((sql for name, sql in rows if fold(name) == fold(table)), "")


def _key_column(connection: Connection, table: str, column: str, schema: str) -> str:
    require_schema(connection, schema)
    is_virtual = is_zblob(_definition(connection, table, schema))
    name = f"{table}_rows" if is_virtual else table
    found = look_at_table(connection, name, schema, allow_shadow=is_virtual, use="take")
    found.column(column)
    if len(found.primary_key) != 1:
        raise OptionError(f"table {table} has {len(found.primary_key)} columns in its primary key, not one")
    return found.primary_key[0].name


# ---- Images and bytes --------------------------------------------------------------------------------------


def _to_bytes(image: Any) -> bytes:
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(image).__mro__}
    if "SimpleITK.Image" in kinds:
        if image.GetPixelIDTypeAsString().startswith("label of"):  # SimpleITK would abort the process
            raise OptionError("SimpleITK cannot pickle label maps: convert it by LabelMapToLabel first")
        if 0 in image.GetSize():
            raise OptionError("the image has no pixels: it could be stored, but not be told from other pickles")
        return pickle.dumps(image, 4)
    if kinds & {"nibabel.Nifti1Pair", "nibabel.Nifti2Pair"}:
        return _nifti_bytes(image)
    buffer = io.BytesIO()
    if "pydicom.Dataset" in kinds:
        import pydicom

        pydicom.dcmwrite(buffer, image, enforce_file_format=True)
        return buffer.getvalue()
    if "numpy.ndarray" in kinds:
        _write_array(buffer, image)
        return buffer.getvalue()
    raise WrongTypeError(f"write_image takes {_KINDS}, not {type(image).__name__}")


def _write_array(buffer: io.BytesIO, array: Any) -> None:
    import numpy as np

    if type(array) not in (np.ndarray, np.memmap):
        raise WrongTypeError(f"a .npy file would lose what a {type(array).__name__} is: give an ndarray")
    if array.dtype.hasobject:
        raise OptionError("an array of Python objects is no image")
    np.save(buffer, array, allow_pickle=False)


def _nifti_bytes(image: Any) -> bytes:
    import numpy as np

    data = image.to_bytes()
    stored, given = (np.asanyarray(each.dataobj) for each in (type(image).from_bytes(data), image))
    if not np.array_equal(stored, given, equal_nan=given.dtype.kind in "fc"):
        raise OptionError(
            f"nibabel would round these {given.dtype} voxels to the header's {image.get_data_dtype()}: "
            "call image.set_data_dtype first"
        )
    return bytes(data)


def _from_bytes(value: bytes, key: Any) -> Any:
    if value.startswith(b"\x93NUMPY"):
        import numpy as np

        return np.load(io.BytesIO(value), allow_pickle=False)
    if value[128:132] == b"DICM":
        import pydicom

        return pydicom.dcmread(io.BytesIO(value))
    if value[344:347] == b"n+1" or value[4:7] == b"n+2":
        import nibabel

        kind = nibabel.Nifti1Image if value[344:347] == b"n+1" else nibabel.Nifti2Image
        return kind.from_bytes(value)
    if [image.source for image in info(value).images] == ["SimpleITK"]:
        return _Unpickler(value).load()
    raise OptionError(f"the value under {key!r} is none of {_KINDS}: zb.decompress gives its bytes")


class _Unpickler(pickle.Unpickler):
    """Of one SimpleITK image. Nothing else that a pickle can name is called."""

    def __init__(self, value: bytes) -> None:
        super().__init__(io.BytesIO(value))
        self._room = len(value)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("SimpleITK.SimpleITK", "Image"):
            return self._make
        raise OptionError(f"this pickle is not of a SimpleITK image alone: it names {module}.{name}")

    def _make(self, size: Any, pixel_type: Any, components: Any) -> Any:
        """An image whose pixels the value can hold."""
        import SimpleITK as sitk

        self._room -= math.prod(size) * max(1, components)
        if self._room < 0:
            raise OptionError("this pickle claims an image that is larger than the pickle itself")
        return sitk.Image(size, pixel_type, components)
