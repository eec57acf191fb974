"""The entry points that pyproject.toml declares lead to what is there, and an installed package has them."""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest

from ..conftest import ROOT

tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")

DECLARED = [
    (group, name, target)
    for group, names in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"].items()
    for name, target in names.items()
]


@pytest.mark.parametrize(("group", "name", "target"), DECLARED)
def test_entry_points_lead_somewhere(group: str, name: str, target: str) -> None:
    module, _, attribute = target.partition(":")
    if group == "napari.manifest":  # the target is a file beside the module
        assert (Path(str(import_module(module).__file__)).parent / attribute).is_file()
        return
    pytest.importorskip(group.partition(".")[0])
    found = import_module(module)
    assert not attribute or hasattr(found, attribute)


def test_the_installed_package_has_them() -> None:
    try:
        installed = metadata.distribution("sqlite_zblob").entry_points
    except metadata.PackageNotFoundError:
        pytest.skip(f"sqlite_zblob is not installed in {sys.prefix}: pip install '.[test]'")
    found = {(each.group, each.name, each.value) for each in installed if each.group != "console_scripts"}
    assert found == set(DECLARED)
