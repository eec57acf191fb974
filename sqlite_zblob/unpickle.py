"""What a stored pickle envelope calls when it is loaded. Neither this module nor `load_v1` may ever move or change.

Envelopes name `sqlite_zblob.unpickle.load_v1` in their bytes (csrc/codec/frame/envelope.c). It unpickles: never
allow-list it in a restricted unpickler.
"""

from __future__ import annotations

import pickle
from typing import Any

from .codec import decompress, is_frame
from .errors import DamagedFrameError


def load_v1(frame: bytes) -> Any:
    """The object whose pickle this frame holds. The frame's raw bytes exist once while it is built.

    :raises DamagedFrameError: the frame is cut off, or a checksum is wrong; nothing has been unpickled then.
    """
    if not is_frame(frame):
        raise DamagedFrameError("damaged pickle envelope: what it holds is no frame, or the frame's header is damaged")
    pickled = decompress(frame)
    if not isinstance(pickled, bytes):
        raise DamagedFrameError("damaged pickle envelope: its frame holds text")
    return pickle.loads(pickled)
