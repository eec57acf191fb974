"""`python -m sqlite_zblob` is the command line."""

from .cli import main

main()
