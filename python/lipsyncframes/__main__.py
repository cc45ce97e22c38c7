"""Makes JPEGs of a file of float frames, as numpy.save writes it."""

import argparse
import pathlib
import sys

import numpy as np

from .batch import check
from .jpegs import Jpegs

try:
    from tqdm import tqdm
except ImportError:
    sys.exit("lipsyncframes: this needs tqdm: pip install 'lipsyncframes[jpeg]'")

FRAMES_AT_ONCE = 32


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m lipsyncframes", description=__doc__)
    parser.add_argument(
        "batch", help="N x H x W x 3 or N x 3 x H x W, float32 or float16, as numpy.save writes them", metavar="FILE.npy"
    )
    parser.add_argument("--output", metavar="DIR", type=pathlib.Path, default="jpegs", help="folder of the JPEGs (default: jpegs)")
    parser.add_argument("--size", metavar="WxH", default="320x320", help="of the JPEGs, in pixels (default: 320x320)")
    parser.add_argument("--order", default="BGR", help="of the channels: BGR or RGB (default: BGR)")
    parser.add_argument("--range", default="unit", help="of the samples: unit (0 to 1), signed-unit (-1 to 1) or byte (0 to 255) (default: unit)")
    parser.add_argument("--quality", type=int, default=75, help="0 to 100 (default: 75)")
    args = parser.parse_args()
    try:
        count = write_jpegs(args)
    except (ImportError, OSError, TypeError, ValueError) as error:
        sys.exit(f"lipsyncframes: {error}")
    print(f"{count} JPEGs in {args.output}")


def write_jpegs(args: argparse.Namespace) -> int:
    width, _, height = args.size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"--size {args.size}: expected a width and height, such as 320x320")
    jpegs = Jpegs(int(width), int(height), args.order, args.range, args.quality)
    batch = load(args.batch)
    args.output.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(batch), unit=" frames", disable=None) as progress:
        for first in range(0, len(batch), FRAMES_AT_ONCE):
            for number, jpeg in enumerate(jpegs(batch[first : first + FRAMES_AT_ONCE]), first + 1):
                (args.output / f"{number:05}.jpg").write_bytes(jpeg)
            progress.update(min(FRAMES_AT_ONCE, len(batch) - first))
    return len(batch)


def load(path: str) -> np.ndarray:
    """The file's frames, as they lie on the disk."""
    try:
        batch = np.load(path, mmap_mode="r")
    except (EOFError, ValueError):
        batch = None
    if not isinstance(batch, np.ndarray):
        raise ValueError(f"{path} is not what numpy.save writes; for floats without a header, numpy.fromfile(...).reshape(...)")
    if batch.ndim == 3:
        batch = batch[None]
    check(batch)
    return batch


if __name__ == "__main__":
    main()
