"""What an installed wheel must do on its platform: run by tools/platforms.py with that platform's own Python.

    python check.py FOLDER [large]

FOLDER is empty, may have any name, and gets the databases. Prints the digests of frames, which are the same everywhere.
With "large", 5 GB of memory are needed.
"""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
import struct
import sys
import threading
from pathlib import Path
from typing import Any

import apsw

import sqlite_zblob as zb

SHAPE = (9, 40, 50)


def volume(seed: int, width: int) -> bytes:
    """Smooth samples with noise, of integers alone: the same bytes on every machine."""
    samples, state = [], seed
    for z in range(SHAPE[0]):
        for y in range(SHAPE[1]):
            for x in range(SHAPE[2]):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                samples.append((x * y // 9 + z * 11 + (state >> 16) % 7) & (0xFF if width == 1 else 0xFFF))
    return struct.pack(f"<{len(samples)}{'BH'[width - 1]}", *samples)


def values() -> dict[str, tuple[bytes, dict[str, Any]]]:
    found: dict[str, tuple[bytes, dict[str, Any]]] = {}
    for width, dtype in ((1, "uint8"), (2, "<u2")):
        found[dtype] = volume(5, width), {"dtype": dtype, "shape": SHAPE}
    floats = struct.unpack(f"<{SHAPE[0] * SHAPE[1] * SHAPE[2]}H", volume(9, 2))
    found["float32"] = (
        struct.pack(f"<{len(floats)}f", *(each * 0.125 for each in floats)),
        found["<u2"][1] | {"dtype": "<f4"},
    )
    found["labels"] = bytes((each // 600) for each in floats), {"dtype": "uint8", "shape": SHAPE}
    found["lines"] = b"".join(b"line %d of a text\r\n" % i for i in range(20000)), {}
    found["pickle"] = pickle.dumps({"name": "M\u00fcller", "values": list(range(500))}, protocol=4), {}
    found["small"] = b"a small value, a small value", {}
    return found


def digests() -> list[str]:
    lines = []
    for name, (value, options) in values().items():
        for level in (1, 5, 9):
            frame = zb.compress(value, level, **options)
            assert zb.decompress(frame) == value, name
            # what zstd makes depends on its version
            same_everywhere = options and zb.info(frame).codec == "voxel"
            lines += [f"{name} {level} {hashlib.sha256(frame).hexdigest()}"] if same_everywhere else []
    return lines


def use(connection: Any, value: bytes) -> None:
    execute = connection.execute
    execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, data BLOB)")
    zb.enable(connection, "results", "data")
    execute("INSERT OR REPLACE INTO results VALUES ('\u00e4 b', ?)", (value,))
    ((stored,),) = execute("SELECT length(data) FROM results").fetchall()
    ((back,),) = execute("SELECT zdecompress(data) FROM results").fetchall()
    assert stored < len(value)
    assert back == value


def check_connections(folder: Path) -> None:
    value = values()["<u2"][0]
    use(apsw.Connection(str(folder / "with apsw.db")), value)
    zb.install(decode_rows=True)
    connection = sqlite3.connect(folder / "mit Umlaut \u00fc.db")
    use(connection, value)
    assert connection.execute("SELECT data FROM results").fetchall() == [(value,)]
    assert connection.execute("SELECT zdecompress(zcompress(?))", ("a\r\nb" * 500,)).fetchone() == ("a\r\nb" * 500,)
    zb.uninstall()
    connection.close()


def check_threads(folder: Path) -> None:
    made, failures = values(), []

    def work(number: int) -> None:
        try:
            connection = apsw.Connection(str(folder / f"thread {number}.db"))
            for value, options in made.values():
                assert zb.decompress(zb.compress(value, 3, **options)) == value
            use(connection, made["<u2"][0])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def check_large(folder: Path) -> None:
    """A value of many chunks; and more bytes than 31 bits count, which a C type that is too short would lose."""
    connection = apsw.Connection(str(folder / "large.db"))
    use(connection, volume(3, 2) * 1000)
    value = bytearray((1 << 31) + 100)
    value[-3:] = b"end"
    frame = zb.compress(value, 1)
    assert zb.info(frame).raw_size == len(value)
    assert zb.decompress(frame) == bytes(value)


def check_migration(folder: Path) -> None:
    path = str(folder / "migrated.db")
    connection = apsw.Connection(path)
    connection.execute("CREATE TABLE results (key TEXT PRIMARY KEY, data BLOB)")
    connection.executemany("INSERT INTO results VALUES (?, ?)", [(str(i), volume(i, 2)) for i in range(5)])
    connection.close()
    zb.migrate(path, "results", "data")
    connection = apsw.Connection(path)
    zb.load(connection)
    assert connection.execute("SELECT count(*) FROM results WHERE zis_frame(data)").fetchall() == [(5,)]
    for key, data in connection.execute("SELECT key, zdecompress(data) FROM results").fetchall():
        assert data == volume(int(str(key)), 2)
    connection.close()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    print(*digests(), sep="\n")
    for check in [check_connections, check_threads, check_migration] + [check_large] * ("large" in sys.argv[2:]):
        check(folder)
        print(check.__name__, "passed")


if __name__ == "__main__":
    main()
