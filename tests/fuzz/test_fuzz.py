"""The C code under AddressSanitizer and UndefinedBehaviorSanitizer, on hostile, mutated and generated inputs.

`python -m tools.fuzz` hunts for hours; what it finds worth keeping is in corpus/, and runs here.
"""

from __future__ import annotations

import itertools
import os
import pickle
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

import build

from ..conftest import slow
from .building import CORPUS, TARGETS, build_fuzzer
from .seeds import SEEDS

# Of each seed; more of them find more. From 20 on, small seeds are also cut at every length and flipped at every bit.
MUTATIONS = int(os.environ.get("ZBLOB_FUZZ_MUTATIONS", "2"))
# An input of these takes so long that it counts for so many of the others', and that few seeds must do for a short run.
EXPENSIVE = {"arrays": 40, "bytes": 10, "statements": 4, "options": 4, "programs": 4, "backing": 8}
SHORT_RUN = {"arrays": 12, "bytes": 6, "frames": 3}  # one seed of so many
RECORDED = [target for target in TARGETS if target != "arrays"]  # whose inputs take so long that its seeds must do
LARGEST_CORPUS = 400_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fuzzer(tmp_path_factory.mktemp("fuzzer"))


def run(
    program: Path, target: str, mutations: int, inputs: dict[str, bytes], folder: Path, *under: str, **variables: str
) -> None:
    """`under`: a command that runs the program."""
    for name, data in inputs.items():
        (folder / name.replace("/", " ")).write_bytes(data)
    files = sorted(map(str, folder.iterdir()))
    command = [*under, str(program), target, str(mutations), *files]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=3600, env=os.environ | variables
    )
    assert done.stdout == f"{len(files)} files, no fault\n", done.stderr[-4000:]
    assert done.returncode == 0, done.stderr[-4000:]  # ThreadSanitizer goes on after a race, and says so in the end


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_mutations_of_them(program: Path, target: str, tmp_path: Path) -> None:
    inputs = SEEDS[target]()
    assert len(inputs) > 10
    if "ZBLOB_FUZZ_MUTATIONS" not in os.environ:
        inputs = dict(itertools.islice(inputs.items(), 0, None, SHORT_RUN.get(target, 1)))
    run(program, target, MUTATIONS // EXPENSIVE.get(target, 1), inputs, tmp_path)


@pytest.mark.parametrize("target", RECORDED)
def test_what_was_found_before(program: Path, target: str, tmp_path: Path) -> None:
    run(program, target, 0, recorded(target), tmp_path)


def recorded(target: str) -> dict[str, bytes]:
    with zipfile.ZipFile(CORPUS / f"{target}.zip") as archive:
        inputs = {name: archive.read(name) for name in archive.namelist()}
    assert len(inputs) > 5
    return inputs


@pytest.fixture(scope="module")
def threaded_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fuzzer(tmp_path_factory.mktemp("threaded"), finds="races")


def images_for_threads() -> dict[str, bytes]:
    """Several images in one value, whose models are read by whoever needs them first; chunks of the pool's threads."""
    rng = np.random.default_rng(1)
    ramp = np.add.outer(np.arange(120), np.arange(160))
    volumes = [(ramp * k + rng.normal(0, 5, (9, *ramp.shape))).astype("<i2") for k in range(1, 6)]
    slices = {f"slice {i}": pickle.dumps(volumes[i % 5][i]) for i in range(8)}  # compact frames of one image
    return {str(i): pickle.dumps([*volumes, i]) for i in range(24)} | slices


@slow
@pytest.mark.parametrize("target", ["bytes", "statements", "programs", "backing"])
def test_threads_do_not_race(threaded_program: Path, target: str, tmp_path: Path) -> None:
    inputs = images_for_threads() if target == "bytes" else SEEDS[target]()
    run(threaded_program, target, 0, inputs, tmp_path, ZBLOB_FUZZ_THREADS="4")


@pytest.fixture(scope="module")
def bare_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fuzzer(tmp_path_factory.mktemp("bare"), finds="uninitialised")


@slow
@pytest.mark.parametrize("target", RECORDED)
def test_nothing_is_read_before_it_is_written(bare_program: Path, target: str, tmp_path: Path) -> None:
    """Valgrind knows no AVX-512, so that the kernels are those of AVX2."""
    valgrind = shutil.which("valgrind") or pytest.skip("valgrind is not installed")
    run(bare_program, target, 0, recorded(target), tmp_path, valgrind, "--quiet", "--error-exitcode=9")


def test_the_corpus_stays_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < LARGEST_CORPUS


def test_sanitizers_would_speak_up(tmp_path: Path) -> None:
    """The flags do find what they are for."""
    source = tmp_path / "fault.c"
    source.write_text(
        "#include <stdlib.h>\nint main(int n, char **v) { char *p = malloc(3); return v[0][0] + p[n + 2]; }"
    )
    program = tmp_path / "fault"
    compiler = shutil.which("cc")
    assert compiler
    build.run([compiler, *build.SANITIZE_FLAGS, str(source), "-o", str(program)])
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
