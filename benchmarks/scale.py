"""A cluster on one machine: volumes ingested, computed on, verified, exported to S3, while a worker and the server are
killed; scaling in processes; what one slice from object storage costs; transfers through a slow link.

    ZBLOB_CORPUS=folder python benchmarks/scale.py --out benchmarks/results/scale.json

Needs the extra [test]. Workers are processes, the S3 server is SeaweedFS on loopback; the slow link is netem on the
loopback device of a network namespace, and is left out where that is not allowed. Without ZBLOB_CORPUS the volumes are
generated. Figures of time depend on what else the machine does; ratios are of runs that alternate.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import apsw  # noqa: E402
import dask  # noqa: E402
import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402

import sqlite_zblob as zb  # noqa: E402
from tests.exchange.s3_server import S3Server  # noqa: E402
from tests.integrations.cluster import Cluster, wait_for  # noqa: E402

SHAPE = (64, 128, 128)  # of a volume, at most
SHARDS = 4
# The first that the kernel has: netem is not in every one, and tbf has no delay.
LINKS = ("netem delay 10ms rate 100mbit", "tbf rate 100mbit burst 256kb latency 400ms")


# ---- Volumes ---------------------------------------------------------------------------------------------------


def corpus_files() -> list[str]:
    folder = os.environ.get("ZBLOB_CORPUS")
    names = sorted(str(path) for path in Path(folder).iterdir()) if folder else []
    found = []
    for name in names:
        reader = sitk.ImageFileReader()
        reader.SetFileName(name)
        with suppress(RuntimeError):
            reader.ReadImageInformation()
            kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
            is_scan = "integer" in kind and "vector" not in kind and not Path(name).name.startswith(("label", "mask"))
            if is_scan and reader.GetDimension() == 3 and min(reader.GetSize()) >= 20:
                found.append(name)
    return found


def volume(number: int, files: list[str]) -> Any:
    """One piece of a volume of the corpus, or a generated one; the same for the same number."""
    random = np.random.default_rng(number)
    if not files:
        noise = random.normal(0, 1, SHAPE).astype("f4")
        smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(sitk.GetImageFromArray(noise), 9.0))
        return (smooth / smooth.std() * 300 + random.normal(0, 12, SHAPE)).astype("i2")
    array = sitk.GetArrayFromImage(sitk.ReadImage(files[number % len(files)]))
    starts = [int(random.integers(0, max(1, have - want + 1))) for have, want in zip(array.shape, SHAPE, strict=True)]
    box = tuple(slice(at, at + want) for at, want in zip(starts, SHAPE, strict=True))
    return np.ascontiguousarray(array[box])


def threshold(array: Any) -> Any:
    return sitk.GetArrayFromImage(sitk.OtsuThreshold(sitk.GetImageFromArray(np.asarray(array)), 0, 1))


def distance(array: Any) -> Any:
    mask = sitk.GetImageFromArray(np.asarray(array))
    return sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=False))


def digest(array: Any) -> str:
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()


# ---- The run ---------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self.files = corpus_files()
        self.keys = [f"v{number:04}" for number in range(count)]
        self.figures: dict[str, Any] = {"volumes": count, "shards": SHARDS, "corpus_files": len(self.files)}

    def pattern(self, name: str) -> str:
        return str(self.folder / f"{name}-*.db")

    def timed(self, name: str, action: Callable[[], Any]) -> Any:
        begun = time.monotonic()
        result = action()
        self.figures[name] = {"seconds": round(time.monotonic() - begun, 1)}
        print(name, self.figures[name], flush=True)
        return result

    def whole(self) -> None:
        for name in ("scans", "masks", "maps", "back"):
            zb.shards.create(self.pattern(name), SHARDS).close()
        cluster = _cluster(self.folder / "cluster", 4)
        server = _server(self.folder / "s3")
        try:
            self._ingest(cluster)
            self._compute(cluster)
            self._verify(cluster)
            self._exit(server)
            self._compare()
            self._slice()
        finally:
            cluster.end()
            server.kill()

    def _note(self, name: str, report: Any) -> None:
        mb = report.raw_bytes / 1e6
        kept = (
            "rows",
            "again",
            "raw_bytes",
            "stored_bytes",
            "moved_bytes",
            "requests",
            "copied_chunks",
            "coded_chunks",
        )
        self.figures[name] |= {each: getattr(report, each) for each in kept if hasattr(report, each)}
        self.figures[name]["mb_per_second"] = round(mb / self.figures[name]["seconds"], 1)

    def _ingest(self, cluster: Cluster) -> None:
        make = dask.delayed(volume, pure=False)
        arrays = {key: make(number, self.files) for number, key in enumerate(self.keys)}
        killer = threading.Thread(target=self._kill_worker, args=(cluster,))
        killer.start()
        report = self.timed("ingest", lambda: zb.dask.to_store(arrays, self.pattern("scans"), cluster=cluster.address))
        killer.join()
        self._note("ingest", report)
        self.figures["ingest"]["killed_worker_at_row"] = self.killed_at

    def _kill_worker(self, cluster: Cluster) -> None:
        def rows() -> int:
            with zb.shards.open(self.pattern("scans")) as store:
                return len(store)

        wait_for(lambda: rows() >= self.count // 4, 600)
        cluster.kill_worker()
        self.killed_at = rows()
        cluster.start_worker()

    def _compute(self, cluster: Cluster) -> None:
        scans = zb.dask.from_store(self.pattern("scans"), "results", "data", self.keys, stack=False)
        masks = {key: dask.delayed(threshold)(array) for key, array in scans.items()}
        report = self.timed(
            "threshold", lambda: zb.dask.to_store(masks, self.pattern("masks"), cluster=cluster.address)
        )
        self._note("threshold", report)
        stored = zb.dask.from_store(self.pattern("masks"), "results", "data", self.keys, stack=False)
        maps = {key: dask.delayed(distance)(array) for key, array in stored.items()}
        report = self.timed("distance", lambda: zb.dask.to_store(maps, self.pattern("maps"), cluster=cluster.address))
        self._note("distance", report)

    def _verify(self, cluster: Cluster) -> None:
        patterns = [
            str(path) for name in ("scans", "masks", "maps") for path in sorted(self.folder.glob(f"{name}-*.db"))
        ]
        with zb.dask.DaskExecutor(cluster.address) as executor:
            report = self.timed(
                "verify", lambda: zb.shards.verify(patterns, "results", "data", executor=executor, side_by_side=4)
            )
        assert report.ok and report.rows == 3 * self.count, report
        self._note("verify", report)

    def _exit(self, server: S3Server) -> None:
        killed: list[int] = []

        def progress(_: str, done: int, __: int) -> None:
            if done >= self.count // 3 and not killed:
                killed.append(done)
                threading.Thread(target=server.restart).start()

        export = lambda: zb.exchange.export_rows(  # noqa: E731
            self.pattern("scans"), "results", "data", "zarr:s3://study/scans", progress=progress
        )
        report = self.timed("export", export)
        assert report.ok and report.done_rows == self.count, report
        self._note("export", report)
        self.figures["export"]["killed_server_at_row"] = killed[0]
        report = self.timed("export_again", export)
        assert report.skipped_rows == self.count, report
        report = self.timed(
            "import",
            lambda: zb.exchange.import_rows(self.pattern("back"), "results", "data", "zarr:s3://study/scans"),
        )
        assert report.ok and report.done_rows == self.count, report
        self._note("import", report)

    def _compare(self) -> None:
        """Every row once, with the value that was made; after the way to S3 and back the very frame."""
        with (
            zb.shards.open(self.pattern("scans")) as scans,
            zb.shards.open(self.pattern("masks")) as masks,
            zb.shards.open(self.pattern("maps")) as maps,
            zb.shards.open(self.pattern("back")) as back,
        ):
            for store in (scans, masks, maps, back):
                assert sorted(store) == self.keys
            for number, key in enumerate(self.keys):
                source = volume(number, self.files)
                found = [np.load(io.BytesIO(store[key])) for store in (scans, masks, back)]  # type: ignore[arg-type]
                assert digest(found[0]) == digest(found[2]) == digest(source), key
                assert digest(found[1]) == digest(threshold(source)), key
                if number % 10 == 0:
                    assert digest(np.load(io.BytesIO(maps[key]))) == digest(distance(found[1])), key  # type: ignore[arg-type]
            frames = [_frames(self.folder, name) for name in ("scans", "back")]
            assert frames[0] == frames[1]
        self.figures["lost_rows"] = self.figures["double_rows"] = self.figures["differing_rows"] = 0

    def _slice(self) -> None:
        self.figures["slice"] = remote_slice(self.files, self.folder)
        print("slice", self.figures["slice"], flush=True)

    def scaling(self, count: int, rounds: int) -> None:
        """The same work by 1, 2 and 4 worker processes of one thread each."""
        seconds: dict[int, list[float]] = {1: [], 2: [], 4: []}
        clusters = {processes: _cluster(self.folder / f"scaling-{processes}", processes) for processes in seconds}
        try:
            for cluster in clusters.values():
                self._scaled(cluster, 8)  # imports
            for _ in range(rounds):
                for processes, cluster in clusters.items():
                    seconds[processes].append(self._scaled(cluster, count))
        finally:
            for cluster in clusters.values():
                cluster.end()
        best = {processes: min(times) for processes, times in seconds.items()}
        self.figures["scaling"] = {
            "volumes": count,
            "rounds": rounds,
            "seconds": {str(processes): round(value, 2) for processes, value in best.items()},
            "speedup": {str(processes): round(best[1] / value, 2) for processes, value in best.items()},
        }
        print("scaling", self.figures["scaling"], flush=True)

    def _scaled(self, cluster: Cluster, count: int) -> float:
        for path in self.folder.glob("scaled-*"):
            path.unlink()
        zb.shards.create(self.pattern("scaled"), SHARDS).close()
        make = dask.delayed(lambda number, files: distance(threshold(volume(number, files))), pure=False)
        begun = time.monotonic()
        zb.dask.to_store(
            {n: make(n, self.files) for n in range(count)}, self.pattern("scaled"), cluster=cluster.address
        )
        return time.monotonic() - begun


def _frames(folder: Path, name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for path in folder.glob(f"{name}-*.db"):
        connection = apsw.Connection(str(path))
        found |= {row[0]: row[1] for row in connection.execute("SELECT key, data FROM results")}
        connection.close()
    return found


def _cluster(folder: Path, processes: int) -> Cluster:
    folder.mkdir()
    cluster = Cluster(folder)
    for _ in range(processes):
        cluster.start_worker(PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}", OMP_NUM_THREADS="1")
    return cluster


def _server(folder: Path) -> S3Server:
    folder.mkdir()
    server = S3Server(folder)
    server.set_environment()
    server.wait()
    return server


# ---- One slice, and a slow link --------------------------------------------------------------------------------


def large_volume(files: list[str]) -> Any:
    arrays = (sitk.GetArrayFromImage(sitk.ReadImage(name)) for name in files)
    return max(arrays, key=lambda array: array.nbytes) if files else np.concatenate([volume(n, []) for n in range(6)])


def remote_slice(files: list[str], folder: Path) -> dict[str, Any]:
    """Requests and bytes for the middle slice of the largest volume, from a frame and from a Zarr array."""
    array = large_volume(files)
    place = folder / "large-0000.db"
    place.unlink(missing_ok=True)
    with zb.shards.create(str(folder / "large-*.db"), 1) as store:
        buffer = io.BytesIO()
        np.save(buffer, array)
        store["large"] = buffer.getvalue()
    for kind in ("frames", "zarr"):
        assert zb.exchange.export_rows(place, "results", "data", f"{kind}:s3://study/large-{kind}").ok
    middle = len(array) // 2
    begun = time.monotonic()
    image = zb.exchange.open_remote("s3://study/large-frames/large.zblob")
    assert np.array_equal(image[middle], array[middle])
    seconds = time.monotonic() - begun
    objects: Any = image._value.objects  # type: ignore[attr-defined]
    begun = time.monotonic()
    whole = zb.exchange.open_remote("s3://study/large-frames/large.zblob")
    assert np.array_equal(whole[...], array)
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "raw_bytes": array.nbytes,
        "object_bytes": image._value._whole,  # type: ignore[attr-defined]
        "slice_bytes": array[0].nbytes,
        "requests": objects.requests,
        "received_bytes": objects.received,
        "seconds": round(seconds, 3),
        "whole_seconds": round(time.monotonic() - begun, 3),
        "zarr": _zarr_slice(array, middle),
    }


def _zarr_slice(array: Any, middle: int) -> dict[str, Any]:
    """The same slice by Zarr's own reader."""
    import zarr
    from obstore.store import from_url
    from zarr.storage import LoggingStore, ObjectStore

    import sqlite_zblob.integrations.zarr  # noqa: F401 - registers the codec

    store: Any = LoggingStore(ObjectStore(from_url("s3://study/large-zarr"), read_only=True), log_level="CRITICAL")
    found: Any = zarr.open_array(store, path="large", mode="r", zarr_format=3)
    assert np.array_equal(found[middle], array[middle])
    return {"calls": dict(store.counter), "chunk_shape": list(found.chunks)}


