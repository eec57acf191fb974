"""A column to Zarr and files and back: every value, without decoding where chunks allow, in spite of interruptions."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import apsw
import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.cli import cli
from sqlite_zblob.exchange.names import key_of, name_of
from tools import cli_docs

from ..conftest import open_apsw
from ..samples.files import dicom

pytest.importorskip("obstore")
zarr = pytest.importorskip("zarr", minversion="3.0.8")

import sqlite_zblob.integrations.zarr  # noqa: E402 - registers the codec


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def values(brain: sitk.Image) -> dict[Any, Any]:
    """As they are stored."""
    volume = sitk.GetArrayFromImage(brain)[40:130, :128, :128]
    series = np.stack([volume[:12], volume[12:24], volume[24:36]]).astype("i2")
    scan = pickle.dumps(sitk.GetImageFromArray(volume))
    return {
        "scan": zb.compress(scan),
        "scan/plain ä": scan,
        "envelope": zb.compress_pickle(scan),
        "for column": zb.compress(scan, 3, for_column=True),
        "halves": zb.compress(npy(np.concatenate([volume, volume]).astype("f4"))),
        "series": zb.compress(npy(series)),
        "colour": zb.compress(npy(np.stack([volume[:20]] * 3, -1))),
        "big-endian": zb.compress(npy(volume[:30].astype(">i2"))),
        "fortran": zb.compress(npy(np.asfortranarray(volume[:30]))),
        "bool": zb.compress(npy(volume[:40] > 60)),
        "thin": zb.compress(npy(volume[:40, :, :8].copy())),
        "slice": zb.compress(npy(volume[45])),
        "12 bits": zb.compress(dicom(volume.astype("<u2"), NumberOfFrames=len(volume), BitsStored=12, HighBit=11)),
        "text": "plain text " * 99,
        "compressed text": zb.compress("täxt " * 999),
        "": zb.compress(b"small " * 99),
        b"\x00\xff": os.urandom(999),
        7: zb.compress(b""),
        -7: b"",
        "null": None,
        "integer": 1 << 60,
        "real": float("inf"),
    }


CHANGED = ("scan", "halves", "slice", "big-endian")


@pytest.fixture
def database(tmp_path: Path, values: dict[Any, Any]) -> str:
    connection = open_apsw(str(tmp_path / "in.db"))
    connection.execute("CREATE TABLE results(id PRIMARY KEY, data)")
    connection.executemany("INSERT INTO results VALUES (?, ?)", list(values.items()))
    connection.close()
    return str(tmp_path / "in.db")


def rows_of(path: Path, table: str = "results") -> dict[Any, Any]:
    connection = open_apsw(str(path))
    try:
        return {row[0]: row[1] for row in connection.execute(f"SELECT * FROM {table}")}
    finally:
        connection.close()


def empty_database(path: Path) -> Path:
    apsw.Connection(str(path)).execute("PRAGMA user_version = 1").fetchall()
    return path


def test_zarr_without_decoding(database: str, values: dict[Any, Any], tmp_path: Path) -> None:
    report = zb.exchange.export_rows(database, "results", "data", f"zarr:{tmp_path / 'z'}")
    assert report.ok and report.done_rows == len(values)
    assert report.copied_chunks >= 8
    back = zb.exchange.import_rows(
        empty_database(tmp_path / "out.db"), "results", "data", f"zarr:{tmp_path / 'z'}", workers=2
    )
    assert back.ok and back.done_rows == len(values)
    found = rows_of(tmp_path / "out.db")
    assert {(type(key), key) for key in found} == {(type(key), key) for key in values}
    for key, value in values.items():
        assert (type(found[key]), found[key]) == (type(value), value), key
    again = zb.exchange.export_rows(database, "results", "data", f"zarr:{tmp_path / 'z'}")
    assert (again.done_rows, again.skipped_rows) == (0, len(values))
    group = zarr.open_group(tmp_path / "z", mode="r")
    assert len(list(group.array_keys())) == len(values)
    for key in ("scan", "halves", "series", "colour", "big-endian", "bool", "thin", "slice", "12 bits"):
        expected = zb.images.read_array(values[key])
        assert np.array_equal(group[name_of(key)][...], expected), key
    assert np.array_equal(group["fortran"][...].T, zb.images.read_array(values["fortran"]))


def test_zarr_with_a_standard_codec(database: str, values: dict[Any, Any], tmp_path: Path) -> None:
    report = zb.exchange.export_rows(database, "results", "data", f"zarr:{tmp_path / 'z'}", codec="zstd")
    assert report.ok and report.copied_chunks == 0
    codecs = json.loads((tmp_path / "z" / "scan" / "zarr.json").read_text())["codecs"]
    assert [each["name"] for each in codecs] == ["bytes", "zstd"]
    array = zarr.open_array(tmp_path / "z" / "halves")
    assert np.array_equal(array[150], zb.images.read_array(values["halves"])[150])
    out = empty_database(tmp_path / "out.db")
    assert zb.exchange.import_rows(out, "results", "data", f"zarr:{tmp_path / 'z'}").ok
    for key, value in rows_of(out).items():
        if isinstance(value, bytes):
            assert zb.decompress(value) == zb.decompress(values[key]), key
            assert zb.info(value).envelope == zb.info(values[key]).envelope
        else:
            assert value == values[key]


def test_arrays_that_others_changed_or_made(database: str, values: dict[Any, Any], tmp_path: Path) -> None:
    zb.exchange.export_rows(database, "results", "data", f"zarr:{tmp_path / 'z'}")
    for key in CHANGED:
        zarr.open_array(tmp_path / "z" / key, mode="r+")[3:5] = 17
    foreign = zarr.create_array(tmp_path / "z" / "foreign", shape=(9, 50), chunks=(4, 50), dtype="u2")
    foreign[...] = np.arange(450).reshape(9, 50)
    out = empty_database(tmp_path / "out.db")
    assert zb.exchange.import_rows(out, "results", "data", f"zarr:{tmp_path / 'z'}").ok
    found = rows_of(out)
    assert np.array_equal(zb.images.read_array(found["foreign"]), np.arange(450).reshape(9, 50))
    for key in CHANGED:
        expected = zb.images.read_array(values[key]).copy()
        expected[3:5] = 17
        assert np.array_equal(zb.images.read_array(found[key]), expected), key
    unpickled = pickle.loads(zb.decompress(found["scan"]))  # type: ignore[arg-type]
    assert unpickled.GetPixelIDTypeAsString() == "8-bit unsigned integer"


def test_damage_is_named(database: str, tmp_path: Path) -> None:
    place = f"zarr:{tmp_path / 'z'}"
    zb.exchange.export_rows(database, "results", "data", place)
    chunk = tmp_path / "z" / "scan" / "c" / "0" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[-9] ^= 1
    chunk.write_bytes(data)
    (tmp_path / "z" / "halves" / "c" / "0" / "0" / "0").unlink()
    (tmp_path / "z" / "slice" / "zarr.json").write_text("{}")
    (tmp_path / "z" / "bool" / "zblob-rest").write_bytes(b"x")
    report = zb.exchange.import_rows(empty_database(tmp_path / "out.db"), "results", "data", place)
    assert sorted(str(each.key["key"]) for each in report.failures) == ["bool", "halves", "scan", "slice"]
    connection = open_apsw(database)
    connection.execute("UPDATE results SET data = ? WHERE id = 'scan'", (bytes(data[:200]) + bytes(999),))
    connection.close()
    report = zb.exchange.export_rows(database, "results", "data", place)
    assert report.skipped_rows > 10


def edit(path: Path, *changes: tuple[tuple[str, ...], Any]) -> None:
    about = json.loads(path.read_text())
    for (*way, last), value in changes:
        place = about
        for step in way:
            place = place[step]
        place[last] = value
    path.write_text(json.dumps(about))


def test_arrays_that_lie(database: str, tmp_path: Path) -> None:
    """In little memory and time, with a reason: what they claim is checked before anything is made of it."""
    connection = open_apsw(database)
    connection.execute("DELETE FROM results WHERE id <> 'scan'")
    connection.close()
    grid, own = ("chunk_grid", "configuration", "chunk_shape"), ("attributes", "sqlite_zblob")
    lies: list[list[tuple[tuple[str, ...], Any]]] = [
        [(("shape",), [1 << 39, 1 << 39, 1 << 39])],
        [(("shape",), [90, 128, 0])],
        [(grid, [1, 1, 1])],
        [(grid, [0, 128, 128])],
        [((*own, "image_size"), 1 << 60), (("shape",), [1 << 30, 128, 128])],
        [((*own, "objects"), {"c/0/0/0": [1, "x"], "../../secret": [1, "x"]})],
        [((*own, "kind"), [])],
        [((*own, "whole"), 1 << 40), ((*own, "first"), -5)],
    ]
    for codec in ("zblob", "zstd"):
        place = tmp_path / codec
        zb.exchange.export_rows(database, "results", "data", f"zarr:{place}", codec=codec)
        metadata = (place / "scan" / "zarr.json").read_text()
        for number, changes in enumerate(lies):
            if codec == "zstd" and number == len(lies) - 1:  # which has other fields
                changes = [((*own, "value_offset"), "x")]
            (place / "scan" / "zarr.json").write_text(metadata)
            edit(place / "scan" / "zarr.json", *changes)
            out = empty_database(tmp_path / f"{codec}-{number}.db")
            report = zb.exchange.import_rows(out, "results", "data", f"zarr:{place}")
            assert [each.key["key"] for each in report.failures] == ["scan"], (codec, changes)
        (place / "scan" / "zarr.json").write_text(metadata)
        chunk = place / "scan" / "c" / "0" / "0" / "0"
        for other in (
            b"",
            chunk.read_bytes()[:40],
            zb.compress(bytes(1 << 26)),
            b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 40,
        ):
            chunk.write_bytes(other)
            report = zb.exchange.import_rows(
                empty_database(tmp_path / f"{codec}-{len(other)}-x.db"), "results", "data", f"zarr:{place}"
            )
            assert [each.key["key"] for each in report.failures] == ["scan"], (codec, len(other))


@pytest.mark.parametrize("kind", ["frames", "nifti", "nrrd", "raw"])
def test_files(database: str, values: dict[Any, Any], tmp_path: Path, kind: str) -> None:
    place = f"{kind}:{tmp_path / kind}"
    kept = ("scan", "envelope", "fortran", "big-endian", "colour", "slice", "text", "null", "integer", b"\x00\xff")
    connection = open_apsw(database)
    connection.execute(f"DELETE FROM results WHERE id NOT IN ({', '.join('?' * len(kept))})", kept)
    connection.close()
    values = {key: values[key] for key in kept}
    report = zb.exchange.export_rows(database, "results", "data", place)
    left = {each.key["key"] for each in report.failures}
    assert {"scan", "envelope", "fortran"}.isdisjoint(left) and {"text", "null", "integer"} <= left
    assert report.done_rows == len(values) - len(left)
    out = empty_database(tmp_path / "out.db")
    back = zb.exchange.import_rows(out, "results", "data", place)
    assert back.ok and back.done_rows == report.done_rows
    for key, value in rows_of(out).items():
        if kind == "frames":
            assert value == values[key]
        elif key not in ("slice", "colour"):
            assert np.array_equal(zb.images.read_array(value), zb.images.read_array(values[key])), key
    again = zb.exchange.export_rows(database, "results", "data", place)
    assert again.skipped_rows == report.done_rows


def test_another_kind_than_was_exported(tmp_path: Path) -> None:
    database = rows_in(tmp_path / "a.db", {"one": npy(np.zeros((4, 5, 6)))})
    out = empty_database(tmp_path / "out.db")
    for kind in ("zarr", "frames", "raw"):
        zb.exchange.export_rows(database, "results", "data", f"{kind}:{tmp_path / kind}")
    for kind, there in (("frames", "zarr"), ("zarr", "raw"), ("raw", "frames"), ("nifti", "raw")):
        with pytest.raises(zb.OptionError, match=f"is of the kind {kind}: give {there}:{tmp_path / there}$"):
            zb.exchange.import_rows(out, "results", "data", f"{kind}:{tmp_path / there}")
    with pytest.raises(zb.OptionError, match="of the kind nrrd, nor of another"):
        zb.exchange.import_rows(out, "results", "data", f"nrrd:{Path(__file__).parent}")
    empty = rows_in(tmp_path / "empty.db", {})
    for kind in ("zarr", "raw"):
        zb.exchange.export_rows(empty, "results", "data", f"{kind}:{tmp_path / 'none' / kind}")
        assert zb.exchange.import_rows(out, "results", "data", f"{kind}:{tmp_path / 'none' / kind}").rows == 0


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "raw"])
def test_a_row_of_several_images_has_a_file_of_each(tmp_path: Path, kind: str) -> None:
    database = str(tmp_path / "several.db")
    images = [np.arange(4096, dtype=np.int16).reshape(4, 32, 32) * each for each in (1, 2, 3)]

    def put(value: Any) -> set[str]:
        connection = open_apsw(database)
        connection.execute("CREATE TABLE IF NOT EXISTS results(id PRIMARY KEY, data)")
        connection.execute("INSERT OR REPLACE INTO results VALUES ('pair', zcompress(?))", (pickle.dumps(value),))
        connection.close()
        report = zb.exchange.export_rows(database, "results", "data", f"{kind}:{tmp_path / kind}")
        assert report.ok and report.done_rows == 1
        return {each.name for each in (tmp_path / kind).glob("pair*")}

    ends = {"nifti": [".nii.gz"], "nrrd": [".nrrd"], "raw": [".json", ".raw"]}[kind]
    assert put(images) == {f"pair=n{at}{end}" for at in range(3) for end in ends}
    out = zb.exchange.import_rows(empty_database(tmp_path / "out.db"), "results", "data", f"{kind}:{tmp_path / kind}")
    assert [each.reason for each in out.failures] == [
        f"it is image {at} of several in the row pair: zarr: and frames: give whole rows back" for at in range(3)
    ]
    assert put(images[1]) == {f"pair{end}" for end in ends}
    out = zb.exchange.import_rows(empty_database(tmp_path / "out.db"), "results", "data", f"{kind}:{tmp_path / kind}")
    assert out.ok and np.array_equal(zb.images.read_array(rows_of(tmp_path / "out.db")["pair"]), images[1])


def test_a_programs_frame_in_a_virtual_table_is_exported_as_its_image(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 50, (9, 64, 64)).astype(np.int16)
    connection = open_apsw(str(tmp_path / "own.db"))
    connection.execute("CREATE VIRTUAL TABLE results USING zblob(id PRIMARY KEY, data COMPRESSED)")
    connection.execute("INSERT INTO results VALUES ('own', ?)", (zb.compress(pickle.dumps(noise)),))
    connection.close()
    assert zb.exchange.export_rows(tmp_path / "own.db", "results", "data", f"raw:{tmp_path / 'raw'}").ok
    assert (tmp_path / "raw" / "own.raw").read_bytes() == noise.tobytes()


def rows_in(path: Path, rows: dict[Any, Any]) -> Path:
    path.unlink(missing_ok=True)
    connection = open_apsw(str(path))
    connection.execute("CREATE TABLE results(id PRIMARY KEY, data)")
    connection.executemany("INSERT INTO results VALUES (?, ?)", list(rows.items()))
    connection.close()
    return path


@pytest.mark.parametrize("url", ["{}", "file://{}"])
def test_an_array_with_other_axes(tmp_path: Path, url: str) -> None:
    """What `c/0` is for one of them is a folder of the other. Chunks that are left over go."""
    place = f"zarr:{url.format(tmp_path / 'z')}"
    for shape in ((40, 64, 64), (64, 64), (3, 20, 64, 64), (4, 64, 64), (40, 64, 64)):
        array = np.arange(np.prod(shape), dtype="i2").reshape(shape)
        database = rows_in(tmp_path / "in.db", {"k": zb.compress(npy(array)), "other": b"x"})
        report = zb.exchange.export_rows(database, "results", "data", place, codec="zstd")
        assert report.ok and report.done_rows >= 1
        found = zarr.open_array(tmp_path / "z" / "k", mode="r")
        assert np.array_equal(found[...], array)
        names = [path for path in (tmp_path / "z" / "k" / "c").rglob("*") if path.is_file()]
        assert len(names) == found.nchunks


def test_what_is_in_the_way_is_a_failure_of_its_row(tmp_path: Path) -> None:
    database = rows_in(tmp_path / "in.db", {"k": b"v" * 99, "l": b"w" * 99})
    (tmp_path / "out" / "k.zblob").mkdir(parents=True)
    report = zb.exchange.export_rows(database, "results", "data", f"frames:{tmp_path / 'out'}")
    assert report.done_rows == 1
    assert [each.reason for each in report.failures] == [f"Is a directory: {tmp_path / 'out' / 'k.zblob'}"]
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "k").write_text("a file")
    report = zb.exchange.export_rows(database, "results", "data", f"zarr:{tmp_path / 'z'}")
    assert [each.reason for each in report.failures] == [f"Not a directory: {tmp_path / 'z' / 'k' / 'zarr.json'}"]
    with pytest.raises(zb.OptionError, match="no URL of object storage") as caught:
        zb.exchange.export_rows(database, "results", "data", "zarr:bogus://x")
    assert "Debug source" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zarr", "frames"])
def test_half_an_export_is_not_taken_for_all(tmp_path: Path, kind: str) -> None:
    database = rows_in(tmp_path / "in.db", dict.fromkeys(range(12), b"v" * 99))
    place, out = f"{kind}:{tmp_path / 'z'}", empty_database(tmp_path / "out.db")

    def stop(_: str, done: int, __: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zb.exchange.export_rows(database, "results", "data", place, workers=1, progress=stop)
    report = zb.exchange.import_rows(out, "results", "data", place)
    assert not report.ok and not report.failures and 0 < report.done_rows < 12
    done = CliRunner().invoke(cli, ["import", str(out), "results", "data", "--from", place])
    assert done.exit_code == 1 and "was interrupted or is going on" in done.stdout
    assert zb.exchange.export_rows(database, "results", "data", place).ok
    report = zb.exchange.import_rows(out, "results", "data", place)
    assert report.ok and not report.unfinished and len(rows_of(out)) == 12


def test_a_slice_reads_a_part(values: dict[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v.zblob").write_bytes(values["halves"])
    image = zb.exchange.open_remote(tmp_path / "v.zblob")
    expected = zb.images.read_array(values["halves"])
    objects = image._value.objects  # type: ignore[attr-defined]
    assert objects.requests == 1
    assert np.array_equal(image[100], expected[100])
    assert objects.requests == 2 and objects.received < len(values["halves"]) / 1.5
    assert np.array_equal(image, expected)
    with monkeypatch.context() as patch:
        patch.setattr("sqlite_zblob.parts.value.CACHE_SIZE", 1)
        assert np.array_equal(image[..., 3], expected[..., 3])
    damaged = bytearray(values["halves"])
    damaged[-3000] ^= 1
    (tmp_path / "v.zblob").write_bytes(damaged)
    changed = zb.exchange.open_remote(tmp_path / "v.zblob")
    with pytest.raises(zb.DamagedFrameError):
        changed[179]
    with pytest.raises(zb.OptionError, match="no object"):
        zb.exchange.open_remote(tmp_path / "none.zblob")


def test_names() -> None:
    for key in ("", "a.b-c_D", ".", "..", "=i5", "a/b\\c", "ä\0\n", 5, -5, 1 << 62, b"", b"\x00\xff", "=e"):
        name = name_of(key)
        assert (type(key_of(name)), key_of(name)) == (type(key), key)
        assert name not in (".", "..") and "/" not in name and name.isascii()
    for bad in (1.5, None, "x" * 300):
        with pytest.raises(zb.OptionError):
            name_of(bad)  # type: ignore[arg-type]
    for odd in ("=q", "ä", "a/b", "=i9223372036854775808", "=ED=A0=80", "=FF"):
        with pytest.raises(zb.OptionError):
            key_of(odd)


@pytest.mark.parametrize(("kind", "codec"), [("frames", "zblob"), ("zarr", "zblob"), ("zarr", "zstd")])
def test_names_of_ours_and_the_shortest_values(tmp_path: Path, kind: str, codec: str) -> None:
    """Keys that are called as what lies beside the rows; frames of Zstandard of less than 18 bytes."""
    rows: dict[Any, Any] = {"zblob-marks": b"marks", "zarr.json": b"array", "c": b"chunk"}
    rows |= {size: bytes(range(65, 65 + size)) for size in range(6)}
    connection = open_apsw(str(tmp_path / "in.db"))
    connection.execute("CREATE TABLE results(id PRIMARY KEY, data)")
    connection.executemany("INSERT INTO results VALUES (?, ?)", list(rows.items()))
    connection.close()
    place, out = f"{kind}:{tmp_path / 'out'}", empty_database(tmp_path / "out.db")
    assert zb.exchange.export_rows(tmp_path / "in.db", "results", "data", place, codec=codec).ok
    report = zb.exchange.import_rows(out, "results", "data", place)
    assert report.ok and report.done_rows == len(rows) and rows_of(out) == rows


def test_the_commands(database: str, tmp_path: Path) -> None:
    def run_json(*arguments: object, exit_code: int = 0) -> Any:
        done = CliRunner().invoke(cli, [*map(str, arguments), "--json"], prog_name="sqlite-zblob")
        assert done.exit_code == exit_code, done.output
        result = json.loads(done.stdout)
        if "error" not in result:
            jsonschema.validate(result, {"$ref": f"#/$defs/output of {arguments[0]}", **cli_docs.schema()})
        return result

    kept = ("scan", "text", "null", 7)
    connection = open_apsw(database)
    connection.execute(f"DELETE FROM results WHERE id NOT IN ({', '.join('?' * len(kept))})", kept)
    connection.close()
    place = f"zarr:{tmp_path / 'z'}"
    assert run_json("export", database, "results", "data", "--to", place)["done_rows"] == len(kept)
    zb.shards.create(tmp_path / "s-*.db", 2).close()
    report = run_json("import", tmp_path / "s-*.db", "results", "data", "--from", place, exit_code=1)
    assert [each["key"]["key"] for each in report["failures"]] == ["null"]
    with zb.shards.open(tmp_path / "s-*.db") as store:
        assert len(store) == len(kept) - 1 and store[7] == b""
    lines = CliRunner().invoke(cli, ["export", database, "results", "data", "--to", place]).stdout.splitlines()
    assert lines[0].startswith("export: 0 of 4 rows, 4 there already")
    connection = open_apsw(database)
    connection.execute("DELETE FROM results; INSERT INTO results VALUES (5, 'x'), ('5', 'x'), (?, 'x')", ("y\n" * 999,))
    connection.close()
    text = CliRunner().invoke(cli, ["export", database, "results", "data", "--to", f"frames:{tmp_path / 'f'}"]).stdout
    assert "  id=5: " not in text and "  key=5: " in text and "  key='5': " in text
    assert f"key={'y' + chr(10)!r}"[:-1] in text and "... (1,998 characters): " in text
    assert max(map(len, text.splitlines())) < 300
    for wrong in ("zip:x", "zarr"):
        assert run_json("export", database, "results", "data", "--to", wrong, exit_code=2)["error"]["kind"]


@pytest.mark.parametrize("kind", ["zarr", "frames"])
def test_frames_go_into_a_virtual_table_as_what_they_hold(tmp_path: Path, kind: str) -> None:
    """Also those that need a dictionary, and those that a program has stored as its values."""
    source, target = open_apsw(str(tmp_path / "a.db")), open_apsw(str(tmp_path / "b.db"))
    for db in (source, target):
        db.execute("CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, v COMPRESSED, dictionary=auto)")
    rows = [(n, f'{{"user": {n * n}, "event": "click", "page": "/shop/{n * 77_777}"}}'.encode()) for n in range(99)]
    source.executemany("INSERT INTO t VALUES (?, ?)", rows)
    zb.train(source, "t", "v", size=512)
    own = [zb.compress(b"a" * 999), zb.compress("text" * 99)]
    rows += [(100, own[0]), (101, own[1]), (102, zb.compress(own[0])), (103, own[0][:60] + b"?"), (104, rows[1][1] * 2)]
    source.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", rows)
    place = f"{kind}:{tmp_path}/out"
    assert zb.exchange.export_rows(tmp_path / "a.db", "t", "v", place).ok
    if kind == "frames":
        report = zb.exchange.import_rows(target, "t", "v", place)
        assert [each.key for each in report.failures] == [{"key": 104}]
        assert "needs dictionary" in report.failures[0].reason
        zb.copy_dictionaries(source, target)
    assert zb.exchange.import_rows(target, "t", "v", place).ok
    assert target.execute("SELECT * FROM t ORDER BY id").fetchall() == rows
