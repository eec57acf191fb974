"""The triggers that compress a column in place: their names, their texts, and whether they are still as they were made.

They call `sqlite_zblob_store` for each row that is written. It finds the table by the trigger's name in the schema, so
that no rename can mislead it, and stores the frame, or leaves the value as it was given (csrc/sqlite/inplace).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..choices import ENVELOPES, Envelope
from ..connect.database import Token, fold, group_after, quote, tokens
from .hint import NO_HINT, HintFrom
from .schema import Table

EVENTS = ("insert", "update")

_FUNCTION = "sqlite_zblob_store"


@dataclass(frozen=True)
class Setting:
    """What the triggers of one column do."""

    id: int  # of 32 bits
    column: str
    envelope: Envelope
    level: int
    min_size: int
    hint: HintFrom = NO_HINT  # stands in the record alone
    dictionary: int | str | None = None  # an id, or "auto": the column's newest; None: no dictionary

    @property
    def kind(self) -> str:
        """Envelope and dictionary, as triggers and record have them."""
        return kind_of(self.envelope, self.dictionary)


_DICTIONARY = " dictionary="


def kind_of(envelope: str, dictionary: int | str | None) -> str:
    return f"{envelope}{_DICTIONARY}{dictionary}" if dictionary else envelope


def parse_kind(kind: str) -> tuple[Envelope | None, int | str | None]:
    """The inverse; the envelope is None where there is none of this name, or the dictionary makes no sense."""
    envelope, _, dictionary = kind.partition(_DICTIONARY)
    if dictionary and dictionary != "auto" and not dictionary.isdecimal():
        return None, None
    known = next((each for each in ENVELOPES if each == envelope), None)
    return known, int(dictionary) if dictionary.isdecimal() else dictionary or None


def trigger_name(id: int, event: str) -> str:
    """SQLite's error for ALTER TABLE ... DROP COLUMN names the trigger: so the name says what to do."""
    return f"zblob_{id:08x}_{event}_until_disable"


def old_trigger_names(id: int) -> list[str]:
    """Those of the first releases, which are replaced by the next `enable`."""
    return [f"zblob_{id}_{event}" for event in EVENTS]


def trigger_texts(table: Table, setting: Setting) -> list[str]:
    """The AFTER INSERT and the AFTER UPDATE OF trigger."""
    schema, column = quote(table.schema), quote(setting.column)
    settings = f"'{_key(setting.id)}', '{setting.kind}', {setting.level}, {setting.min_size}"
    body = f"SELECT {_FUNCTION}({settings}, NEW.{column}, {', '.join(_row_key(table))});"
    events = (("insert", "INSERT"), ("update", f"UPDATE OF {column}"))
    return [
        f"CREATE TRIGGER {schema}.{trigger_name(setting.id, event)} AFTER {what} ON {quote(table.name)} "
        f"BEGIN {body} END"
        for event, what in events
    ]


def _key(id: int) -> str:
    return f"zblob_{id:08x}"


def _row_key(table: Table) -> list[str]:
    """What finds the row that the trigger has fired for. The function reads the names, and their collations, here."""
    if table.rowid_alias:  # SQLite would write its name for `rowid` when it is renamed
        return [f"NEW.{quote(table.rowid_alias.name)}"]
    if table.rowid_name:
        return [f"NEW.{table.rowid_name}"]
    key = next(index for index in table.indexes if index.origin == "pk")
    return [f"NEW.{quote(part.name or '')} COLLATE {quote(part.collation)}" for part in key.columns]


def setting_of(sql: str) -> Setting | None:
    """What a trigger of ours does, by its text, the column's name folded; None where the text is none of ours."""
    words = tokens(sql)
    calls = [at for at, token in enumerate(words) if token == Token("word", _FUNCTION)]
    if len(calls) != 1:
        return None
    texts = [token.text for token in group_after(words, calls[0] + 1) if token.text != ","]
    try:
        key, envelope, level, min_size, new, dot, column = texts[:7]
        id = int(key.strip("'").removeprefix("zblob_"), 16)
        kind, dictionary = parse_kind(envelope.strip("'"))
        if kind is None or new + dot != "new.":
            return None
        return Setting(id, column, kind, int(level), int(min_size), dictionary=dictionary)
    except ValueError:
        return None


def is_as_made(sql: str, event: str, table: Table, setting: Setting) -> bool:
    """Is the text in the schema the one that `trigger_texts` would give now, under the names of now?"""
    expected = trigger_texts(table, setting)[EVENTS.index(event)]
    return _comparable(sql) == _comparable(expected)


def _comparable(sql: str) -> list[str]:
    """Its tokens from AFTER on: SQLite leaves out the schema, and quotes a new name as it likes."""
    texts = [token.text for token in tokens(sql)]
    return [fold(text) for text in texts[texts.index("after") :]] if "after" in texts else []
