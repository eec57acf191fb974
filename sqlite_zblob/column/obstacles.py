"""Why a column or a table cannot be compressed: only looks, at the facts of schema.py."""

from __future__ import annotations

import re

from ..connect.database import Token, definitions, fold, group_after, names, tokens, unquote
from .schema import ROWID_NAMES, Column, Index, Table

RECIPE = "docs/in-place.md shows how to index a view with zdecompress() instead"


def column_obstacles(table: Table, column: Column, *, is_virtual: bool = False) -> list[str]:
    """Why the column cannot be compressed: the places where the schema itself looks at its values."""
    found = []
    if column.is_generated:
        found.append("it is a generated column")
    if column.key_position:
        found.append("it is part of the PRIMARY KEY")
    found += [_index_obstacle(index) for index in table.indexes if _looks_at(index, column)]
    if fold(column.name) in map(fold, table.foreign_keys):
        found.append("it is a FOREIGN KEY")
    found += _expression_obstacles(table, column)
    found += _text_index_obstacles(table, column)
    if table.is_strict and fold(column.declared) not in ("blob", "any"):
        found.append(f"the table is STRICT and a compressed {column.declared} is a BLOB")
    elif column.affinity in ("integer", "real") and not column.key_position:
        found.append(f"only BLOB and TEXT columns can be compressed, and {column.declared} is for numbers")
    if table.has_rowid and not (table.rowid_name or table.rowid_alias or is_virtual):
        found.append(f"the table's columns take all names of the rowid ({', '.join(ROWID_NAMES)})")
    return list(dict.fromkeys(found))


def _looks_at(index: Index, column: Column) -> bool:
    if any(part.name is not None and fold(part.name) == fold(column.name) for part in index.columns):
        return True
    words = tokens(index.sql or "")
    on = [at for at, token in enumerate(words) if token == Token("word", "on")]
    return bool(on) and names(words[on[0] + 2 :], column.name)


def _index_obstacle(index: Index) -> str:
    kinds = {"pk": "it is part of the PRIMARY KEY", "u": "it is part of a UNIQUE constraint"}
    return kinds.get(index.origin, f"index {index.name} looks at it")


def _expression_obstacles(table: Table, column: Column) -> list[str]:
    words, found = list(table.words), []
    for at, token in enumerate(words):
        if token == Token("word", "check") and names(group_after(words, at + 1), column.name):
            found.append("a CHECK constraint looks at it")
        if token == Token("word", "as") and names(group_after(words, at + 1), column.name):
            found.append("a generated column looks at it")
    return found


def _text_index_obstacles(table: Table, column: Column) -> list[str]:
    """FTS tables that read the column's values, themselves or by way of a view, or are fed with them by triggers."""
    found = []
    for name, sql in table.text_indexes:
        content, indexed = _content_of(sql)
        if content == fold(table.name) and (fold(column.name) in indexed or not indexed):
            found.append(f"FTS table {name} reads its values: {RECIPE}")
        for view, text in table.views:
            shown = _names_in_view(text, table, column) if content == fold(view) else set()
            if shown & set(indexed) or (shown and not indexed):
                found.append(f"FTS table {name} reads its values by way of view {view}: {RECIPE}")
        for trigger, text in table.triggers:
            if names(tokens(text), name) and _fires_on(text, column) and _passes_on(text, column):
                found.append(f"trigger {trigger} feeds FTS table {name} with it: {RECIPE}")
    return found


def _content_of(sql: str) -> tuple[str, list[str]]:
    """What an FTS table says where its content is, and the columns that it names; an FTS4 table that names none has all
    of them. Names are folded."""
    parts = definitions(sql)
    settings = [re.fullmatch(r"(?s)(\w+)\s*=\s*(.*)", part) for part in parts]
    options = {fold(match[1]): match[2].strip() for match in settings if match}
    content = options.get("content", "")
    content = unquote(content) if content[:1] in ("'", '"', "`", "[") else content
    indexed = [tokens(part)[0].text for part, match in zip(parts, settings, strict=True) if part and not match]
    return fold(content), [fold(unquote(text) if text.startswith("'") else text) for text in indexed]


