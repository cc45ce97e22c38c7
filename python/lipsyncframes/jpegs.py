"""Frames as JPEGs."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Optional

import numpy as np

from . import _native
from .batch import Batch, as_batch
from .frames import Order, Range

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

QUALITIES = range(101)


class Jpegs:
    """Makes JPEGs of the float frames of a network: JFIF, YCbCr 4:2:0.

    width, height    of the JPEGs, in pixels, 1 to 16384. The picture is stretched to them (bilinear).
    order, range     of the network's channels and samples, as in Frames.
    quality          0 to 100. Below 96, the faster DCT is used, as jpegenc does unless told otherwise; the difference is
                     hard to measure.
    threads          most threads that share a batch: 0 for one per core, at most 16.

    An object may be called by many threads at the same time, after a fork, and pickled.
    """

    def __init__(
        self,
        width: int = 320,
        height: int = 320,
        order: Order = "BGR",
        range: Range = "unit",
        quality: int = 75,
        threads: int = 0,
    ) -> None:
        if simplejpeg is None:
            raise ImportError("Jpegs needs simplejpeg: pip install 'lipsyncframes[jpeg]'")
        if quality not in QUALITIES:
            raise ValueError(f"quality={quality!r}: expected a whole number from 0 to 100")
        width, height = _native.size(width, height)
        # A frame stays with one thread, and in its cache, until it is a JPEG.
        self._arguments = (width, height, "I420", order, range, "bt601", True, 1)
        self._converter = _native.Converter(*self._arguments)
        self._threads = _native.threads(threads)
        self._quality = quality
        chroma = (-(-height // 2), -(-width // 2))
        self._planes = ((height, width), chroma, chroma)

    def __call__(self, batch: Any) -> list[bytes]:
        """The JPEGs of N x H x W x 3 or N x 3 x H x W, float32 or float16, as Frames takes them. When this returns,
        the batch may be overwritten."""
        frames = as_batch(batch)
        count = len(frames.array)
        threads = max(1, min(self._threads, count))
        firsts = [count * thread // threads for thread in range(threads + 1)]
        parts = [Batch(frames.array[first:end], frames.is_planar) for first, end in zip(firsts, firsts[1:])]
        others = [_submit(self._encode, part) for part in parts[1:]]
        jpegs = self._encode(parts[0])
        for part, other in zip(parts[1:], others):
            jpegs += other.result() if other else self._encode(part)
        return jpegs

    def _encode(self, frames: Batch) -> list[bytes]:
        is_half = frames.array.dtype == np.float16
        ends = np.cumsum([height * width for height, width in self._planes])
        picture = np.empty(ends[-1], np.uint8)
        planes = [part.reshape(shape) for part, shape in zip(np.split(picture, ends[:-1]), self._planes)]
        jpegs = []
        for frame in frames.array:
            samples = frame.reshape(-1).view(np.uint8)
            self._converter.convert(samples, *frames.size, is_half, frames.is_planar, picture)
            # The accurate DCT is faster, too, but only from quality 96 on does TurboJPEG take it for simplejpeg.
            jpegs.append(simplejpeg.encode_jpeg_yuv_planes(*planes, quality=self._quality, fastdct=False))
        return jpegs

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_converter"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._converter = _native.Converter(*self._arguments)


_threads: Optional[ThreadPoolExecutor] = None


def _pool() -> ThreadPoolExecutor:
    """The threads that all objects share."""
    global _threads
    if _threads is None:
        _threads = ThreadPoolExecutor(_native.threads(0), thread_name_prefix="lipsyncframes")
    return _threads


def _submit(*call: Any) -> Optional[Future]:
    """Has another thread do it, unless the interpreter is about to end and takes no more work."""
    try:
        return _pool().submit(*call)
    except RuntimeError:
        return None


def _forget_pool() -> None:
    """A child that is forked has none of the threads."""
    global _threads
    _threads = None


os.register_at_fork(after_in_child=_forget_pool)
