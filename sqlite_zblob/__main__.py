"""The command line: `sqlite-zblob`, or `python -m sqlite_zblob`. Imports nothing before it can be interrupted."""

import sys


def main() -> None:
    """Entry point."""
    try:
        from .cli import cli

        cli(prog_name="sqlite-zblob")
    except KeyboardInterrupt:  # while modules are imported: after that, the commands themselves see to it
        print("sqlite-zblob: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
