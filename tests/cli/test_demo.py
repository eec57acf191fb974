"""The command line, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import sqlite_zblob as zb
from sqlite_zblob.bench import demo
from sqlite_zblob.bench.samples import phantom_samples, shipped_samples

from ..conftest import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sqlite_zblob", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"})


def test_version_and_usage() -> None:
    assert run("--version").stdout.strip() == f"sqlite-zblob, version {zb.__version__}"
    assert run("demo", "--rounds", "0").returncode == 2
    assert "Build a store of real images" in run("demo", "--help").stdout


def test_demo_measures_every_way_on_real_images() -> None:
    done = run("demo", "--rounds", "1", "--copies", "1", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"MR T1 (MNI152)", "CT slice"} <= {image["name"] for image in result["images"]}
    rows = {row["label"]: row for row in result["rows"]}
    assert len(rows) == len(demo.method_names()) == len(demo.APPLICATION_CODECS) + len(demo.DATABASE_METHODS)
    plain, ours, table = (
        rows[name] for name in ("uncompressed", "database: zcompress, level 5", "database: virtual table, level 5")
    )
    assert abs(ours["file_size"] / table["file_size"] - 1) < 0.05
    assert plain["ratio"] == 1
    assert ours["ratio"] > rows["application: zstd 3"]["ratio"] > 1
    for row in rows.values():
        assert min(row["insert"], row["cold_select"], row["warm_select"]) > 0
        assert 10e6 < row["insert_peak_memory"] < 500e6


def test_table_of_the_demo() -> None:
    done = run("demo", "--rounds", "1", "--copies", "1")
    assert done.returncode == 0, done.stderr
    assert "MR T1 (MNI152): 197 x 233 x 189" in done.stdout
    assert "database: zcompress, level 5" in done.stdout


@pytest.mark.parametrize("find", [shipped_samples, phantom_samples])
def test_samples_are_images(find: object) -> None:
    samples = list(find())  # type: ignore[operator]
    assert samples
    for sample in samples:
        (image,) = zb.info(sample.value).images
        assert image.size == sample.size
        assert zb.decompress(zb.compress(sample.value)) == sample.value
