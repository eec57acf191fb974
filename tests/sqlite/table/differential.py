"""Random statements, run on a virtual table and on an ordinary twin of the same name, that must do the same.

What SQLite itself cannot make agree (docs/virtual-table.md) is never generated: NULL for a column with a DEFAULT,
statements whose outcome depends on the order in which an UPDATE visits rows, RETURNING, texts of messages.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apsw

import sqlite_zblob as zb

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    constraints: str = ""
    compressed: bool = False
    has_default: bool = False
    not_null: bool = False

    @property
    def is_rowid(self) -> bool:
        return self.type == "INTEGER" and "PRIMARY KEY" in self.constraints

    def definition(self, *, virtual: bool) -> str:
        marker = " COMPRESSED" if virtual and self.compressed else ""
        return f"{self.name} {self.type}{marker} {self.constraints}"


@dataclass(frozen=True)
class Schema:
    columns: tuple[Column, ...]
    constraints: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    settings: str = "min_size=6"

    def create(self, *, virtual: bool) -> str:
        parts = [column.definition(virtual=virtual) for column in self.columns] + list(self.constraints)
        if virtual:
            return f"CREATE VIRTUAL TABLE t USING zblob({', '.join([*parts, self.settings])})"
        return f"CREATE TABLE t({', '.join(parts)})"


SCHEMAS = [
    Schema(
        (
            Column("a", "INTEGER", "PRIMARY KEY"),
            Column("b", "TEXT", "UNIQUE"),
            Column("c", "BLOB", compressed=True),
            Column("d", "INT", "DEFAULT 7", has_default=True),
            Column("e", "", "NOT NULL CHECK(e <> 13)", not_null=True),
            Column("f", "TEXT", "COLLATE NOCASE", compressed=True),
        ),
        unique=(("a",), ("b",)),
    ),
    Schema(
        (
            Column("a", "TEXT", "PRIMARY KEY"),
            Column("b", "BLOB", "NOT NULL", compressed=True, not_null=True),
            Column("c", "TEXT", "NOT NULL COLLATE NOCASE", not_null=True),
            Column("d", "REAL"),
            Column("e", "TEXT", compressed=True),
            Column("f", "TEXT", "DEFAULT 'none'", has_default=True, compressed=True),
        ),
        unique=(("a",),),
        settings="min_size=0, level=1",
    ),
    Schema(
        (
            Column("a", "", ""),
            Column("b", "BLOB", ""),
            Column("c", "NUMERIC"),
            Column("d", "VARCHAR(10)", compressed=True),
            Column("e", "", compressed=True),
        ),
        ("PRIMARY KEY(a, c)", "CHECK(b IS NULL OR b <> 'bad')"),
        unique=(("a", "c"),),
        settings="codec=store, min_size=1",
    ),
    Schema(
        (
            Column("a", "INT", "UNIQUE ON CONFLICT REPLACE"),
            Column("b", "TEXT", "COLLATE RTRIM"),
            Column("c", "BLOB", "DEFAULT x'00ff'", compressed=True, has_default=True),
            Column("d", "INTEGER", "NOT NULL DEFAULT (1+1)", has_default=True, not_null=True),
        ),
        unique=(("a",),),
    ),
]

FRAME = zb.compress(b"a frame in a column" * 20)
DAMAGED = FRAME[:-3] + b"\0\0\0"
MAGIC = FRAME[:12]

TEXTS = [
    "",
    "5",
    "05",
    " 5",
    "5.0",
    "5e0",
    "abc",
    "ABC",
    "abd",
    "abc ",
    "Abcdefghij",
    "a%",
    "10",
    "-1",
    "x" * 40,
    "é",
    "bad",
]
BLOBS = [b"", b"abc", b"\0\xff", b"5", b"abcdefgh" * 30, FRAME, DAMAGED, MAGIC, MAGIC + b"zz"]
NUMBERS = [0, 1, 2, 3, 5, 7, 10, 13, -1, 1 << 40, 0.5, 5.0, -2.5, 1e20]


class Generator:
    """Writes one statement after the other for a schema. Values are literals, or parameters for long ones."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.schema = SCHEMAS[0]
        self.bindings: list[Any] = []
        self.clause = ""
        self.is_old = False

    def literal(self, value: Any) -> str:
        if self.rng.random() < 0.5 or isinstance(value, float):
            self.bindings.append(value)
            return "?"
        if value is None:
            return "NULL"
        if isinstance(value, bytes):
            return f"x'{value.hex()}'"
        return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)

    def value(self) -> Any:
        kind = self.rng.random()
        if kind < 0.12:
            return None
        if kind < 0.45:
            return self.rng.choice(NUMBERS)
        if kind < 0.75:
            return self.rng.choice(TEXTS)
        return self.rng.choice(BLOBS)

    def stored_value(self, column: Column) -> Any:
        value = self.value()
        if column.is_rowid and self.clause and self.is_old and not isinstance(value, int):
            return None  # in an old library, a mismatch does not undo an ordinary table's statement
        if value is None and (column.has_default or (column.not_null and self.rng.random() < 0.8)):
            return 5
        return value

    def column(self) -> Column:
        return self.rng.choice(self.schema.columns)

    # ---- conditions

    def comparison(self, name: str, other: str | None = None) -> str:
        operator = self.rng.choice(["=", "=", "=", "<", "<=", ">", ">=", "<>", "IS", "IS NOT"])
        right = other or self.literal(self.value())
        if self.rng.random() < 0.15 and other is None:
            return f"{right} {operator} {name}"
        collation = self.rng.choice(["", "", "", "", " COLLATE NOCASE", " COLLATE BINARY"])
        if self.is_old and operator == "=":
            collation = ""  # an old library makes `x = 1 OR x = 'a' COLLATE NOCASE` an IN without the COLLATE
        return f"{name} {operator} {right}{collation}"

    def term(self, alias: str = "") -> str:
        name = alias + (self.column().name if self.rng.random() < 0.9 else "rowid")
        kind = self.rng.randrange(12)
        if kind == 0:
            return f"{name} IS {self.rng.choice(['', 'NOT '])}NULL"
        if kind == 1:
            return f"{name} BETWEEN {self.literal(self.value())} AND {self.literal(self.value())}"
        if kind == 2:
            values = ", ".join(self.literal(self.value()) for _ in range(self.rng.randrange(1, 4)))
            return f"{name} {self.rng.choice(['', '', 'NOT '])}IN ({values})"
        if kind == 3:
            pattern = self.rng.choice(["a%", "A%", "5%", "%", "abc%", "ab_", "x%", "", " %", "é%", 5, b"ab%"])
            return f"{name} {self.rng.choice(['', '', 'NOT '])}LIKE {self.literal(pattern)}"
        if kind == 4:
            pattern = self.rng.choice(["a*", "A*", "5*", "*", "abc", "ab?", "[ab]*", "", "5"])
            return f"{name} GLOB {self.literal(pattern)}"
        if kind == 5:
            return f"{name} IN (SELECT {self.rng.choice('xyz')} FROM o)"
        if kind == 6:
            return f"typeof({name}) = {self.literal(self.rng.choice(['text', 'blob', 'integer', 'null', 'real']))}"
        if kind == 7:
            return f"length({name}) > {self.rng.randrange(12)}"
        return self.comparison(name)

    def condition(self, alias: str = "", depth: int = 0) -> str:
        if depth < 2 and self.rng.random() < 0.4:
            both = f"{self.condition(alias, depth + 1)} {self.rng.choice(['AND', 'AND', 'OR'])} "
            return f"({both}{self.condition(alias, depth + 1)})"
        return self.term(alias)

    def where(self, alias: str = "") -> str:
        return f" WHERE {self.condition(alias)}" if self.rng.random() < 0.85 else ""

    def single_row(self) -> str:
        """A condition that holds for one row at most."""
        columns = self.rng.choice([*self.schema.unique, ("rowid",)])
        return " AND ".join(f"{name} = {self.literal(self.value())}" for name in columns)

    # ---- statements

    def order(self, alias: str = "") -> str:
        names = [column.name for column in self.rng.sample(self.schema.columns, self.rng.randrange(0, 3))]
        terms = [alias + name + self.rng.choice(["", " DESC"]) for name in names]
        return f" ORDER BY {', '.join([*terms, alias + 'rowid' + self.rng.choice(['', ' DESC'])])}"

    def limit(self) -> str:
        offset = f" OFFSET {self.rng.randrange(4)}" if self.rng.random() < 0.5 else ""
        return f" LIMIT {self.rng.randrange(6)}{offset}" if self.rng.random() < 0.5 else ""

    def select(self) -> str:
        names = ", ".join(column.name for column in self.schema.columns if self.rng.random() < 0.6)
        columns = self.rng.choice(["*", names or "1", f"rowid, {names or '1'}"])
        where = self.where()
        if self.rng.random() < 0.5:
            return f"SELECT {columns} FROM t{where}{self.order()}{self.limit()}"
        return f"SELECT {columns} FROM t{where}"

    def select_aggregate(self) -> str:
        one, two = self.column().name, self.column().name
        kind = self.rng.randrange(4)
        if kind == 0:
            return f"SELECT count(*), count({one}), min({two}), max({two}) FROM t{self.where()}"
        if kind == 1:
            return f"SELECT {one}, count(*) FROM t{self.where()} GROUP BY {one} HAVING count(*) > 1"
        if kind == 2:
            return f"SELECT DISTINCT {one}, typeof({two}) FROM t{self.where()}"
        return f"SELECT count(DISTINCT {one}) FROM t{self.where()}"

    def select_join(self) -> str:
        kind = self.rng.randrange(5)
        one, two = self.column().name, self.column().name
        if kind == 0:  # numbers of a numeric column against texts, and the other way round
            condition = self.comparison(f"t.{one}", f"o.{self.rng.choice('xyz')}")
            where = self.rng.choice(["", "", f" WHERE t.{two} IS NULL", f" WHERE t.{two} IS NOT NULL"])
            return (
                f"SELECT t.rowid, o.rowid, t.{two} FROM o {self.rng.choice(['', 'LEFT '])}JOIN t ON {condition}{where}"
            )
        if kind == 1:
            condition = f"o.{self.rng.choice('xyzn')} = t.{one}"
            return f"SELECT t.rowid, o.rowid, o.y FROM t {self.rng.choice(['', 'LEFT '])}JOIN o ON {condition}"
        if kind == 2:
            return f"SELECT p.rowid, q.rowid, q.{two} FROM t p JOIN t q ON p.{one} = q.{two}{self.where('p.')}"
        if kind == 3:
            return (
                f"SELECT rowid, {one} FROM t WHERE EXISTS (SELECT 1 FROM o WHERE o.{self.rng.choice('xyz')} = t.{two})"
            )
        return f"SELECT rowid, (SELECT count(t.{one}) FROM t WHERE t.{two} = o.{self.rng.choice('xyz')}) FROM o"

    def conflict(self) -> str:
        clauses = ["", "", "", " OR ABORT", " OR FAIL", " OR IGNORE", " OR ROLLBACK", " OR REPLACE"]
        if "ON CONFLICT" in self.schema.create(virtual=False):
            clauses.remove(" OR ABORT")  # for a virtual table it is the same as no clause
        self.clause = self.rng.choice(clauses)
        return self.clause

    def insert(self) -> str:
        columns = [c for c in self.schema.columns if (c.not_null and not c.has_default) or self.rng.random() < 0.7]
        names = [column.name for column in columns]
        with_rowid = self.rng.random() < 0.1 and "a" not in names
        if not names:
            return f"INSERT{self.conflict()} INTO t DEFAULT VALUES"
        rows = []
        conflict = self.conflict()
        for _ in range(self.rng.choice([1, 1, 1, 2, 4])):
            values = [self.literal(self.stored_value(column)) for column in columns]
            rows.append(f"({', '.join(([str(self.rng.randrange(1, 60))] if with_rowid else []) + values)})")
        names = (["rowid"] if with_rowid else []) + names
        return f"INSERT{conflict} INTO t({', '.join(names)}) VALUES {', '.join(rows)}"

    def insert_select(self) -> str:
        columns = [column for column in self.schema.columns if not column.has_default and not column.is_rowid]
        names = ", ".join(column.name for column in columns)
        sources = ", ".join(
            self.rng.choice([f"coalesce({c.name}, 'n')", f"substr(quote({c.name}), 1, 30) || 'x'"]) for c in columns
        )
        return f"INSERT{self.conflict()} INTO t({names}) SELECT {sources} FROM t{self.where()} ORDER BY rowid LIMIT 5"

    def assignments(self, columns: list[Column]) -> str:
        parts = []
        for column in columns:
            other = self.column()
            choices = [self.literal(self.stored_value(column))]
            if not column.has_default and not (column.not_null and not other.not_null):
                choices += [other.name, f"substr(quote({column.name}), 1, 30) || 'y'"]
            chosen = self.rng.choice(choices)
            if chosen != "?" and choices[0] == "?":
                self.bindings.pop()
            parts.append(f"{column.name} = {chosen}")
        return ", ".join(parts)

    def update(self) -> str:
        keys = {name for columns in self.schema.unique for name in columns}
        free = [column for column in self.schema.columns if column.name not in keys]
        self.clause = ""
        if self.rng.random() < 0.5:
            chosen = self.rng.sample(free, self.rng.randrange(1, len(free) + 1))
            return f"UPDATE t SET {self.assignments(chosen)}{self.where()}"
        chosen = self.rng.sample(self.schema.columns, self.rng.randrange(1, len(self.schema.columns) + 1))
        rowid = f", rowid = {self.rng.randrange(1, 60)}" if self.rng.random() < 0.1 and chosen[0].name != "a" else ""
        conflict, assignments = self.conflict(), self.assignments(chosen)
        if rowid and any(column.name == "a" for column in chosen):
            rowid = ""
        return f"UPDATE{conflict} t SET {assignments}{rowid} WHERE {self.single_row()}"

    def delete(self) -> str:
        return f"DELETE FROM t{self.where() or ' WHERE rowid < 9'}"

    def transaction(self) -> str:
        return self.rng.choice(
            [
                "BEGIN",
                "BEGIN",
                "COMMIT",
                "ROLLBACK",
                "SAVEPOINT s",
                "SAVEPOINT s",
                "RELEASE s",
                "ROLLBACK TO s",
                "ROLLBACK TO s",
            ]
        )

    def schema_change(self) -> str:
        plain = [column.name for column in self.schema.columns if not column.compressed]
        names = ", ".join(self.rng.sample(plain, self.rng.randrange(1, min(3, len(plain)) + 1)))
        unique = "UNIQUE " if self.rng.random() < 0.1 else ""
        return self.rng.choice(
            [
                f"CREATE {unique}INDEX i{self.rng.randrange(3)} ON t{{rows}}({names})",
                f"CREATE INDEX i{self.rng.randrange(3)} ON t{{rows}}({names.split(',')[0]} DESC)",
                f"DROP INDEX i{self.rng.randrange(3)}",
                "ANALYZE",
                "VACUUM",
                "ALTER TABLE t RENAME TO u",
                "ALTER TABLE u RENAME TO t",
            ]
        )

    def statement(self) -> tuple[str, list[Any]]:
        self.bindings = []
        makers: list[tuple[float, Callable[[], str]]] = [
            (20, self.select),
            (6, self.select_aggregate),
            (10, self.select_join),
            (22, self.insert),
            (4, self.insert_select),
            (14, self.update),
            (5, self.delete),
            (6, self.transaction),
            (1, self.schema_change),
        ]
        weights = [weight for weight, _ in makers]
        maker = self.rng.choices([made for _, made in makers], weights)[0]
        return maker(), self.bindings


