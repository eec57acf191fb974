"""Random statements, renames and owner's triggers on a column compressed in place and on a plain twin: the same rows.

The triggers come after `enable`, so that nothing has tried them. They redact, move, delete and refuse.
"""

from __future__ import annotations

from typing import Any

import apsw
from hypothesis import given
from hypothesis import strategies as st

import sqlite_zblob as zb

from ..conftest import examples, open_apsw

SCHEMAS = {
    "rowid": "CREATE TABLE t(id INTEGER PRIMARY KEY, data, n INT DEFAULT 0)",
    "hidden rowid": "CREATE TABLE t(id INT UNIQUE, data, n INT DEFAULT 0)",
    "without rowid": "CREATE TABLE t(n INT DEFAULT 0, data, id INT PRIMARY KEY) WITHOUT ROWID",
}

# Of these, what fires on UPDATE leaves the row as it is or refuses: else it would do so once more for each frame.
TRIGGERS = [
    "AFTER INSERT ON {t} WHEN NEW.n % 5 = 1 BEGIN UPDATE {t} SET data = NULL WHERE id = NEW.id; END",
    "AFTER INSERT ON {t} WHEN NEW.n % 5 = 2 BEGIN UPDATE {t} SET data = zeroblob(700) WHERE id = NEW.id; END",
    "AFTER INSERT ON {t} WHEN NEW.id < 7 BEGIN UPDATE OR IGNORE {t} SET id = NEW.id + 7 WHERE id = NEW.id; END",
    "AFTER INSERT ON {t} WHEN NEW.n % 3 = 0 BEGIN DELETE FROM {t} WHERE id = NEW.id; END",
    "AFTER INSERT ON {t} WHEN NEW.id < 7 BEGIN"
    " UPDATE OR IGNORE {t} SET id = NEW.id + 7 WHERE id = NEW.id;"
    " INSERT OR IGNORE INTO {t}(id, data) VALUES (NEW.id, 'its place ' || hex(zeroblob(400))); END",
    "AFTER INSERT ON {t} WHEN NEW.n % 4 = 3 BEGIN REPLACE INTO {t}(id, data, n) VALUES (NEW.id, NEW.data, 0); END",
    "BEFORE INSERT ON {t} WHEN NEW.n % 7 = 3 BEGIN SELECT RAISE(ABORT, 'seven'); END",
    "BEFORE INSERT ON {t} WHEN NEW.n % 7 = 4 BEGIN SELECT RAISE(IGNORE); END",
    "BEFORE UPDATE ON {t} WHEN NEW.n <> OLD.n + 1 BEGIN SELECT RAISE(ABORT, 'stale'); END",
    "BEFORE UPDATE OF data ON {t} WHEN NEW.id % 2 BEGIN SELECT RAISE(IGNORE); END",
    "AFTER UPDATE ON {t} WHEN NEW.id % 3 = 1 BEGIN SELECT RAISE(FAIL, 'three'); END",
    "BEFORE UPDATE ON {t} WHEN NEW.n = OLD.n BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END",
    "AFTER UPDATE OF data ON {t} BEGIN SELECT 1; END",
]

VALUES = st.one_of(
    st.none(),
    st.integers(0, 9),
    st.text("äx\0", min_size=300, max_size=500),
    st.builds(lambda seed, size: bytes([seed, seed, 0]) * size, st.integers(0, 255), st.integers(50, 2000)),
)

STATEMENTS = [
    "INSERT OR {conflict} INTO {t}(id, data, n) VALUES (?1, ?2, ?3)",
    "INSERT OR {conflict} INTO {t}(id, data, n) VALUES (?1, ?2, ?3), (?1 + 1, ?2, ?3 + 1), (?1 + 2, ?2, ?3)",
    "INSERT INTO {t}(id, data, n) VALUES (?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET data = excluded.data, n = n + 1",
    "UPDATE OR {conflict} {t} SET data = ?2, n = n + 1 WHERE id <= ?1 AND ?3 = ?3",
    "UPDATE {t} SET data = ?2 WHERE id = ?1 AND ?3 = ?3",
    "UPDATE OR {conflict} {t} SET id = id + 1, data = ?2, n = n + 1 WHERE id = ?1 AND ?3 = ?3",
    "DELETE FROM {t} WHERE id = ?1 AND ?2 IS ?2 AND ?3 = ?3",
]
CONFLICTS = st.sampled_from(["ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"])
CONTROL = ["SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "BEGIN", "COMMIT", "ROLLBACK"]
RENAMES = [
    "ALTER TABLE t RENAME TO u",
    "ALTER TABLE u RENAME TO t",
    "CREATE TABLE {other}(id INTEGER PRIMARY KEY, data, n)",
]

STEPS = st.one_of(
    st.tuples(st.sampled_from(STATEMENTS), CONFLICTS, st.integers(1, 15), VALUES, st.integers(0, 40)),
    st.sampled_from(CONTROL + RENAMES),
    st.builds(lambda number: f"CREATE TRIGGER z{number} {TRIGGERS[number]}", st.integers(0, len(TRIGGERS) - 1)),
    st.builds(lambda number: f"DROP TRIGGER z{number}", st.integers(0, len(TRIGGERS) - 1)),
)


class Twin:
    def __init__(self, schema: str, pragmas: dict[str, int]) -> None:
        self.db = open_apsw()
        for name, value in pragmas.items():
            self.db.execute(f"PRAGMA {name} = {value}")
        self.db.execute(SCHEMAS[schema])
        self.table = "t"

    def run(self, step: Any) -> Any:
        """What a program notices of one statement."""
        sql, bindings = (step, ()) if isinstance(step, str) else (step[0], step[2:])
        sql = sql.replace("{t}", self.table).replace("{other}", "u" if self.table == "t" else "t")
        sql = sql if isinstance(step, str) else sql.replace("{conflict}", step[1])
        try:
            found = self.db.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            return type(error), str(error), self.db.in_transaction
        finally:
            self.table = self.where()
        return found, self.db.changes(), self.db.last_insert_rowid(), self.db.in_transaction

    def where(self) -> str:
        """The name of the table that the twins compare; the other one, if it is there, was made anew."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('t', 'u') ORDER BY rowid"
        return str(self.db.execute(sql).fetchall()[0][0])

    def contents(self, value: str) -> Any:
        names = [
            row[0] for row in self.db.execute("SELECT name FROM sqlite_master WHERE name IN ('t', 'u') ORDER BY 1")
        ]
        sql = "SELECT id, {v}, typeof({v}), n FROM {t} ORDER BY id, n"
        return [(name, self.db.execute(sql.format(v=value, t=name)).fetchall()) for name in names]


@examples(200)
@given(
    st.sampled_from(sorted(SCHEMAS)),
    st.fixed_dictionaries(
        {name: st.integers(0, 1) for name in ("recursive_triggers", "trusted_schema", "legacy_alter_table")}
    ),
    st.lists(STEPS, max_size=30),
)
def test_twins_agree(schema: str, pragmas: dict[str, int], steps: list[Any]) -> None:
    plain, enabled = Twin(schema, pragmas), Twin(schema, pragmas)
    zb.enable(enabled.db, "t", "data", level=1, min_size=300)
    for twin in (plain, enabled):  # both begin with the same changes() and last_insert_rowid()
        twin.db.execute("CREATE TABLE log(x); INSERT INTO log VALUES (1)")
    for step in steps:
        assert enabled.run(step) == plain.run(step)
        assert enabled.contents("zdecompress(data)") == plain.contents("data")
    assert enabled.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plain.db.close()
    enabled.db.close()
