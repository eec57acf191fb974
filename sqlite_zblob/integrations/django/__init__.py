"""For Django: `"sqlite_zblob.integrations.django"` in INSTALLED_APPS, and the field `CompressedBinaryField`.

The app gives every connection of an SQLite database the extension and decoded rows, for columns that the database
compresses (`zb.enable`). The field compresses in Python, so it serves any database and needs no app.
"""

from .fields import CompressedBinaryField

__all__ = ["CompressedBinaryField"]
