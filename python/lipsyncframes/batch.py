"""What a network emits, as a numpy array: what is taken, and what to write instead of what is not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.ma import MaskedArray

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
    check(array, is_torch(batch))
    is_planar = array.shape[3] != 3
    if not array.flags.c_contiguous:
        # As torch's channels_last has it, or what was permuted for a picture.
        other = array.transpose(0, 2, 3, 1) if is_planar else array.transpose(0, 3, 1, 2)
        if other.flags.c_contiguous:
            return Batch(other, not is_planar)
    return Batch(np.ascontiguousarray(array), is_planar)


def check(array: np.ndarray, was_torch: bool = False) -> None:
    """Raises TypeError and ValueError as as_batch does, without looking at the samples."""
    if array.dtype.str not in ("<f4", "<f2"):
        cure = "batch.float()" if was_torch else "batch.astype('f4')"
        if array.dtype.kind in "iu":
            cure += ", with range=\"byte\" for 0 to 255"
        raise TypeError(f"batch of {_dtype(array)}: expected float32 or float16: write {cure}")
    if array.ndim != 4 or 3 not in (array.shape[1], array.shape[3]) or 0 in array.shape[1:]:
        raise ValueError(f"batch of shape {array.shape}: expected {SHAPES}{_as_shape(array.shape)}")


def is_torch(batch: Any) -> bool:
    return type(batch).__module__.partition(".")[0] == "torch"


def _as_array(batch: Any) -> np.ndarray:
    if isinstance(batch, MaskedArray):
        raise TypeError("batch is a masked array: write batch.filled(0)")
    if isinstance(batch, np.ndarray):
        return batch
    if getattr(batch, "requires_grad", False):
        raise TypeError("batch requires a gradient: write batch.detach(), or run the network in torch.inference_mode()")
    if str(getattr(batch, "dtype", "")).endswith("bfloat16"):
        cure = "batch.half() or batch.float()" if is_torch(batch) else "batch.astype('f4')"
        raise TypeError(f"batch of bfloat16, which numpy does not have: write {cure}")
    if is_torch(batch) and batch.is_neg():
        batch = batch.resolve_neg()
    if hasattr(batch, "__dlpack__"):
        device, _ = batch.__dlpack_device__()
        if device not in CPU:
            raise TypeError(f"batch is on {getattr(batch, 'device', 'another device')}: write batch.cpu()")
        return np.from_dlpack(batch)
    if hasattr(batch, "__array_interface__") or hasattr(batch, "__array__"):
        return np.asarray(batch)
    cure = "np.asarray(batch, 'f4')"
    if isinstance(batch, (list, tuple)):
        cure = "torch.stack(batch)" if batch and is_torch(batch[0]) else "np.stack(batch).astype('f4')"
    raise TypeError(f"batch is a {type(batch).__name__}: expected an array of {SHAPES}: write {cure}")


def _dtype(array: np.ndarray) -> str:
    return f"big-endian {array.dtype.name}" if array.dtype.byteorder == ">" else array.dtype.name


def _as_shape(shape: tuple[int, ...]) -> str:
    """What to write where an array has another shape, as far as that can be told."""
    if 0 in shape[1:]:
        return ", and at least one pixel"
    if len(shape) == 3 and 3 in (shape[0], shape[2]):
        return ": for one frame write batch[None]"
    if len(shape) == 4 and shape[3] == 4:
        return ": without alpha, write batch[..., :3]"
    if len(shape) == 4 and shape[1] == 4:
        return ": without alpha, write batch[:, :3]; latents have to be decoded first"
    if len(shape) == 4 and 1 in (shape[1], shape[3]):
        return f": for grey frames write batch.repeat(3, {3 if shape[3] == 1 else 1})"
    if len(shape) == 5 and 3 in (shape[2], shape[4]):
        return ": for one after the other, write batch.reshape(-1, *batch.shape[2:])"
    if len(shape) == 5 and shape[1] == 3:
        return ": with time behind the channels, write batch.swapaxes(1, 2).reshape(-1, 3, *batch.shape[3:])"
    return ""