def error_code(error: Exception) -> int:
    """The extended result code, from either kind of connection."""
    code = getattr(error, "sqlite_errorcode", None) or getattr(error, "extendedresult", None)
    if code is None:
        raise error
    return int(code)


class Twin:
    """One of the two databases."""

    def __init__(self, connection: Any, *, virtual: bool) -> None:
        self.connection = connection
        self.virtual = virtual
        self.is_old = self.run("SELECT sqlite_version() < '3.46'") == ("rows", [(1,)])
        if self.is_old:
            self.run("PRAGMA automatic_index = OFF")  # they are wrong with COLLATE RTRIM in old libraries
        self.run("CREATE TABLE o(x INTEGER, y TEXT, z BLOB, n INT)")
        for i, (number, text, blob) in enumerate(zip(NUMBERS, TEXTS, BLOBS * 2, strict=False)):
            self.run("INSERT INTO o VALUES(?, ?, ?, ?)", [number, text, [blob, number][i % 2], [text, number][i % 2]])

    def run(self, sql: str, bindings: list[Any] | None = None) -> tuple[str, Any]:
        """("rows", rows) or ("error", code)."""
        try:
            return "rows", list(self.connection.execute(sql.replace("{rows}", "_rows" * self.virtual), bindings or []))
        except (apsw.Error, sqlite3.Error) as error:
            return "error", error_code(error)

    def state(self) -> Any:
        is_open = getattr(self.connection, "in_transaction", None)
        if is_open is None:
            is_open = self.connection.in_transaction
        return is_open, self.run("SELECT changes(), last_insert_rowid()")

    def contents(self) -> Any:
        return self.run("SELECT rowid, * FROM t ORDER BY rowid")