def _names_in_view(view: str, table: Table, column: Column) -> set[str]:
    """Under which names, folded, a view gives the column as it is stored. Sees through views of this table alone, which
    are a list of columns FROM it; and no further than that."""
    texts = [token.text for token in tokens(view)]
    if texts.count("select") != 1 or "from" not in texts or "join" in texts:
        return set()
    begin, end = texts.index("select") + 1, texts.index("from")
    rest = [at for at, text in enumerate(texts) if at > end and text in ("where", "group", "order", "limit")]
    sources = texts[end : rest[0] if rest else len(texts)]
    names_columns = texts[begin - 3] == ")"
    if names_columns or "," in sources or fold(table.name) not in sources:
        return set()
    found = set()
    for part in _parts(texts[begin:end]):
        shown = part[2:] if part[1:2] == ["."] else part
        if shown[:1] in (["*"], [fold(column.name)]) and len(shown) <= 3:
            found.add(shown[-1] if len(shown) > 1 else fold(column.name))
    return found


def _parts(texts: list[str]) -> list[list[str]]:
    """Separated by commas outside of parentheses."""
    parts: list[list[str]] = [[]]
    depth = 0
    for text in texts:
        depth += (text == "(") - (text == ")")
        if text == "," and not depth:
            parts.append([])
        else:
            parts[-1].append(text)
    return parts


def _passes_on(trigger: str, column: Column) -> bool:
    """Does it use NEW.column or OLD.column other than in zdecompress(), or do so without a WHEN that compares them?

    The order of triggers is nobody's: it may fire for the compressed value before another one has fired for the INSERT.
    """
    words = tokens(trigger)
    texts = [token.text for token in words]
    condition = texts[texts.index("when") : texts.index("begin")] if "when" in texts else []
    if "zdecompress" not in condition:
        return names(words, column.name)
    for at in range(2, len(words)):
        is_value = words[at].text == fold(column.name) and words[at - 1].text == "."
        before = [token.text for token in words[max(0, at - 4) : at - 2]]
        if is_value and words[at - 2].text in ("new", "old") and before != ["zdecompress", "("]:
            return True
    return False


def virtual_obstacles(table: Table, *, ignore_keys: bool = False) -> list[str]:
    """Why the table cannot become a virtual table."""
    found = []
    if table.rowid_alias and not ignore_keys:
        found.append(
            f"the database makes the keys in {table.rowid_alias.name}, and INSERT ... RETURNING on a virtual table "
            "does not give them, which ORMs rely on (where no program does, force=True or --force)"
        )
    if table.triggers:
        triggers = ", ".join(name for name, _ in table.triggers)
        found.append(f"trigger {triggers}: SQLite allows none on a virtual table")
    if table.inbound:
        found.append(f"foreign keys of {', '.join(table.inbound)} refer to it, which they cannot to a virtual table")
    if any(column.is_generated for column in table.columns):
        found.append("virtual tables have no generated columns")
    if not table.has_rowid:
        found.append("the table is WITHOUT ROWID")
    return found


def update_triggers(table: Table, column: Column) -> list[str]:
    """Names of the owner's triggers that an UPDATE of this column fires."""
    return [name for name, sql in table.triggers if _fires_on(sql, column)]


def _fires_on(trigger: str, column: Column) -> bool:
    """CREATE [TEMP] TRIGGER [IF NOT EXISTS] [schema.]name [BEFORE | AFTER] UPDATE [OF column, ...] ON ..."""
    words = tokens(trigger)
    at = words.index(Token("word", "trigger")) + 1
    if [token.text for token in words[at : at + 3]] == ["if", "not", "exists"]:
        at += 3
    at += 3 if words[at + 1].text == "." else 1
    if words[at].text in ("before", "after"):
        at += 1
    if words[at].text != "update" or words[at + 1].text == "on":
        return words[at].text == "update"
    return names(words[at + 2 : words.index(Token("word", "on"), at)], column.name)
