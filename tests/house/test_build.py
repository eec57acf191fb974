"""The build: one clear sentence for each thing that can be missing, by compilers that lack it."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import build
from building import sources, toolchain
from sqlite_zblob._codec import ffi

from ..conftest import ROOT


def compiler_without(what: str, folder: Path) -> str:
    """The real compiler, but for one header or library that it cannot find."""
    script = folder / "cc-without"
    script.write_text(
        "#!/bin/sh\n"
        f'for argument; do case "$argument" in\n'
        f"    -print-file-name={what}) echo {what}; exit 0 ;;\n"
        f'    *probe.c) if grep -q "<{what}>" "$argument"; then exit 1; fi ;;\n'
        "esac; done\n"
        'exec cc "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def build_with(compiler: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CC": compiler}
    return subprocess.run([sys.executable, "build.py"], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("lacking", "named", "package"),
    [
        ("sqlite3ext.h", "sqlite3ext.h", "libsqlite3-dev"),
        ("zstd.h", "libzstd.a with its headers", "libzstd-dev"),
        ("zdict.h", "libzstd.a with its headers", "libzstd-dev"),
        ("libzstd.a", "libzstd.a with its headers", "libzstd-dev"),
    ],
)
def test_what_is_missing_and_cannot_be_fetched_is_named_with_its_package(
    lacking: str, named: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler_without(lacking, tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(sources, "KEPT", tmp_path / "sources")
    with pytest.raises(build.BuildError) as caught:
        build.Toolchain()
    message = str(caught.value)
    assert message.startswith(f"sqlite_zblob cannot be built: {named} was not found, and the sources of ")
    assert f"Install it with `apt-get install {package}`" in message


def test_sources_that_were_fetched_take_the_place_of_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the network: the folders are there, as after the first build."""
    kept = tmp_path / "sources"
    sqlite, zstd = (kept / each.requirement.replace("==", "-") for each in (sources.SQLITE, sources.ZSTD))
    for folder in (sqlite, zstd / "common"):
        folder.mkdir(parents=True)
    (zstd / "common" / "only.c").write_text("int zstd_only;\n")
    monkeypatch.setattr(sources, "KEPT", kept)
    monkeypatch.setattr(toolchain, "KEPT", kept)
    monkeypatch.setenv("CC", compiler_without("sqlite3ext.h", tmp_path))
    assert f"-I{sqlite}" in build.Toolchain().flags
    monkeypatch.setenv("CC", compiler_without("libzstd.a", tmp_path))
    tools = build.Toolchain()
    assert f"-I{zstd}" in tools.flags
    assert [path.name for path in tools.zstd] == ["only.o"]
    assert toolchain.what_is_missing() == ["pip"]


def test_another_archive_than_the_one_that_was_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "backports_zstd-1.8.0.tar.gz").write_bytes(b"something else")
    with pytest.raises(build.BuildError, match=r"of backports-zstd==.* has SHA-256 .*: not used"):
        sources.check(sources.ZSTD, tmp_path / "backports_zstd-1.8.0.tar.gz")


def test_an_archive_decides_nothing_outside_its_folder(tmp_path: Path) -> None:
    source = sources.Source("x", "x==1", "", "lib", "LICENSE")
    names = ["x-1/lib/a.c", "x-1/lib/deep/b.h", "x-1/LICENSE", "x-1/lib/../../evil.c", "/x/lib/c.c", "x-1/setup.py"]
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
        link = tarfile.TarInfo("x-1/lib/link.c")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    sources.unpack(source, tmp_path / "x.tar.gz", tmp_path / "out" / "x")
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {"x.tar.gz", "out/x/a.c", "out/x/deep/b.h", "out/x/LICENSE"}


def test_structures_lie_in_memory_as_cffi_says(tmp_path: Path) -> None:
    """The library is opened without a compiled module, so that no compiler has compared the two."""
    header = (ROOT / "csrc" / "zblob.h").read_text()
    kinds = map(ffi.typeof, re.findall(r"^(struct zblob_\w+) \{$", header, flags=re.MULTILINE))
    whole = [(kind, dict(kind.fields)) for kind in kinds]
    assert len(whole) > 8
    lines, expected = [], []
    for kind, fields in whole:
        lines += [f'printf("%zu\\n", sizeof({kind.cname}));']
        expected += [ffi.sizeof(kind)]
        for name in fields:
            lines += [f'printf("%zu\\n", offsetof({kind.cname}, {name}));']
            expected += [fields[name].offset]
    program = tmp_path / "layout.c"
    includes = f'#include <stdio.h>\n#include "{ROOT / "csrc" / "zblob.h"}"\n'
    program.write_text(includes + "int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n")
    tools = build.Toolchain()
    build.run([*tools.command, "-std=c11", str(program), "-o", str(tmp_path / "layout")])
    said = subprocess.run([tmp_path / "layout"], capture_output=True, text=True, check=True).stdout
    assert list(map(int, said.split())) == expected


def test_a_library_is_built_anew_when_anything_it_is_made_of_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recipe() -> str:
        return build.recipe_of(build.Toolchain())

    usual = recipe()
    assert recipe() == usual
    monkeypatch.setenv("CFLAGS", f"-I{tmp_path}")
    flags = recipe()
    (tmp_path / "zdict.h").write_text("/* nothing */\n")
    header = recipe()
    (tmp_path / "libzstd.a").write_bytes(b"another archive")
    monkeypatch.setenv("ZSTD_STATIC", str(tmp_path / "libzstd.a"))
    archive = recipe()
    monkeypatch.setattr(build, "ROOT", tmp_path)
    (tmp_path / "csrc").mkdir()
    (tmp_path / "csrc" / "one.c").write_text("int one;\n")
    source = recipe()
    assert len({usual, flags, header, archive, source}) == 5


def test_a_missing_compiler_is_named_with_its_package() -> None:
    done = build_with("no-such-compiler")
    assert done.returncode == 1
    assert "a C compiler was not found. Install it with `apt-get install gcc libc6-dev`" in done.stderr


def test_a_failing_compiler_shows_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match=r"no such instruction|expected|error"):
        source = tmp_path / "wrong.c"
        source.write_text("int main( { return 0; }\n")
        build.Toolchain(strict=False, sanitize=False).compile(source, tmp_path / "wrong.o", [])


def test_a_big_endian_cpu_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = "-U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__ -Wno-builtin-macro-redefined"
    monkeypatch.setenv("CFLAGS", order)
    with pytest.raises(build.BuildError, match="needs a little-endian CPU"):
        build.Toolchain(strict=True, sanitize=False).compile(
            build.CODEC_SOURCES / "base" / "checksum.c", tmp_path / "checksum.o", []
        )


def test_the_slots_are_as_many_as_the_header_says() -> None:
    assert f"#define ZBLOB_SLOT_COUNT {build.SLOT_COUNT}" in (build.SQLITE_SOURCES / "slot.h").read_text()
