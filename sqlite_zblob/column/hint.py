"""What a row says of the raw voxels in it: two SQL expressions over its columns, for dtype and shape.

They are evaluated for one row at a time, and whatever goes wrong leaves its value to a guess. The SQL function
`sqlite_zblob_hint` checks that they are no more than expressions (csrc/sqlite/row_hint.c).
"""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

import apsw

from ..codec import Hint
from ..connect.database import run
from ..connect.loader import Connection
from ..errors import OptionError
from .schema import Table


class HintFrom(NamedTuple):
    """SQL expressions over NEW, the row that holds the value."""

    dtype_from: str | None = None
    shape_from: str | None = None

    def __bool__(self) -> bool:
        return bool(self.dtype_from and self.shape_from)

    def or_else(self, known: HintFrom) -> HintFrom:
        """What is not given is as it was; an empty text takes it away.

        :raises OptionError: one is left without the other.
        """
        dtype = known.dtype_from if self.dtype_from is None else self.dtype_from
        shape = known.shape_from if self.shape_from is None else self.shape_from
        if bool(dtype) != bool(shape):
            raise OptionError("dtype_from and shape_from go together: give both, or '' for both to take them away")
        return HintFrom(dtype or None, shape or None)


NO_HINT = HintFrom()


def refuse_hint(connection: Connection, table: Table, hint: HintFrom) -> None:
    """:raises OptionError: the expressions cannot be evaluated for a row of this table, in this connection."""
    trouble = hint_trouble(connection, table.address, hint)
    if trouble:
        raise OptionError(
            f"dtype_from and shape_from cannot be used with table {table.name}: {trouble}. Give others, or '' for both"
        )


def hint_trouble(connection: Connection, address: str, hint: HintFrom) -> str | None:
    """Why no row of the table can be asked; None: each can be, or nothing is to be asked.

    :param address: of the ordinary table that holds the rows.
    """
    if not hint:
        return None
    try:
        run(connection, f"EXPLAIN {_select(connection, address, 'false', hint)}")
    except (apsw.Error, sqlite3.Error) as error:
        return None if "no such function: sqlite_zblob_hint" in str(error) else str(error)  # without the extension
    return None


def ask_row(connection: Connection, address: str, condition: str, key: tuple[Any, ...], hint: HintFrom) -> Hint | None:
    """What a row says of its voxels; None: nothing that could be of use.

    :param condition: finds the row, with the key for its parameters.
    """
    if not hint:
        return None
    try:
        rows = run(connection, _select(connection, address, condition, hint), key)
    except (apsw.Error, sqlite3.Error, UnicodeDecodeError):
        return None
    dtype, shape = rows[0] if len(rows) == 1 else (None, None)
    shape = str(shape) if isinstance(shape, int) else shape
    return (dtype, shape) if isinstance(dtype, str) and isinstance(shape, str) else None


def _select(connection: Connection, address: str, condition: str, hint: HintFrom) -> str:
    ((start,),) = run(connection, "SELECT sqlite_zblob_hint(?, ?)", hint)
    return f"{start} (SELECT * FROM {address} WHERE {condition}) AS NEW"
