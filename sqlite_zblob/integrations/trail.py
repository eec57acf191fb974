"""Where compressed columns go while a library makes their tables anew and renames them, by the statements that it runs.

The triggers that compress a column go with its old table, so nothing in the database tells afterwards where it is, if
table or column has another name by then. A statement that is not understood leaves no trail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..column.record import names_by_triggers
from ..connect.database import Token, fold, group_after, names, run, tokens
from ..connect.loader import Connection

Place = tuple[str, str]  # table and column, folded
Key = tuple[str, int]  # schema, and the column's id in its record

_MATTERS = re.compile(r"\s*(ALTER\s+TABLE|DROP\s+TABLE|INSERT\s(?=.*?\bSELECT\b))", re.IGNORECASE | re.DOTALL)
# Functions that give their first argument, or another type of it, or what a frame holds.
_KEEP_VALUES = ("cast", "coalesce", "ifnull", "zdecompress")


class Trail:
    """Of all columns of a connection, for one transaction or several."""

    def __init__(self) -> None:
        self.places: dict[Key, Place] = {}
        self._first: dict[Key, Place] = {}
        self.ended: set[Key] = set()  # columns that were dropped, and another one took its name at once
        self._copies: dict[Key, list[Place]] = {}  # columns that an INSERT has filled from it
        self._others: dict[Key, set[Place]] = {}  # columns of its name that an INSERT has filled from something else
        self._dropped: set[tuple[str, str]] = set()  # schema and table
        self._renamed: dict[tuple[str, str], str] = {}  # schema and table: the name that it had a statement ago

    @staticmethod
    def heeds(statement: str) -> bool:
        """May it move a column?"""
        return _MATTERS.match(statement) is not None

    def follow(self, connection: Connection, statement: str) -> None:
        """To be called after each statement of this kind that has succeeded."""
        words = tokens(statement)
        kind = words[0].text
        if kind == "insert":
            self._copy(connection, words)
        elif kind == "drop":
            at = 4 if [each.text for each in words[2:4]] == ["if", "exists"] else 2
            self._drop(*_name(words, at)[:2])
        else:
            self._rename(words)
            self.look(connection)
            self._renamed.clear()

    def look(self, connection: Connection) -> None:
        """As long as a column has its triggers, they know best."""
        for _, schema, _ in run(connection, "PRAGMA database_list"):
            for id, (table, column) in names_by_triggers(connection, schema).items():
                self.places[schema, id] = fold(table), fold(column)
                name = self._renamed.get((schema, fold(table)), fold(table))
                self._first.setdefault((schema, id), (name, fold(column)))

    def rename_columns(self, table: str, given: dict[str, str]) -> None:
        """A tool has made a table anew, and given these columns of it new names, all at once."""
        new = {(fold(table), fold(old)): (fold(table), fold(name)) for old, name in given.items()}
        self.ended |= {key for key, place in self.places.items() if place in new.values() and place not in new}
        self.places.update({key: new[place] for key, place in self.places.items() if place in new})

    def _copy(self, connection: Connection, words: list[Token]) -> None:
        """`INSERT INTO new (columns) SELECT expressions FROM old`."""
        at = next((at for at, each in enumerate(words) if each.text == "into"), len(words))
        schema, new, at = _name(words, at + 1)
        columns = _parts(group_after(words, at))
        at += sum(map(len, columns)) + len(columns) + 1
        if not columns or at >= len(words) or words[at].text != "select":
            return
        rest = words[at + 1 :]
        end = _at_depth_0(rest, "from")
        expressions, (of, old, after) = _parts(rest[:end]), _name(rest, end + 1)
        is_join = any(each.text in (",", "join") for each in rest[after:])
        if len(expressions) != len(columns) or of != schema or is_join:
            return
        self.look(connection)
        pairs = list(zip(columns, expressions, strict=True))
        for key, (table, column) in self.places.items():
            if (key[0], table) == (schema, old):
                filled = [target for target, value in pairs if _column(value) == column]
                copies = self._copies.setdefault(key, [])
                copies += [place for target in filled if (place := (new, target[0].text)) not in copies]
                if any(target[0].text == column and not names(value, column) for target, value in pairs):
                    self._others.setdefault(key, set()).add((new, column))

    def _drop(self, schema: str, table: str) -> None:
        self._dropped.add((schema, table))
        for key, place in self.places.items():
            if key[0] == schema:
                self._copies[key] = [each for each in self._copies.get(key, []) if each[0] != table]
                if place[0] == table:  # it had been renamed, and a new one has its name
                    self._take_copy(key, self._first.get(key, place)[0])

    def _take_copy(self, key: Key, table: str) -> None:
        copies = [each for each in self._copies.get(key, []) if each[0] == table]
        if len(copies) == 1:
            self.places[key] = copies[0]
            self._copies[key] = []

    def _rename(self, words: list[Token]) -> None:
        """`ALTER TABLE old RENAME TO new`, or `RENAME COLUMN old TO new`."""
        schema, table, at = _name(words, 2)
        rest = [each.text for each in words[at:]]
        if rest[:1] != ["rename"] or "to" not in rest[1:4]:
            return
        if rest[1] == "to" and len(rest) in (3, 4):
            self._rename_table(schema, table, rest[2])
            return
        old, new = rest[rest.index("to", 2) - 1], rest[rest.index("to", 2) + 1]
        self._replace(schema, (table, old), (table, new))

    def _rename_table(self, schema: str, old: str, new: str) -> None:
        self._replace(schema, (old, None), (new, None))
        self._renamed[schema, new] = old
        if (schema, new) in self._dropped:
            self._dropped.discard((schema, new))
            for key, place in self.places.items():
                if (key[0], place[0]) == (schema, new):
                    self._take_copy(key, new)
                    if place in self._others.get(key, ()) and self.places[key] == place:
                        self.ended.add(key)

    def _replace(self, schema: str, old: tuple[str, str | None], new: tuple[str, str | None]) -> None:
        """Where the columns are None: all of the table."""

        def now(place: Place) -> Place:
            is_it = place[0] == old[0] and old[1] in (None, place[1])
            return (new[0], new[1] or place[1]) if is_it else place

        for key, place in self.places.items():
            if key[0] == schema:
                self.places[key] = now(place)
                self._copies[key] = [now(each) for each in self._copies.get(key, [])]
                self._others[key] = {now(each) for each in self._others.get(key, set())}


def _name(words: list[Token], at: int) -> tuple[str, str, int]:
    """Schema and table, and where the words go on after them."""
    texts = [each.text for each in words[at : at + 3]]
    if len(texts) == 3 and texts[1] == ".":
        return texts[0], texts[2], at + 3
    return "main", texts[0] if texts else "", at + 1


def _outside(words: list[Token]) -> Iterator[tuple[int, Token]]:
    """The tokens that stand in no parentheses, each with its place."""
    depth = 0
    for at, each in enumerate(words):
        if each.kind == "other":
            depth += {"(": 1, ")": -1}.get(each.text, 0)
        if depth == 0:
            yield at, each


def _parts(words: list[Token]) -> list[list[Token]]:
    """What stands between the commas."""
    ends = [at for at, each in _outside(words) if (each.text, each.kind) == (",", "other")]
    starts = [0, *(at + 1 for at in ends)]
    return [words[start:end] for start, end in zip(starts, [*ends, len(words)], strict=True)] if words else []


def _at_depth_0(words: list[Token], word: str) -> int:
    return next((at for at, each in _outside(words) if each == Token("word", word)), len(words))


def _column(expression: list[Token]) -> str | None:
    """The column whose values this gives; None: it computes something."""
    if len(expression) > 2 and expression[-2] == Token("word", "as"):
        expression = expression[:-2]
    if expression and expression[0].text in _KEEP_VALUES and (inner := group_after(expression, 1)):
        first = _parts(inner)[0]
        return _column(first[: _at_depth_0(first, "as")])
    is_name = [
        each.kind in ("word", "quoted") if at % 2 == 0 else each.text == "." for at, each in enumerate(expression)
    ]
    return expression[-1].text if is_name and all(is_name) and len(expression) % 2 else None
