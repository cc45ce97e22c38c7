#!/usr/bin/env python3
"""Makes JPEGs of a numpy batch of float frames, without copying the batch.

Needs the plugin where GStreamer finds it, and on Debian: apt install python3-gst-1.0 python3-numpy
"""
import argparse, ctypes, pathlib, sys, threading, time, weakref

import gi
gi.require_versions({"Gst": "1.0", "GstApp": "1.0"})
from gi.repository import Gst, GstApp  # GstApp gives appsrc and appsink their methods.
import numpy as np

TIMEOUT = 30  # seconds without a JPEG
QUALITIES = range(101)
SAMPLES = {"<f4": "F32LE", "<f2": "F16LE"}
Gst.init(None)

# PyGObject copies an array that it is to wrap, item by item. GStreamer itself copies nothing.
gst = ctypes.CDLL("libgstreamer-1.0.so.0")  # libgstreamer-1.0.0.dylib on macOS
gst.gst_memory_new_wrapped.restype = ctypes.c_void_p
gst.gst_memory_new_wrapped.argtypes = [ctypes.c_int, ctypes.c_void_p, *[ctypes.c_size_t] * 3,
                                       ctypes.py_object, ctypes.c_void_p]
gst.gst_buffer_append_memory.argtypes = [ctypes.c_void_p, ctypes.c_void_p]


@ctypes.CFUNCTYPE(None, ctypes.py_object)
def release(array):
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(array))


def wrap(array):
    """A buffer of the array's own memory, which keeps the array alive."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(array))
    memory = gst.gst_memory_new_wrapped(Gst.MemoryFlags.READONLY, array.ctypes.data, array.nbytes,
                                        0, array.nbytes, array, release)
    buffer = Gst.Buffer()
    gst.gst_buffer_append_memory(hash(buffer), memory)  # PyGObject's hash is the address.
    return buffer


class Jpegs:
    """Makes JPEGs of batches. The pipeline stays between them, whatever their shape and type."""

    def __init__(self, width=320, height=320, order="BGR", range="unit", quality=75):
        if quality not in QUALITIES:
            # Out of its range, jpegenc would only warn, and take its default.
            raise ValueError(f"quality {quality!r}: expected a whole number from 0 to 100")
        self.order = order
        self.lock = threading.Lock()
        self.description = (
            f"appsrc name=source format=time ! lipsyncframes range={range}"
            f" ! video/x-raw,width={width},height={height} ! queue"
            f" ! jpegenc quality={quality} idct-method=islow"
            " ! appsink name=sink sync=false")
        self.start()

    def start(self):
        self.pipeline = Gst.parse_launch(self.description)
        self.source, self.sink = map(self.pipeline.get_by_name, ("source", "sink"))
        self.stop = weakref.finalize(self, self.pipeline.set_state, Gst.State.NULL)
        self.pipeline.set_state(Gst.State.PLAYING)

    def __call__(self, batch):
        """The JPEGs, as bytes, of N x H x W x 3 or N x 3 x H x W float32 or float16. Copies only a
        batch that is not contiguous. When this returns, the batch may be overwritten. Other threads
        that call meanwhile wait."""
        batch = np.ascontiguousarray(batch)
        if batch.dtype.str not in SAMPLES:
            raise ValueError(f"batch of {batch.dtype}: expected float32 or float16")
        if batch.ndim != 4 or 0 in batch.shape or 3 not in (batch.shape[3], batch.shape[1]):
            raise ValueError(f"batch of shape {batch.shape}: expected (N, H, W, 3) or (N, 3, H, W)")
        planar = batch.shape[3] != 3
        height, width = batch.shape[2:] if planar else batch.shape[1:3]
        caps = (f"video/x-float,format={self.order}{'P' * planar}_{SAMPLES[batch.dtype.str]}"
                f",width={width},height={height},framerate=25/1")
        with self.lock:
            self.source.set_caps(Gst.Caps.from_string(caps))
            self.source.push_buffer(wrap(batch))
            try:
                return [self.next_jpeg() for _ in batch]
            except BaseException:
                self.stop()  # What is left of this batch is not for the next one.
                self.start()
                raise

    def next_jpeg(self):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if sample := self.sink.try_pull_sample(Gst.SECOND // 10):
                return sample.get_buffer().extract_dup(0, sample.get_buffer().get_size())
            if message := self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR):
                error, details = message.parse_error()
                raise RuntimeError(f"{message.src.name}: {error.message}\n{details}")
        raise TimeoutError(f"no JPEG in {TIMEOUT} seconds")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("batch", nargs="?", help="a file of numpy.save (default: 25 random frames)")
    parser.add_argument("--output", metavar="DIR", type=pathlib.Path, default="jpegs",
                        help="folder of the JPEGs (default: jpegs)")
    args = parser.parse_args()
    try:
        if args.batch:
            batch = np.load(args.batch, mmap_mode="r")
        else:
            batch = np.random.default_rng().random((25, 360, 640, 3), np.float32)
        jpegs = Jpegs()(batch)
        args.output.mkdir(parents=True, exist_ok=True)
        for number, jpeg in enumerate(jpegs, 1):
            (args.output / f"{number:05}.jpg").write_bytes(jpeg)
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"numpy_frames: {error}")
    print(f"{len(jpegs)} JPEGs in {args.output}")


if __name__ == "__main__":
    main()
