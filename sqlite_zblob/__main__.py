"""The command line: `sqlite-zblob`, or `python -m sqlite_zblob`. Imports nothing before it can be interrupted."""

import os
import sys


def main() -> None:
    """Entry point."""
    _open_streams()
    try:
        from .cli import cli

        cli(prog_name="sqlite-zblob")
    except (KeyboardInterrupt, Exception) as error:  # while modules are imported: later, the commands see to it
        if not _is_interrupt(error):
            raise
        print("sqlite-zblob: interrupted", file=sys.stderr)
        sys.exit(130)


def _is_interrupt(error: BaseException | None) -> bool:
    """Is it Ctrl-C, or what came of that in somebody else's import?"""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _open_streams() -> None:
    """A program whose output was closed (`>&-`) has none in Python; what it prints goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


if __name__ == "__main__":
    main()
