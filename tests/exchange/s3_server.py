"""A real S3 server on loopback for tests and benchmarks: SeaweedFS, which can be killed and started again."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 60
ACCESS, SECRET = "tester", "tester-secret"


def program() -> str | None:
    return shutil.which("weed")


def _free_ports(count: int) -> list[int]:
    """Each with another one 10000 above it, which the server takes as well."""
    held: list[socket.socket] = []
    ports: list[int] = []
    while len(ports) < count:
        pair = []
        try:
            first = socket.create_server(("127.0.0.1", 0))
            pair.append(first)
            port = first.getsockname()[1]
            if port > 55_000:
                continue
            pair.append(socket.create_server(("127.0.0.1", port + 10_000)))
            ports.append(port)
        except OSError:
            continue
        finally:
            held += pair
    for each in held:
        each.close()
    return ports


class S3Server:
    """One process. Its data are in the folder, and stay there when it is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = program()
        assert found, "weed is not installed"
        self.program = found
        self.ports = _free_ports(4)
        self.endpoint = f"http://127.0.0.1:{self.ports[3]}"
        identity = {"name": "t", "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}], "actions": ["Admin"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (folder / "data").mkdir()
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        }
        self.start()

    def start(self) -> None:
        master, volume, filer, s3 = self.ports
        command = [self.program, "server", f"-dir={self.folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [
            f"-master.port={master}",
            f"-volume.port={volume}",
            "-volume.max=50",
            "-master.volumeSizeLimitMB=64",
        ]
        command += [
            "-filer",
            f"-filer.port={filer}",
            "-s3",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.port={s3}",
            f"-s3.config={self.folder / 's3.json'}",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def wait(self) -> None:
        """Until it answers. Clients of ours wait by themselves."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                urllib.request.urlopen(self.endpoint, timeout=2).close()
                return
            except urllib.error.HTTPError:  # it answers, that it does not know us
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def set_environment(self) -> None:
        os.environ.update(self.environment)
