"""FTS tables over a compressed column: what would break them is refused, and the recipes of docs/in-place.md work."""

from __future__ import annotations

import re
from typing import Any

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT, one

TEXT = "the quick brown fox jumps over the lazy dog " * 50
CREATE = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, body TEXT)"

FED = """
CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN
    INSERT INTO search(rowid, body) VALUES (new.id, new.body);
END;
CREATE TRIGGER notes_ad AFTER DELETE ON notes BEGIN
    INSERT INTO search(search, rowid, body) VALUES ('delete', old.id, old.body);
END;
CREATE TRIGGER notes_au AFTER UPDATE ON notes BEGIN
    INSERT INTO search(search, rowid, body) VALUES ('delete', old.id, old.body);
    INSERT INTO search(rowid, body) VALUES (new.id, new.body);
END
"""

VIEW = (
    "CREATE VIRTUAL TABLE search USING fts5({1}, content='texts', content_rowid='id')\n"
    "CREATE VIEW texts AS SELECT {0} FROM notes n"
)

REFUSED = {
    "CREATE VIRTUAL TABLE search USING fts5(body, content='notes', content_rowid='id')": "FTS table search reads",
    "CREATE VIRTUAL TABLE search USING fts5(title, Body UNINDEXED, content=Notes)": "FTS table search reads",
    'CREATE VIRTUAL TABLE search USING fts4(content="notes", title, body)': "FTS table search reads",
    "CREATE VIRTUAL TABLE search USING fts4(content=[notes])": "FTS table search reads",
    VIEW.format("*", "body"): "FTS table search reads its values by way of view texts",
    VIEW.format("id, n.body", "title, body"): "FTS table search reads its values by way of view texts",
    VIEW.format('id, Notes."BODY" AS text', "text"): "FTS table search reads its values by way of view texts",
    VIEW.format("id, body", "body") + " WHERE id > 3 ORDER BY title, id": "by way of view texts",
    VIEW.format("id, body text", "TEXT"): "FTS table search reads its values by way of view texts",
    "CREATE VIRTUAL TABLE search USING fts5(body, content='')" + FED: "trigger notes_au feeds",
    "CREATE VIRTUAL TABLE search USING fts5(body)" + FED: "trigger notes_au feeds FTS table search",
}

ALLOWED = [
    "CREATE VIRTUAL TABLE search USING fts5(title, content='notes', content_rowid='id')",
    "CREATE VIRTUAL TABLE search USING fts5(body)",
    "CREATE VIRTUAL TABLE search USING fts5(body, content='')",
    "CREATE VIRTUAL TABLE search USING fts5(body, content='other')",
    "CREATE VIRTUAL TABLE search USING fts4(title, content=notes)",
    VIEW.format("id, zdecompress(body) AS body", "body"),
    VIEW.format("id, CAST(zdecompress(n.body) AS TEXT) body", "body"),
    VIEW.format("id, body, title", "title"),
    VIEW.format("id, title, body", "body").replace("texts AS", "texts(id, body, unused) AS"),
    VIEW.format("id, length(body) AS body, title", "title"),
    VIEW.format("id, title", "title").replace("texts AS", "other AS SELECT * FROM notes\nCREATE VIEW texts AS"),
]


def make(sql: str, db: Any) -> None:
    for each in re.split(r"\n(?=CREATE )", sql):
        db.execute(each.strip().rstrip(";"))


@pytest.mark.parametrize("sql", REFUSED)
def test_what_would_index_frames_is_refused(db: Any, sql: str) -> None:
    db.execute(CREATE)
    make(sql, db)
    with pytest.raises(zb.OptionError, match=f"{REFUSED[sql]}.*docs/in-place.md"):
        zb.enable(db, "notes", "body")


@pytest.mark.parametrize("sql", REFUSED)
def test_what_comes_later_is_told(db: Any, sql: str) -> None:
    db.execute(CREATE)
    zb.enable(db, "notes", "body")
    make(sql, db)
    (entry,) = zb.status(db)
    assert any("FTS table search" in problem for problem in entry.problems)
    with pytest.raises(zb.OptionError):
        zb.enable(db, "notes", "body")


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_does_not_look_at_the_column_is_allowed(db: Any, sql: str) -> None:
    db.execute(CREATE)
    make(sql, db)
    zb.enable(db, "notes", "body")


def recipe() -> list[str]:
    """The statements that docs/in-place.md gives."""
    (block,) = re.findall(r"```sql\n(CREATE VIEW.*?)```", (ROOT / "docs" / "in-place.md").read_text(), flags=re.DOTALL)
    return re.split(r";\n+(?=CREATE|$)", block.replace("results", "notes").replace("data", "body"))


def found(db: Any, word: str) -> list[int]:
    return [row[0] for row in db.execute("SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid", (word,))]


@pytest.mark.parametrize("recursive", [0, 1])
def test_the_recipe_keeps_index_and_table_together(db: Any, recursive: int) -> None:
    db.execute(f"PRAGMA recursive_triggers = {recursive}")
    db.execute(CREATE)
    for statement in filter(str.strip, recipe()):
        db.execute(statement)
    with pytest.warns(zb.ZblobWarning, match="fires once more"):
        zb.enable(db, "notes", "body")
    db.execute("INSERT INTO notes(body) VALUES (?), (?)", (TEXT, TEXT.replace("fox", "wolf")))
    assert one(db, "SELECT count(*) FROM notes WHERE zis_frame(body)") == 2
    assert (found(db, "fox"), found(db, "wolf"), found(db, "dog")) == ([1], [2], [1, 2])
    db.execute("UPDATE notes SET body = ? WHERE id = 1", (TEXT.replace("dog", "cat"),))
    db.execute("DELETE FROM notes WHERE id = 2")
    assert (found(db, "fox"), found(db, "wolf"), found(db, "dog"), found(db, "cat")) == ([1], [], [], [1])
    assert (
        one(db, "SELECT snippet(search, 0, '[', ']', '', 4) FROM search WHERE search MATCH 'fox'").count("[fox]") == 1
    )
    db.execute("INSERT INTO search(search) VALUES ('integrity-check')")
    db.execute("INSERT INTO search(search) VALUES ('rebuild')")
    assert found(db, "fox") == [1]
    assert zb.status(db)[0].problems == ()
