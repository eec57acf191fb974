"""Connections: the extension into them, statements on either kind, rows decoded as they are read."""
