"""Frames as arrays."""

from __future__ import annotations

from typing import Any, Literal, Optional

import numpy as np
import numpy.typing as npt

from . import _native
from .batch import as_batch, is_torch

Format = Literal["RGBA", "I420", "NV12", "RGBx", "BGRA", "BGRx", "RGB", "BGR"]
Order = Literal["BGR", "RGB"]
Range = Literal["unit", "signed-unit", "byte"]
Matrix = Literal["bt601", "bt709"]

CHANNELS = {"RGBA": 4, "RGBx": 4, "BGRA": 4, "BGRx": 4, "RGB": 3, "BGR": 3}


class Frames:
    """Makes 8-bit frames of the float frames of a network.

    width, height    of the frames to make, in pixels, 1 to 16384. The picture is stretched to them (bilinear).
    format           of the frames to make: "RGBA", "RGBx", "BGRA", "BGRx" (alpha and x are 255), "RGB", "BGR", or for
                     video encoders "I420" and "NV12" (PyAV's "yuv420p" and "nv12"), of even width and height.
    order            of the network's channels, not of the frames to make: "BGR", as OpenCV has it, or "RGB", as PIL and torchvision do.
    range            of the network's samples: "unit" (0 to 1, after a sigmoid), "signed-unit" (-1 to 1, after tanh)
                     or "byte" (0 to 255). Samples outside of it are clamped, NaN is black.
    threads          most threads that share a frame: 0 for one per core, at most 16. Small frames are not shared.
    matrix           for I420 and NV12: "bt601", or "bt709" for HD video.
    full_range       for I420 and NV12: levels from 0 to 255, as in JPEG, instead of 16 to 235, as WebRTC and video
                     encoders have it.

    An object may be called by many threads at the same time, after a fork, and pickled.
    """

    def __init__(
        self,
        width: int = 320,
        height: int = 320,
        format: Format = "RGBA",
        order: Order = "BGR",
        range: Range = "unit",
        threads: int = 0,
        *,
        matrix: Matrix = "bt601",
        full_range: bool = False,
    ) -> None:
        width, height = _native.size(width, height)
        self._arguments = (width, height, format, order, range, matrix, full_range, _native.threads(threads))
        self._converter = _native.Converter(*self._arguments)
        if format not in CHANNELS and (width % 2 or height % 2):
            raise ValueError(f"{format} of {width}x{height}: expected an even width and height")
        self._shape = (
            (height, width, CHANNELS[format]) if format in CHANNELS else (height // 2 * 3, width)
        )

    def __call__(self, batch: Any, out: Optional[npt.NDArray[np.uint8]] = None) -> npt.NDArray[np.uint8]:
        """Converts frames of any size.

        batch    N x H x W x 3 or N x 3 x H x W, the former where both could be meant, float32 or float16, in the CPU's
                 memory: numpy's, torch's, or of whatever else numpy can read without copying. It is copied only where
                 it is not contiguous.
        out      where to write the frames, C-contiguous: of the shape and type that is returned. It must not be
                 written to by two calls at a time.

        Returns N x height x width x 4, or x 3 for RGB and BGR, uint8. For I420 and NV12 N x 3/2 height x width: the
        rows of luma, then of chroma, which is what av.VideoFrame.from_ndarray takes.
        """
        frames = as_batch(batch)
        shape = (len(frames.array), *self._shape)
        if out is None:
            out = np.empty(shape, np.uint8)
        elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != np.uint8:
            got = f"{out.dtype.name} of {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            cure = ": write out.numpy()" if is_torch(out) else ""
            raise ValueError(f"out is {got}: expected a numpy array, uint8 of {shape}{cure}")
        elif not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError("out: expected a C-contiguous array that may be written to")
        is_half = frames.array.dtype == np.float16
        self._converter.convert(frames.bytes, *frames.size, is_half, frames.is_planar, out.reshape(-1))
        return out

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_converter"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._converter = _native.Converter(*self._arguments)