def network(out: Path, link: str) -> None:
    """Run inside the namespace: what transfers cost with and without compression."""
    files = corpus_files()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = _server(folder / "s3")
        try:
            figures = {"link": link, "slice": remote_slice(files, folder), "copies": _copies(files, folder)}
        finally:
            server.kill()
    out.write_text(json.dumps(figures))


def _copies(files: list[str], folder: Path) -> dict[str, Any]:
    """40 volumes written in WAL mode: bytes of the log, and VACUUM INTO sent to object storage."""
    import obstore
    from obstore.store import from_url

    store = from_url("s3://study/copies")
    figures = {}
    for kind in ("raw", "compressed"):
        path = folder / f"{kind}.db"
        connection = apsw.Connection(str(path))
        connection.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").fetchall()
        connection.execute("CREATE TABLE results(key PRIMARY KEY, data BLOB)")
        for number in range(40):
            value = volume(number, files).tobytes()
            if kind == "compressed":
                value = zb.compress(volume(number, files))
            connection.execute("INSERT INTO results VALUES (?, ?)", (number, value))
        log = Path(f"{path}-wal").stat().st_size
        copy = folder / f"{kind}-copy.db"
        connection.execute("VACUUM INTO ?", (str(copy),))
        connection.close()
        begun = time.monotonic()
        obstore.put(store, f"{kind}.db", copy.read_bytes(), use_multipart=False)
        figures[kind] = {
            "wal_bytes": log,
            "copy_bytes": copy.stat().st_size,
            "upload_seconds": round(time.monotonic() - begun, 2),
        }
    return figures


