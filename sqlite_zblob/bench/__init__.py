"""Measurements: stores of real images, compressed by the application or by the database, side by side."""
