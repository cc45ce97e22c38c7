"""Float frames of lip-sync and talking-head networks to 8-bit arrays, I420 for WebRTC, and JPEGs.

    from lipsyncframes import Frames, Jpegs

    frames = Frames(320, 320, format="I420", order="RGB", range="signed-unit")
    for picture in frames(batch):       # N x H x W x 3 or N x 3 x H x W, float32 or float16
        video_frame = av.VideoFrame.from_ndarray(picture, "yuv420p")

lipsyncframes.gstreamer has the GStreamer plugin, which does the same in a pipeline.
"""

import atexit
import os

from . import _native
from .frames import Frames
from .jpegs import Jpegs

__all__ = ["Frames", "Jpegs"]

atexit.register(_native.prepare_exit)
os.register_at_fork(after_in_child=_native.forget_threads)
