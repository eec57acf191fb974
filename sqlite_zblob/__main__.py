"""The command line: `sqlite-zblob`, or `python -m sqlite_zblob`. Imports nothing before it can be interrupted."""

import os
import signal
import sys
from importlib.machinery import ExtensionFileLoader
from types import FrameType

IMPORT_PAUSE = 0.02  # seconds


def main() -> None:
    """Entry point."""
    _open_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from .cli import cli

        cli(prog_name="sqlite-zblob")
    except (KeyboardInterrupt, Exception) as error:  # while modules are imported: later, the commands see to it
        if not _is_interrupt(error):
            raise
        print("sqlite-zblob: interrupted", file=sys.stderr)
        sys.exit(130)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C. While a library in C or C++ is imported it is put off: some forget it then, or end the process."""
    if not _is_loading_a_library(frame):
        raise KeyboardInterrupt
    from threading import Timer

    again = Timer(IMPORT_PAUSE, signal.raise_signal, [signal.SIGINT])
    again.daemon = True
    again.start()


def _is_loading_a_library(frame: FrameType | None) -> bool:
    while frame is not None and not isinstance(frame.f_locals.get("self"), ExtensionFileLoader):
        frame = frame.f_back
    return frame is not None


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
