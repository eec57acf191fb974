"""The column that an operation works on, under the names that it has now, while others change the schema."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from ..column.storage import ColumnStatus, moved_to, statuses
from ..column.virtual import find_rows
from ..connect.database import fold, pragma
from .record import Record, find_record, records, table_of_rows
from .values import place_of
from .workers import source_of


class Target:
    """Found by the names that the caller gave, and by its record as soon as it has one.

    :raises OptionError: there is no such table or column.
    """

    def __init__(self, connection: apsw.Connection, database: str, table: str, column: str) -> None:
        """:param database: what `open_again` opens."""
        self.connection, self.database = connection, database
        self.record: Record | None = None
        self.on_change: Callable[[], None] = lambda: None  # called where the schema has changed; may raise
        self._find(table_of_rows(connection, table), column)

    def _find(self, table: str, column: str) -> None:
        connection = self.connection
        self.schema_version = pragma(connection, "schema_version")
        self.rows = find_rows(connection, table)  # the ordinary table, of a virtual one that behind it
        self.place = place_of(self.rows, self.rows.column(column))
        self.column = self.place.column
        self.is_virtual = fold(self.rows.name) != fold(table)
        self.table = self.rows.name.removesuffix("_rows") if self.is_virtual else self.rows.name
        self.source = source_of(connection, self.database, self.place)

    def follow(self) -> bool:
        """Find the column again if the schema has changed, and say so. To be called in a transaction.

        :raises OptionError: the column is gone.
        """
        if pragma(self.connection, "schema_version") == self.schema_version:
            return False
        table, column = self.table, self.column
        if self.record is not None:
            for each in records(self.connection)[0]:
                if each.id == self.record.id:
                    table, column, self.record.is_anchored = each.table, each.column, each.is_anchored
            self.record.table, self.record.column = table, column
        self._find(table, column)
        self.on_change()
        return True

    def note_own_change(self) -> None:
        """The schema has been changed by this connection, in the transaction that is open."""
        self._find(self.table, self.column)

    @property
    def current(self) -> ColumnStatus | None:
        """The column's status; None: it is not enabled."""
        found = statuses(self.connection, "main")
        return next((each for each in found if each.is_column(self.table, self.column)), None)

    @property
    def moved_to(self) -> str | None:
        """The table, renamed, that the column's compression has gone with, where this one was made anew since then."""
        return moved_to(self.connection, self.table, self.column)

    def find_record(self) -> Record | None:
        return find_record(self.connection, self.table, self.column)
