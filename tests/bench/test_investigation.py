"""The bench: adapters on real images, resumable measurements, inputs, the slow medium, and a report made from data."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import jsonschema
import matplotlib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.bench import (
    codecs,
    harness,
    inputs,
    markdown,
    methods,
    questions,
    report,
    results,
    throttle,
    workload,
)
from sqlite_zblob.bench.questions import QUESTIONS
from sqlite_zblob.bench.questions.codecs import _COLUMNS, _heading, measure_codec
from sqlite_zblob.bench.questions.scale import gigabyte_months
from sqlite_zblob.bench.questions.threshold import _image, pays_from
from sqlite_zblob.bench.run import run
from sqlite_zblob.cli import cli
from sqlite_zblob.cli.bench import bench
from sqlite_zblob.errors import ZblobError
from tools import cli_docs

from ..conftest import ROOT, package_file

RESULTS = ROOT / "benchmarks" / "results" / "investigation"
REPORT = ROOT / "docs" / "investigation.md"


@pytest.fixture(scope="module")
def mr_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small MR of 16 bits, and a file that says what it is."""
    folder = tmp_path_factory.mktemp("images")
    image = sitk.ReadImage(package_file("pydicom", "data", "test_files", "MR_small.dcm"))
    sitk.WriteImage(sitk.Cast(sitk.Tile([image] * 6, [2, 1, 3]), sitk.sitkInt16), str(folder / "mr.mha"))
    (folder / "index.tsv").write_text("id\tmodality\tsource\nmr\tMR knee\ta package\n")
    return folder


@pytest.fixture
def subject(mr_folder: Path, tmp_path: Path) -> inputs.Subject:
    (found,) = inputs.find_subjects(mr_folder, None, tmp_path, quick=False)
    return found


