"""A real Dask cluster for tests: scheduler and worker processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..conftest import ROOT

SECONDS = 60  # for what takes a few on an idle machine

# Another host is one whose name differs: then a worker may not read the file itself.
ELSEWHERE = "import platform; platform.node = lambda: 'elsewhere'; from distributed.cli.dask_worker import main; main()"


class Cluster:
    """The processes of a cluster. All of them end with it."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", start: Sequence[str] = ()) -> None:
        """:param start: the words before each command, which bring its process to the host."""
        self.folder, self.file, self.start = folder, folder / "scheduler.json", start
        self.workers: list[subprocess.Popen[bytes]] = []
        self.host = host
        self.start_scheduler(0)

    def start_scheduler(self, port: int) -> None:
        self.file.unlink(missing_ok=True)
        options = ["--host", self.host, "--port", str(port), "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = self._start(["-m", "distributed.cli.dask_scheduler", *options])
        self.address = wait_for(self._address)

    def restart_scheduler(self) -> None:
        """Kill it, and start another one under the same address. Workers end with it."""
        kill(self.scheduler)
        while self.workers:
            self.kill_worker()
        self.start_scheduler(int(self.address.rpartition(":")[2]))

    def _start(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        settings = {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*self.start, sys.executable, *command],
                env={**os.environ, **settings, **environment},
                stdout=log,
                stderr=log,
                cwd="/",
            )

    def _address(self) -> str | None:
        try:
            return str(json.loads(self.file.read_text())["address"])
        except (OSError, ValueError):
            return None

    def start_worker(
        self, program: tuple[str, ...] = ("-m", "distributed.cli.dask_worker"), **environment: str
    ) -> None:
        options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--memory-limit", "0", "--death-timeout", "60"]
        place = ["--local-directory", str(self.folder), self.address]
        self.workers.append(self._start([*program, *options, *place], **environment))

    def kill_worker(self) -> None:
        """The oldest."""
        kill(self.workers.pop(0))

    def end(self) -> None:
        for process in [*self.workers, self.scheduler]:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def wait_for(condition: Any, seconds: float = SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("this should have happened by now")