def sort_key(row: Row) -> list[tuple[str, str]]:
    return [(type(value).__name__, repr(value)) for value in row]


def representative(row: Row) -> Row:
    """DISTINCT, GROUP BY, min and max give the first one of several equal values: 5 or 5.0, 'a' or 'A '."""
    return tuple(
        value.lower().rstrip() if isinstance(value, str) else value + 0.0 if isinstance(value, int) else value
        for value in row
    )


class Differential:
    def __init__(self, seed: int, open_connection: Callable[[], Any]) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.generator = Generator(self.rng)
        self.virtual = Twin(open_connection(), virtual=True)
        self.ordinary = Twin(open_connection(), virtual=False)
        self.generator.is_old = self.ordinary.is_old
        self.count = 0
        self.is_vacuumed = False
        self.log: list[Any] = []

    def both(self, sql: str, bindings: list[Any]) -> tuple[Any, Any]:
        self.log.append((sql, bindings))
        return self.virtual.run(sql, bindings), self.ordinary.run(sql, bindings)

    def fail(self, what: str, virtual: Any, ordinary: Any) -> None:
        history = "\n".join(f"  {sql}  {bindings}" for sql, bindings in self.log[-12:])
        raise AssertionError(
            f"seed {self.seed}, statement {self.count}, {what}:\n virtual  {virtual!r}\n ordinary {ordinary!r}\n"
            f"after\n{history}\n{self.generator.schema.create(virtual=True)}"
        )

    def check(self, sql: str, virtual: Any, ordinary: Any) -> None:
        if any(word in sql for word in ("DISTINCT", "GROUP BY", "min(")):
            virtual, ordinary = (
                (kind, [representative(row) for row in rows] if kind == "rows" else rows)
                for kind, rows in (virtual, ordinary)
            )
        if virtual[0] == "rows" and ordinary[0] == "rows" and " ORDER BY " not in sql:
            virtual = ("rows", sorted(virtual[1], key=sort_key))
            ordinary = ("rows", sorted(ordinary[1], key=sort_key))
        if repr(virtual) != repr(ordinary):
            self.fail("result", virtual, ordinary)
        states = self.virtual.state(), self.ordinary.state()
        if sql == "VACUUM":  # leaves a rowid of its own in last_insert_rowid()
            self.is_vacuumed = True
        elif self.is_vacuumed:
            self.is_vacuumed = states[0] != states[1]
        elif states[0] != states[1]:
            self.fail("(in a transaction?, changes() and last_insert_rowid())", *states)

    def new_table(self) -> None:
        self.generator.schema = self.rng.choice(SCHEMAS)
        for twin in (self.virtual, self.ordinary):
            for sql in ("ROLLBACK", "DROP TABLE IF EXISTS t", "DROP TABLE IF EXISTS u"):
                twin.run(sql)
            outcome = twin.run(self.generator.schema.create(virtual=twin.virtual))
            assert outcome[0] == "rows", outcome
        self.log = []

    def step(self) -> None:
        if self.count % 400 == 0:
            self.new_table()
        self.count += 1
        sql, bindings = self.generator.statement()
        self.check(sql, *self.both(sql, bindings))
        if self.count % 20 == 0:
            contents = self.virtual.contents(), self.ordinary.contents()
            if repr(contents[0]) != repr(contents[1]):
                self.fail("contents", *contents)
        if self.count % 200 == 0:
            integrity = self.virtual.run("PRAGMA integrity_check")
            if integrity != ("rows", [("ok",)]):
                self.fail("integrity", integrity, "ok")

    def run(self, seconds: float) -> int:
        """Returns how many statements were run."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()
        self.virtual.connection.close()
        self.ordinary.connection.close()
        return self.count