def through_link(folder: Path) -> dict[str, Any] | None:
    """None: namespaces or netem are not allowed here."""
    name, out = f"zblob-{os.getpid()}", folder / "network.json"
    if not shutil.which("ip") or not shutil.which("tc"):
        return None
    commands = [["ip", "netns", "add", name], ["ip", "-n", name, "link", "set", "lo", "up"]]
    limit = ["ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "lo", "root"]
    try:
        for command in commands:
            if subprocess.run(command, capture_output=True).returncode:
                return None
        links = (link for link in LINKS if not subprocess.run([*limit, *link.split()], capture_output=True).returncode)
        link = next(links, None)
        if link is None:
            return None
        inside = [sys.executable, __file__, "--network", link, "--out", str(out)]
        subprocess.run(["ip", "netns", "exec", name, *inside], check=True)
        result: dict[str, Any] = json.loads(out.read_text())
        return result
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--volumes", type=int, default=200, help="0: keep what the file has, and only do the rest")
    parser.add_argument("--scaling", type=int, default=40, help="volumes for each run of the scaling; 0: none")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--network", metavar="LINK", help="only the transfers; the slow link's own process")
    given = parser.parse_args()
    if given.network:
        network(given.out, given.network)
        return
    with tempfile.TemporaryDirectory() as name:
        run = Run(Path(name), given.volumes)
        if given.volumes:
            run.whole()
        else:
            run.figures = json.loads(given.out.read_text())
        given.out.write_text(json.dumps(run.figures, indent=1) + "\n")
        if given.scaling:
            run.scaling(given.scaling, given.rounds)
        run.figures["network"] = through_link(Path(name))
        given.out.write_text(json.dumps(run.figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
