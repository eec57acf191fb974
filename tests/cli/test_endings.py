"""However a command ends, it ends with one line and the right exit code: 1 failed, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
import SimpleITK as sitk

from ..conftest import ROOT

FULL = Path("/dev/full")


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "a.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB); INSERT INTO t(data) VALUES(zeroblob(5000))")
    connection.close()
    return str(path)


def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | more.pop("environment", {})
    more = {"stdout": subprocess.PIPE} | more
    return subprocess.run(
        [sys.executable, "-m", "sqlite_zblob", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        timeout=120,
        **more,
    )


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("buffering", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["bench", "--help"],
        ["analyze", "DB"],
        ["analyze", "DB", "--json"],
        ["info", "DB", "--json"],
        ["stats", "DB", "t", "data", "--json"],
        ["verify", "DB", "t", "data", "--json"],
        ["migrate", "DB", "t", "data", "--dry-run", "--json"],
    ],
    ids=" ".join,
)
def test_output_to_a_full_disk(database: str, arguments: list[str], buffering: str) -> None:
    with FULL.open("w") as full:
        done = run(
            *(database if word == "DB" else word for word in arguments),
            stdout=full,
            environment={"PYTHONUNBUFFERED": buffering},
        )
    assert done.stderr == "sqlite-zblob: cannot write the output: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
def test_an_error_whose_report_cannot_be_written(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = run("stats", str(tmp_path / "none.db"), "--json", stdout=full)
    assert done.stderr.count("\n") == 1 and "none.db" in done.stderr and done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "--json"], "Missing argument 'DB'."),
        (["nothing", "--json"], "No such command 'nothing'."),
        (["migrate", "a.db", "t", "data", "--json", "--level", "99"], "Invalid value for '--level'"),
        (["bench", "codecs", "--json", "--nothing"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_with_json(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("sqlite-zblob: ") and message in done.stderr and done.stderr.count("\n") == 1
    assert message in json.loads(done.stdout)["error"]["message"]
    assert json.loads(done.stdout)["error"]["kind"] == "UsageError"


@pytest.mark.parametrize("package", ["matplotlib", "SimpleITK"])
def test_bench_without_a_package(tmp_path: Path, package: str) -> None:
    """Even where it is missed in the middle of the work only."""
    image = sitk.GetImageFromArray(np.arange(4000, dtype="i2").reshape(10, 20, 20))
    (tmp_path / "images").mkdir()
    sitk.WriteImage(image, str(tmp_path / "images" / "ramp.mha"))
    hidden = tmp_path / "hidden" / package
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text(f"raise ImportError('there is no {package}')")
    done = run(
        *("bench", "contents", "--quick", str(tmp_path / "images"), "--results", str(tmp_path / "out")),
        environment={"PYTHONPATH": f"{hidden.parent}{os.pathsep}{ROOT}"},
    )
    reason = f"the bench needs more packages: pip install 'sqlite_zblob[bench]' (there is no {package})"
    assert (done.stderr, done.returncode) == (f"sqlite-zblob: {reason}\n", 1)


@pytest.mark.parametrize("delay", [0.15, 0.3, 0.5])
def test_ctrl_c_while_modules_are_imported(database: str, delay: float) -> None:
    """After the package's own first line: before, it is the interpreter that is interrupted."""
    code = (
        "import sys, threading, signal, time, os\n"
        "import sqlite_zblob.__main__ as entry\n"
        f"sys.argv[1:] = ['analyze', {database!r}, '--json']\n"
        f"threading.Timer({delay}, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.startswith('sqlite_zblob'): time.sleep(0.05)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "entry.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.stderr, done.returncode) == ("sqlite-zblob: interrupted\n", 130)
    assert done.stdout in ("", '{"error": {"kind": "Interrupted", "message": "interrupted"}}\n')


def test_ctrl_c_while_a_library_is_loaded_comes_after_it() -> None:
    """SimpleITK's import forgot it, and another one ended the process, once in some sixty runs."""
    code = (
        "import os, signal, time\n"
        "from importlib.machinery import ExtensionFileLoader\n"
        "import sqlite_zblob.__main__ as entry\n"
        "class Loader(ExtensionFileLoader):\n"
        "    def exec_module(self, module):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(0.05)\n"
        "        print('loaded')\n"
        "signal.signal(signal.SIGINT, entry._interrupt)\n"
        "try:\n"
        "    Loader('a', 'a.so').exec_module(None)\n"
        "    time.sleep(5)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "loaded\ninterrupted\n", done.stderr


BEGIN = """
import sys
from sqlite_zblob.__main__ import main
print("begins", flush=True)
main()
"""


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.8])
def test_ctrl_c_at_any_time(database: str, delay: float) -> None:
    """From outside, as a terminal sends it. Before the package's own first line, the interpreter itself is stopped."""
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN, "bench", "all", "--quick", "--results", database + ".out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            assert process.stdout and process.stdout.readline() == "begins\n"
            time.sleep(0.01 + delay)
            process.send_signal(signal.SIGINT)
            _, output = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130 and "interrupted" in output and "Traceback" not in output


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream(database: str, closed: str) -> None:
    """As `>&-` in a shell leaves it: the command does its work."""
    number = {"stdout": 1, "stderr": 2}[closed]
    done = run("analyze", database, "--seconds", "0.1", preexec_fn=lambda: os.close(number))
    assert done.returncode == 0 and "Traceback" not in done.stdout + done.stderr
