"""Django with the app and the field: a project in processes of its own, since Django's settings are a process's."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT

pytest.importorskip("django")

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["sqlite_zblob.integrations.django", "scans"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "store.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""

MODELS = """
from django.db import models
from sqlite_zblob.integrations.django import CompressedBinaryField

class Scan(models.Model):
    voxels = CompressedBinaryField(null=True, level=7)
    by_database = models.BinaryField()
    note = models.TextField()
"""

ADD = """
from scans.models import Scan
scan = Scan.objects.create(voxels=b"abcd" * 3000, by_database=b"efgh" * 3000, note="note" * 2000)
Scan.objects.bulk_create([Scan(by_database=b"small", note="small")])
Scan.objects.filter(pk=scan.pk).update(voxels=bytearray(b"ijkl" * 3000))
for found in [*Scan.objects.filter(voxels__isnull=False), *Scan.objects.exclude(voxels=None)]:
    assert (bytes(found.voxels), bytes(found.by_database)) == (b"ijkl" * 3000, b"efgh" * 3000)
    assert found.note == "note" * 2000
assert list(Scan.objects.values_list("voxels", flat=True).order_by("pk")[:2]) == [b"ijkl" * 3000, None]
"""

REFUSED = """
from django.core.exceptions import FieldError
from scans.models import Scan
import sqlite_zblob as zb
for lookup in ({"voxels": b"x"}, {"voxels__in": [b"x"]}, {"voxels__gt": b"x"}, {"voxels__contains": b"x"}):
    try:
        list(Scan.objects.filter(**lookup))
    except FieldError as error:
        assert "scans.Scan.voxels holds compressed values, which SQL cannot compare: use isnull" in str(error), error
        continue
    raise SystemExit(f"{lookup} was not refused")
try:
    Scan.objects.create(voxels="text", by_database=b"", note="")
except zb.WrongTypeError as error:
    assert "scans.Scan.voxels: it takes bytes, not str" in str(error), error
else:
    raise SystemExit("a text was not refused")
try:
    Scan.objects.create(voxels=zb.compress(b"x" * 5000), by_database=b"", note="")
except zb.OptionError as error:
    assert "scans.Scan.voxels: " in str(error) and "a frame already" in str(error)
else:
    raise SystemExit("a frame was not refused")
"""

ENABLE = """
from django.db import connection
import sqlite_zblob as zb
connection.ensure_connection()
for column in ("by_database", "note"):
    zb.enable(connection.connection, "scans_scan", column, level=3)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "__init__.py").touch()
    (tmp_path / "scans" / "models.py").write_text(MODELS)
    return tmp_path


PREPARE = """
import importlib
import django
django.setup()
from django.core.management import call_command
"""

MIGRATE = """
call_command("makemigrations", "scans", verbosity=0)
importlib.invalidate_caches()
call_command("migrate", verbosity=0)
"""


def django(project: Path, *scripts: str, ok: bool = True) -> str:
    """What a process that runs these scripts, one after the other, prints."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-W", "error::UserWarning", "-c", "\n".join((PREPARE, *scripts))]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout + done.stderr


def levels(project: Path) -> list[tuple[int | None, ...]]:
    db = sqlite3.connect(project / "store.db")
    rows = db.execute("SELECT voxels, by_database, note FROM scans_scan WHERE voxels IS NOT NULL").fetchall()
    db.close()
    return [tuple(zb.info(value).level for value in row) for row in rows]


def test_the_app_and_the_field(project: Path) -> None:
    django(project, MIGRATE, ENABLE, ADD, REFUSED)
    migration = (project / "scans" / "migrations" / "0001_initial.py").read_text()
    assert "sqlite_zblob.integrations.django.CompressedBinaryField(level=7, null=True)" in migration
    assert levels(project) == [(7, 3, 3)]

    # A field is changed: Django makes the table anew, and its triggers go.
    models = project / "scans" / "models.py"
    models.write_text(MODELS.replace("models.TextField()", "models.TextField(null=True)"))
    django(project, MIGRATE, ADD)
    db = sqlite3.connect(project / "store.db")
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (4,)
    db.close()
    assert levels(project) == [(7, 3, 3)] * 2


RENAMES = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("scans", "0001_initial")]
    operations = [
        migrations.RenameField("scan", "by_database", "samples"),
        migrations.RenameModel("Scan", "Volume"),
    ]
"""

REBUILD = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("scans", "0002_renames")]
    operations = [
        migrations.AlterField("volume", "note", models.TextField(null=True)),
        migrations.RenameField("volume", "samples", "data"),
    ]
"""


@pytest.mark.parametrize("runs", [1, 2])
def test_renames_before_and_after_a_table_is_made_anew(project: Path, runs: int) -> None:
    django(project, MIGRATE, ENABLE)
    folder = project / "scans" / "migrations"
    for name, migration in {"0002_renames": RENAMES, "0003_rebuild": REBUILD}.items():
        (folder / f"{name}.py").write_text(migration)
        if runs == 2 or name == "0003_rebuild":
            django(project, 'call_command("migrate", verbosity=0)')
    db = sqlite3.connect(project / "store.db")
    found = {(each.table, each.column): (each.is_intact, each.level) for each in zb.status(db)}
    db.close()
    assert found == {("scans_volume", "data"): (True, 3), ("scans_volume", "note"): (True, 3)}


def test_a_binary_field_becomes_a_compressed_one(project: Path) -> None:
    models = project / "scans" / "models.py"
    models.write_text(MODELS.replace("CompressedBinaryField(null=True, level=7)", "models.BinaryField(null=True)"))
    django(project, MIGRATE, ADD.partition("scan =")[0], 'Scan.objects.create(voxels=b"abcd" * 3000, by_database=b"")')
    models.write_text(MODELS)
    django(project, MIGRATE, ADD.partition("scan =")[0], 'assert Scan.objects.get().voxels == b"abcd" * 3000')


def test_settings_are_checked(project: Path) -> None:
    (project / "settings.py").write_text(SETTINGS + "ZBLOB = {'decode': True}\n")
    assert "ZBLOB has no setting decode" in django(project, ok=False)
