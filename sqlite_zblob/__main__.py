"""python -m sqlite_zblob: the command line."""

from .cli import main

main()
