"""What a network emits, as a numpy array: what is taken, and what to write instead of what is not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

SHAPES = "N x H x W x 3 or N x 3 x H x W"
CPU = (1, 3)  # DLPack's kDLCPU and kDLCUDAHost


class Batch(NamedTuple):
    """Float frames, one after the other in memory."""

    array: np.ndarray
    is_planar: bool

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame."""
        height, width = self.array.shape[2:] if self.is_planar else self.array.shape[1:3]
        return width, height

    @property
    def bytes(self) -> np.ndarray:
        return self.array.reshape(-1).view(np.uint8)


def as_batch(batch: Any) -> Batch:
    """The frames of whatever holds them in memory that numpy can see. Copies them only where they are neither
    contiguous nor the permuted view of something contiguous.

    Raises TypeError for what is no array of float32 or float16, ValueError for another shape.
    """
    array = _as_array(batch)
    if array.dtype.str not in ("<f4", "<f2"):
        raise TypeError(f"batch of {_dtype(array)}: expected float32 or float16: {_as_float(array)}")
    if array.ndim == 3 and 3 in (array.shape[0], array.shape[2]):
        raise ValueError(f"batch of shape {array.shape}: expected {SHAPES}: for one frame write batch[None]")
    if array.ndim != 4 or 3 not in (array.shape[1], array.shape[3]) or 0 in array.shape[1:]:
        raise ValueError(f"batch of shape {array.shape}: expected {SHAPES}{_as_shape(array)}")
    is_planar = array.shape[3] != 3
    if not array.flags.c_contiguous:
        # As torch's channels_last has it, or what was permuted for a picture.
        other = array.transpose(0, 2, 3, 1) if is_planar else array.transpose(0, 3, 1, 2)
        if other.flags.c_contiguous:
            return Batch(other, not is_planar)
    return Batch(np.ascontiguousarray(array), is_planar)


def _as_array(batch: Any) -> np.ndarray:
    if isinstance(batch, np.ndarray):
        return batch
    if getattr(batch, "requires_grad", False):
        raise TypeError("batch requires a gradient: write batch.detach(), or run the network in torch.inference_mode()")
    if str(getattr(batch, "dtype", "")).endswith("bfloat16"):
        raise TypeError("batch of bfloat16, which numpy does not have: write batch.half() or batch.float()")
    if hasattr(batch, "__dlpack__"):
        device, _ = batch.__dlpack_device__()
        if device not in CPU:
            raise TypeError(f"batch is on {getattr(batch, 'device', 'another device')}: write batch.cpu()")
        return np.from_dlpack(batch)
    if hasattr(batch, "__array_interface__") or hasattr(batch, "__array__"):
        return np.asarray(batch)
    kind = type(batch).__name__
    cure = "np.stack(batch).astype('f4')" if isinstance(batch, (list, tuple)) else "np.asarray(batch, 'f4')"
    raise TypeError(f"batch is a {kind}: expected an array of {SHAPES}: write {cure}")


def _dtype(array: np.ndarray) -> str:
    return f"big-endian {array.dtype.name}" if array.dtype.byteorder == ">" else array.dtype.name


def _as_float(array: np.ndarray) -> str:
    """What to write where an array has other samples."""
    if array.dtype.kind in "iu":
        return "write batch.astype('f4'), with range=\"byte\" for 0 to 255"
    return "write batch.astype('f4')"


def _as_shape(array: np.ndarray) -> str:
    """What to write where an array has another shape."""
    if array.ndim == 4 and 4 in (array.shape[1], array.shape[3]):
        return f": without alpha, write batch[{'..., :3' if array.shape[3] == 4 else ':, :3'}]"
    if array.ndim == 5:
        return ": for one after the other, write batch.reshape(-1, *batch.shape[2:])"
    return ""
