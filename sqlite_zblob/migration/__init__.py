"""Existing rows, to and fro, while other programs read and write; and checking every value."""
