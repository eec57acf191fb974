"""The house rules that a machine can check: which part may know which, sizes, versions, and what the docs claim."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT

C_FILES = sorted((ROOT / "csrc").rglob("*.[ch]")) + sorted((ROOT / "csrc").rglob("*.inc"))
PYTHON_FILES = sorted((ROOT / "sqlite_zblob").rglob("*.py"))

# module -> the modules of the package that it may import; a package stands for all its files
MAY_IMPORT = {
    "__init__": {
        *(
            "analyze",
            "codec",
            "errors",
            "images",
            "loader",
            "migrate",
            "recommend",
            "reports",
            "rows",
            "storage",
            "verify",
        ),
    },
    "errors": set(),
    "codec": {"_codec", "errors"},
    "loader": {"errors"},
    "unpickle": {"codec", "errors"},
    "database": {"errors", "loader"},
    "schema": {"database", "errors", "loader"},
    "virtual": {"codec", "database", "errors", "loader", "schema"},
    "storage": {"codec", "database", "errors", "loader", "schema", "virtual"},
    "recommend": {"codec", "database", "errors", "loader", "schema"},
    "sampling": {"database", "loader", "schema"},
    "recognize": {"codec"},
    "trial": {"codec", "errors", "recognize"},
    "analyze": {
        *("codec", "database", "errors", "loader", "recommend", "sampling", "schema", "storage", "trial"),
    },
    "rows": {"codec", "loader"},
    "images": {"codec", "database", "errors", "schema", "virtual"},
    "reports": set(),
    "values": {"codec", "database", "errors", "schema", "virtual"},
    "workers": {"codec", "database", "errors", "loader", "values"},
    "pipeline": {"codec", "errors", "workers"},
    "meter": {"reports"},
    "space": {"database", "errors", "loader"},
    "migration_record": {"database", "errors", "schema", "storage", "values"},
    "batches": {
        *("codec", "database", "errors", "meter", "migration_record", "pipeline", "space", "values", "workers"),
    },
    "survey": {"database", "meter", "migration_record", "space", "values"},
    "operation": {
        *("batches", "database", "errors", "meter", "migration_record", "pipeline", "reports", "space", "storage"),
        *("survey", "values", "workers"),
    },
    "restore": {
        *("codec", "database", "errors", "migration_record", "operation", "reports", "space", "storage", "survey"),
        *("values", "virtual", "workers"),
    },
    "migrate": {
        *("batches", "codec", "database", "errors", "migration_record", "operation", "reports", "restore", "space"),
        *("storage", "survey", "values", "workers"),
    },
    "verify": {
        *("database", "errors", "meter", "migration_record", "pipeline", "reports", "schema", "space", "values"),
        *("workers",),
    },
    "bench": {"bench", "codec", "errors", "loader", "storage"},
    "stats": {"codec", "database", "errors", "migration_record", "sampling", "schema", "storage"},
    "plot": {"analyze", "errors"},
    "integrations": {"errors", "workers"},
    "cli": {
        *("analyze", "bench", "cli", "codec", "database", "errors", "integrations", "migrate", "plot", "reports"),
        *("stats", "storage", "trial", "verify"),
    },
    "__main__": {"cli"},
}


def includes_of(path: Path) -> set[str]:
    return set(re.findall(r'#include [<"]([^>"]+)[>"]', path.read_text()))


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.name)
def test_c_arrows_point_one_way(path: Path) -> None:
    layer = path.relative_to(ROOT / "csrc").parts[0]
    for name in includes_of(path):
        assert not name.startswith("Python"), "C knows no Python"
        if layer != "sqlite":
            assert "sqlite" not in name, "the codec knows no SQLite"
        elif name != "../zblob.h":
            assert not (ROOT / "csrc" / "codec" / name).exists(), "SQL sees the codec through zblob.h alone"
            assert not (ROOT / "csrc" / "sqlite" / name).exists() or "/" not in name


def imports_of(path: Path) -> set[str]:
    package = path.relative_to(ROOT / "sqlite_zblob").parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            if base:
                found.add(base[0])
            elif node.module:
                found.add(node.module.split(".")[0])
            else:
                found |= {alias.name for alias in node.names}
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not any(name.startswith("sqlite_zblob") for name in names), "import relatively"
    return found


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_arrows_point_one_way(path: Path) -> None:
    module = path.relative_to(ROOT / "sqlite_zblob").with_suffix("").parts[0]
    assert imports_of(path) <= MAY_IMPORT[module]


@pytest.mark.parametrize("path", C_FILES + PYTHON_FILES + sorted((ROOT / "tests").rglob("*.py")), ids=lambda p: p.name)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 600


@pytest.mark.parametrize("path", C_FILES + PYTHON_FILES, ids=lambda path: path.name)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert path.read_text().startswith(("/*", '"""'))


def test_importing_the_package_imports_no_extra() -> None:
    extras = ["numpy", "SimpleITK", "zstandard", "lz4", "brotli", "nilearn", "pydicom", "rich", "click"]
    extras += ["dask", "distributed", "matplotlib"]
    script = f"import sys, sqlite_zblob; print([name for name in {extras} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_one_version() -> None:
    header = re.search(r'ZBLOB_VERSION "([^"]+)"', (ROOT / "csrc" / "zblob.h").read_text())
    assert header
    assert zb.__version__ == header[1]
    assert f"## {zb.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_names_are_the_same_in_document_struct_and_python() -> None:
    document, header = (ROOT / "docs" / "format.md").read_text(), (ROOT / "csrc" / "zblob.h").read_text()
    for name in ("version", "value_type", "codec", "level", "raw_size", "dictionary_id", "chunk_count"):
        assert f"`{name}`" in document
        assert re.search(rf"\b{name};", header)
        assert name in zb.FrameInfo.__dataclass_fields__
    for name in ("source", "dimension", "size", "spacing", "origin", "direction", "value_offset"):
        assert f"`{name}`" in document
        assert name in zb.ImageInfo.__dataclass_fields__
