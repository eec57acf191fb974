"""What can go wrong, as exceptions. Every message says what was wrong, where, and what to do."""


class ZblobError(Exception):
    """Base of all errors that sqlite_zblob raises itself."""


class DamagedFrameError(ZblobError):
    """A frame's bytes contradict its format or its checksums."""


class UnsupportedFrameError(ZblobError):
    """A frame of a newer format version, or of a codec that this build does not know."""


class ChangedValueError(ZblobError):
    """A stored value has been changed or deleted while it was being read in parts."""


class MissingDictionaryError(ZblobError):
    """A frame was made with a dictionary that is not at hand; the message names its id."""


class SizeLimitError(ZblobError):
    """A value is larger than a limit, or than the buffer that it was to go into."""


class OptionError(ZblobError, ValueError):
    """An option or argument is not allowed; the message names it and what is."""


class WrongTypeError(ZblobError, TypeError):
    """An argument is of a type that the function does not take; the message says which it takes."""


class NotCompressedError(OptionError):
    """There is nothing to restore: the column is neither enabled nor was it migrated, or it was restored already."""


class LoadError(ZblobError):
    """The extension cannot be loaded into this connection or process."""


class DatabaseError(ZblobError):
    """A file is no SQLite database, is damaged or locked, or SQLite cannot use it; the message names the file."""


class MetadataError(ZblobError):
    """A database's own record of what is compressed comes from a newer version, or makes no sense."""


class DiskSpaceError(ZblobError):
    """There is not enough free space; the message says how much is needed where."""


class SupersededError(ZblobError):
    """Another run of migrate or restore has begun on the same column and goes on in place of this one."""


class WorkerError(ZblobError):
    """Workers cannot be used: they carry another version of the codec, or none answers."""


class StorageError(ZblobError):
    """Object storage refuses a request, or has not answered for too long; the message names the URL."""


class ZblobWarning(UserWarning):
    """Something works, but perhaps not as the user expects; the message says what and why."""


def one_line(error: Exception) -> str:
    """What an error says, in a list of failures; of the system's errors without their number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split())