def arrays() -> Iterator[tuple[str, Any, int]]:
    ct = sitk.GetArrayFromImage(sitk.ReadImage(package_file("pydicom", "data", "test_files", "CT_small.dcm")))
    yield "int16", ct.astype("int16"), 1
    yield "uint8", (ct // 16 & 255).astype("uint8"), 1
    yield "rgb", np.stack([ct & 255, ct >> 1 & 255, ct >> 2 & 255], axis=-1).astype("uint8"), 3
    yield "vector", np.stack([ct, ct // 2], axis=-1).astype("int16"), 2
    yield "float32", (ct / np.float32(7)).astype("float32"), 1
    yield "label map", np.stack([ct // 512, (ct + 20) // 512]).astype("int16"), 1


ARRAYS = {name: (array, components) for name, array, components in arrays()}


def test_every_adapter_is_installed() -> None:
    names = [codec.name for codec in codecs.available()]
    assert len(names) == len(set(names))
    for family in codecs.ADAPTERS:
        assert any(name.startswith(family) for name in names), family
    for name in names:
        assert codecs.get(name).name == name
        assert codecs.version(codecs.get(name))


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("codec", codecs.available(), ids=lambda codec: codec.name)
def test_codecs_give_the_bytes_back(codec: codecs.Codec, kind: str) -> None:
    array, components = ARRAYS[kind]
    figures = measure_codec(codec, array, components)
    if codec.subjects(array, components) is None:
        assert figures == "takes no such samples"
        return
    assert not isinstance(figures, str), figures
    assert 0 < figures[0] <= array.nbytes * 1.3
    assert min(figures[1:]) > 0
    coded = codec.encode_all(codec.subjects(array, components) or [], 2)
    assert sum(map(len, codec.decode_all(coded, 2)[:0])) == 0


def test_a_codec_that_does_not_give_the_bytes_back_is_out() -> None:
    liar = codecs.Codec("liar", "", lambda data, threads: b"small", lambda data, threads: bytes(7))
    assert measure_codec(liar, ARRAYS["int16"][0], 1) == "does not give the bytes back"


def test_rle_is_what_dicom_means_by_it() -> None:
    """The frame stands for the pixels of a file, which pydicom then reads."""
    dataset = pydicom.dcmread(package_file("pydicom", "data", "test_files", "CT_small.dcm"))
    pixels = dataset.pixel_array.copy()
    coded = codecs.get("DICOM RLE").encode(pixels.view("uint16"), 1)[9:]
    dataset.PixelData = pydicom.encaps.encapsulate([coded])
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    dataset["PixelData"].is_undefined_length = True
    assert (dataset.pixel_array == pixels).all()


def test_a_journal_resumes_and_forgets_other_settings(tmp_path: Path) -> None:
    path, calls = tmp_path / "q.partial.jsonl", []

    def measure(figure: float) -> dict[str, float]:
        calls.append(figure)
        return {"figure": figure}

    results.Journal(path, {"quick": True}).take("a", measure, 1.5)
    with path.open("a") as file:
        file.write('["b", {"figure"')  # the writer was killed here
    again = results.Journal(path, {"quick": True})
    assert again.take("a", measure, 7.0) == {"figure": 1.5}
    assert again.take("b", measure, 2.5) == {"figure": 2.5}
    assert results.Journal(path, {"quick": True}).take("b", measure, 7.0) == {"figure": 2.5}
    assert results.Journal(path, {"quick": False}).take("a", measure, 3.5) == {"figure": 3.5}
    assert calls == [1.5, 2.5, 3.5]


def test_data_files_give_back_what_was_written(tmp_path: Path) -> None:
    rows = [{"name": "a, b", "count": 3, "ratio": 1.25}, {"name": "c", "count": 4, "speed": 1e-7}]
    results.write(tmp_path, "q", rows, {"machine": {"cpu": "x"}, "seconds": 1.23456789})
    found = results.read(tmp_path, "q")
    assert found is not None
    assert found[0] == [
        {"name": "a, b", "count": 3, "ratio": 1.25, "speed": None},
        {"name": "c", "count": 4, "ratio": None, "speed": 1e-7},
    ]
    assert found[1] == {"machine": {"cpu": "x"}, "seconds": 1.23457}
    (tmp_path / "q.json").write_text("{")
    with pytest.raises(ZblobError, match=r"q\.json"):
        results.read(tmp_path, "q")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.0, "1.00"), (99.96, "100.0"), (123456, "123,000"), (None, "-"), (-2.5, "-2.50")],
)
def test_numbers(value: float | None, text: str) -> None:
    assert markdown.number(value) == text


def test_sizes_tables_and_gigabyte_months() -> None:
    assert [markdown.size(count) for count in (20, 1000, 9_100_000, 1.5e12)] == [
        "20 bytes",
        "1.00 kB",
        "9.10 MB",
        "1.50 TB",
    ]
    assert markdown.table(("a", "b"), [(1, 2)]) == ["| a | b |", "|---|---:|", "| 1 | 2 |", ""]
    # 10 images of 1 GB a month: 10 GB in the first, 20 in the second; half of that at ratio 2.
    assert gigabyte_months(10, 1e9, 1, 2) == 30
    assert gigabyte_months(10, 1e9, 2, 2) == 15


def test_a_folder_says_what_its_images_are(subject: inputs.Subject) -> None:
    assert (subject.name, subject.modality, subject.source) == ("mr", "MR knee", "a package")
    assert (subject.pixel_type, subject.content) == ("int16", "scans")
    assert subject.array().shape == subject.image.size[::-1]
    image = pickle.loads(subject.value())
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    assert pickle.dumps(inputs.image_of(subject.array(), subject.image)) == pickle.dumps(image)


class Bomb:
    def __reduce__(self) -> Any:
        return sys.exit, ("unpickled",)


def test_a_database_is_read_and_nothing_unpickled(tmp_path: Path, ct_pickle: bytes) -> None:
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    zb.load(connection)
    connection.execute('CREATE TABLE "my table"("the data" BLOB)')
    bomb = pickle.dumps((Bomb(), np.arange(4096, dtype="int16").reshape(64, 64)))
    for value in (ct_pickle, zb.compress(ct_pickle), zb.compress(bomb), b"no image", None):
        connection.execute('INSERT INTO "my table" VALUES (?)', (value,))
    connection.close()
    before = path.read_bytes()
    found = inputs.find_subjects(path, "my table.the data", tmp_path, quick=False)
    assert [subject.value() for subject in found] == [ct_pickle, ct_pickle, bomb]
    assert found[2].array().ravel().tolist() == list(range(4096))
    assert path.read_bytes() == before
    with pytest.raises(ZblobError, match=r"TABLE\.COLUMN"):
        inputs.find_subjects(path, None, tmp_path, quick=False)
    with pytest.raises(apsw.SQLError, match=r"no such column: my table\.nothing"):
        inputs.find_subjects(path, "my table.nothing", tmp_path, quick=False)


def test_a_quick_run_takes_the_central_slices(tmp_path: Path, brain: sitk.Image) -> None:
    sitk.WriteImage(brain, str(tmp_path / "brain.mha"))
    values = tmp_path / "values"
    values.mkdir()
    (found,) = inputs.find_subjects(tmp_path, None, values, quick=True)
    array = sitk.GetArrayViewFromImage(brain)
    count = len(found.array())
    assert 1 < count < len(array)
    assert found.raw_size <= inputs.QUICK_BYTES
    start = (len(array) - count) // 2
    assert (found.array() == array[start : start + count]).all()


def test_a_slow_medium_is_as_slow_as_it_says(tmp_path: Path) -> None:
    path = str(tmp_path / "slow.db")
    vfs = throttle.ThrottledVFS()
    connection = apsw.Connection(path, vfs=throttle.VFS_NAME)
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(1000000)); PRAGMA cache_size=10")
    vfs.reset(10e6, 2_000_000)

    def read() -> Any:
        vfs.start()
        found = connection.execute("SELECT x FROM t").fetchall()
        vfs.settle()
        return found

    rows, seconds = harness.timed(read)
    assert len(rows[0][0]) == 1000000
    assert vfs.misses * throttle.PAGE_SIZE >= 1000000
    assert seconds >= vfs.misses * throttle.PAGE_SIZE / 10e6 * 0.99
    misses = vfs.misses
    read()  # its cache has them now
    assert (vfs.misses - misses) * throttle.PAGE_SIZE < 100_000
    vfs.reset(0.0, 100_000)
    read()
    vfs.forget_counts()
    read()  # one pass in the same order leaves nothing of use in a cache that is too small
    assert vfs.hits < vfs.misses / 10
    connection.close()


@pytest.mark.parametrize("name", methods.method_names())
def test_every_way_to_store_gives_the_image_back(name: str, subject: inputs.Subject, tmp_path: Path) -> None:
    """The file system's way is an uncompressed store to this process."""
    values = tmp_path / "values"
    values.mkdir()
    (values / "0.value").write_bytes(subject.value())
    database = str(tmp_path / "results.db")
    method = methods.find_method(name)
    stored = workload.insert(method, database, values, copies=2, is_pickled=True, small=5)
    read = workload.select(method, database, values, copies=2, is_pickled=True, small=5)
    assert len(stored["seconds"]["sql"]) == len(read["cold"]["sql"]) == 2
    connection = sqlite3.connect(database)
    table = "results_rows" if name.startswith("table") else "results"
    sizes = [size for (size,) in connection.execute(f"SELECT length(data) FROM {table} WHERE data_type = 'image'")]
    connection.close()
    is_plain = method.place in ("none", "file") or "from 64 KiB" in method.label
    assert (sizes[0] == len(subject.value())) == is_plain
    assert bool(method.changes) == (method.place != "none")


def test_children_tell_their_memory(subject: inputs.Subject) -> None:
    arguments = {"value": str(subject.path), "codec": "JPEG-LS", "threads": [1, 2], "rounds": 1, "most_bytes": 10**8}
    found = harness.run_child("coding", arguments)
    assert found["raw_size"] == subject.raw_size
    assert set(found["threads"]) == {"1", "2"}
    with pytest.raises(ZblobError, match="coding"):
        harness.run_child("coding", {"value": str(subject.path)})


@pytest.mark.parametrize("count", [512, 5000, 20_000, 100_000, 1_000_000])
def test_images_of_a_size(subject: inputs.Subject, count: int) -> None:
    assert 0.5 * count < len(_image(subject, count)) < 1.5 * count + 1000


def test_where_it_begins_to_pay() -> None:
    plain = {"kind": "image", "method": "application/uncompressed", "insert": 1, "select": 1}
    rows: list[dict[str, Any]] = [plain | {"size": size, "stored": size} for size in (10, 100, 1000, 10000)]
    shares = {10: 0.5, 100: 1.0, 1000: 0.8, 10000: 0.2}
    rows += [row | {"method": "table/5", "stored": row["stored"] * shares[row["size"]]} for row in rows]
    assert pays_from(rows, "table/5") == 1000


def test_questions_are_measured_once_and_rendered(mr_folder: Path, tmp_path: Path) -> None:
    names = ["contents", "codecs", "cache", "migration"]
    steps: list[str] = []

    def advance(question: str, step: str, count: int) -> None:
        assert count > 0
        steps.append(question)

    folder = tmp_path / "results"
    assert run(names, mr_folder, None, folder, True, False, advance) == names
    assert set(steps) == set(names)
    assert run(names, mr_folder, None, folder, True, False, advance) == []
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{n}.{e}" for n in names for e in ("csv", "json"))
    facts = json.loads((folder / "codecs.json").read_text())
    assert facts["machine"]["cpu"]
    assert facts["versions"]["imagecodecs"]
    engine = {"mode": "in-place", "rows": 7, "raw_bytes": 10**9, "stored_bytes": 10**8, "seconds": 10.0, "failures": []}
    (tmp_path / "migrate.json").write_text(json.dumps({"migration": engine | {"missed_rows": 0, "peak MB": 99.0}}))
    answers = report.write(folder, tmp_path / "report.md")
    assert list(answers) == names and all(each.is_quick for each in answers.values())
    text = (tmp_path / "report.md").read_text()
    for name in names:
        assert QUESTIONS[name].TITLE in text
        assert (tmp_path / "report" / f"{name}.svg").read_text().startswith("<?xml")
    assert text.count("**Answer.**") == len(names)
    assert report.QUICK in text and text.count("*Measured by a quick run") == len(names)
    assert not results.is_enough(results.read(folder, "contents"), quick=False)  # nor an answer to a whole run
    assert run(["contents"], mr_folder, None, folder, False, False, advance) == ["contents"]
    assert run(["contents"], mr_folder, None, folder, True, False, advance) == []
    answers = report.write(folder, tmp_path / "report.md")
    assert [name for name, each in answers.items() if not each.is_quick] == ["contents"]
    for load in (0.1, 3.0):
        for name in names:
            busy = load if name == "contents" else 0.0
            results.write(folder, name, *_with(results.read(folder, name), load=busy))
        assert report.cautions(folder) == [report.QUICK] + [report.BUSY] * (load > 1)
    assert "1.00 GB to 100 MB in 10.0 s (100 MB/s)" in text
    assert "([migrate.json](migrate.json))" in text
    migrated = results.read(folder, "migration")
    assert migrated is not None
    assert all(row["is_right"] for row in migrated[0])


def _with(found: Any, **facts: Any) -> tuple[list[results.Row], results.Row]:
    return found[0], found[1] | facts


def test_the_command() -> None:
    runner = CliRunner()
    assert set(QUESTIONS) | {"all", "report", "cost"} == set(bench.commands)
    told = runner.invoke(bench, ["cost", "--images", "100", "--size-mb", "10", "--ratio", "4", "--price", "0.5"])
    assert told.exit_code == 0, told.output
    # 1 GB a month for 12 months: 1 + 2 + ... + 12 GB-months.
    assert [line.split()[1] for line in told.output.splitlines()] == ["78.0", "19.5", "58.5"]
    assert [line.split()[3] for line in told.output.splitlines()] == ["39.00", "9.75", "29.25"]
    assert runner.invoke(bench, ["cost", "--images", "1", "--size-mb", "1", "--ratio", "0"]).exit_code == 2
    assert runner.invoke(bench, ["store", "/nowhere"]).exit_code == 2


def test_a_question_from_the_shell(mr_folder: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    options = [str(mr_folder), "--quick", "--results", str(tmp_path)]
    first = runner.invoke(bench, ["contents", *options])
    assert first.exit_code == 0, first.output
    assert "No: a pickle of protocol 4 or 5 holds the samples byte for byte" in first.output
    assert "contents, quick run" in first.output and " ".join(report.QUICK.split()) in " ".join(first.output.split())
    again = runner.invoke(bench, ["contents", *options])
    assert "measured before" in again.output
    text = (tmp_path / "report.md").read_text()
    assert runner.invoke(bench, ["report", "--results", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "report.md").read_text() == text


def test_json(mr_folder: Path, tmp_path: Path) -> None:
    """As docs/cli.schema.json describes it."""
    for arguments in (
        ["contents", str(mr_folder), "--quick", "--results", str(tmp_path)],
        ["report", "--results", str(tmp_path)],
    ):
        told = said(*arguments)
        assert [each["name"] for each in told["answers"]] == ["contents"]
        assert told["answers"][0]["is_new"] == (arguments[0] == "contents")
        assert told["answers"][0]["answer"].startswith("No: a pickle") and told["answers"][0]["is_quick"]
        assert Path(told["report"]).exists() and Path(told["results"]) == tmp_path
    told = said("cost", "--images", "100", "--size-mb", "10", "--ratio", "4", "--price", "0.5")
    assert (told["plain_gb_months"], told["saved_gb_months"], told["price"]) == (78.0, 58.5, 0.5)
    refused = CliRunner().invoke(cli, ["bench", "report", "--results", str(mr_folder), "--json"])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["kind"] == "ZblobError"


def said(*arguments: str) -> Any:
    done = CliRunner().invoke(cli, ["bench", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    jsonschema.validate(told, {"$ref": "#/$defs/output of bench", **cli_docs.schema()})
    return told


def test_large_volumes_are_cut_for_every_codec(
    mr_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions.codecs, "MOST_BYTES", 40_000)
    run(["codecs"], mr_folder, None, tmp_path, True, False, lambda *_: None)
    found = results.read(tmp_path, "codecs")
    assert found is not None and found[1]["cut"] == ["mr"]
    assert {row["raw_size"] for row in found[0]} == {128 * 64 * 2 * 2}  # one slice
    report.write(tmp_path, tmp_path / "report.md")
    assert "Of mr, all codecs were given the central 0.0400 MB" in (tmp_path / "report.md").read_text()


def test_the_report_is_made_from_the_committed_data(tmp_path: Path) -> None:
    made = tmp_path / "docs" / REPORT.name
    shutil.copytree(RESULTS.parent, tmp_path / RESULTS.parent.relative_to(ROOT))  # so that links are the same
    report.write(tmp_path / RESULTS.relative_to(ROOT), made)
    assert made.read_text() == REPORT.read_text()
    plots = sorted(made.with_suffix("").iterdir())
    assert [path.name for path in plots] == sorted(path.name for path in REPORT.with_suffix("").iterdir())
    facts = json.loads((RESULTS / "codecs.json").read_text())
    if facts["versions"]["matplotlib"] == matplotlib.__version__:  # others place labels a little differently
        for path in plots:
            assert path.read_text() == (REPORT.with_suffix("") / path.name).read_text(), path.name
    assert REPORT.read_text().count("**Answer.**") == len(QUESTIONS)
    assert "## Recommendation" in REPORT.read_text() and "A quick run" not in REPORT.read_text()
    (summary,) = re.findall(r"^## In ten sentences\n\n(.*?)\n\n", REPORT.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert [line.split()[0] for line in summary.splitlines()] == [f"{at}." for at in range(1, 11)]


def test_each_column_of_codecs_has_a_name() -> None:
    """Families are named by the first words of their codecs, which some do not have."""
    assert all(_heading(column).partition(",")[0].strip() for column in _COLUMNS)
