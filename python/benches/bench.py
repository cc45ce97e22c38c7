"""What the conversion costs in Python, beside what people write today and beside the element. Prints tables in Markdown.

Needs the wheel, opencv-python-headless, and for the last table GStreamer for Python. See scripts/bench-python.
"""

import argparse
import os
import statistics
import time

import cv2
import numpy as np
from tqdm import tqdm

from lipsyncframes import Frames, Jpegs, _native

FRAMES = 25
SIZES = [((96, 96), (320, 320)), ((256, 256), (256, 256)), ((512, 512), (320, 320)), ((640, 360), (320, 320)), ((1280, 720), (1280, 720))]


def times(functions, rounds):
    """Milliseconds of a call of each, least of all rounds, in turn."""
    least = [float("inf")] * len(functions)
    for _ in range(rounds):
        for index, function in enumerate(functions):
            began = time.perf_counter()
            function()
            least[index] = min(least[index], (time.perf_counter() - began) * 1000)
    return least


def as_today(batch, size, code):
    """As LiveTalking, MuseTalk and Wav2Lip have it: clip, * 255, astype, resize, cvtColor."""
    for frame in batch:
        picture = (np.clip(frame, 0, 1) * 255).astype(np.uint8)
        yield cv2.cvtColor(cv2.resize(picture, size), code)


def jpegs_as_today(batch, size):
    for frame in batch:
        picture = cv2.resize((np.clip(frame, 0, 1) * 255).astype(np.uint8), size)
        yield cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 75])


def rust_call(batch, size):
    """The conversion alone, into memory that is there."""
    converter = _native.Converter(*size, "RGBA", "BGR", "unit", "bt601", False, 1)
    out = np.empty(len(batch) * size[0] * size[1] * 4, np.uint8)
    samples = batch.reshape(-1).view(np.uint8)
    height, width = batch.shape[1:3]
    return lambda: converter.convert(samples, width, height, False, False, out)


def compare(rounds):
    print(f"A frame of a batch of {FRAMES}, on one thread, in ms; least of {rounds}.\n")
    print("| float32 BGR | to | RGBA | numpy and OpenCV | I420 | numpy and OpenCV | JPEG | numpy and OpenCV | RGBA into `out` | the Rust call alone |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    cv2.setNumThreads(1)
    rows = []
    for (width, height), size in tqdm(SIZES, unit=" sizes", disable=None):
        batch = np.random.default_rng(0).random((FRAMES, height, width, 3), np.float32)
        rgba, i420, jpegs = Frames(*size, threads=1), Frames(*size, "I420", threads=1), Jpegs(*size, threads=1)
        out = np.empty((FRAMES, size[1], size[0], 4), np.uint8)
        functions = [
            lambda: rgba(batch),
            lambda: list(as_today(batch, size, cv2.COLOR_BGR2RGBA)),
            lambda: i420(batch),
            lambda: list(as_today(batch, size, cv2.COLOR_BGR2YUV_I420)),
            lambda: jpegs(batch),
            lambda: list(jpegs_as_today(batch, size)),
            lambda: rgba(batch, out),
            rust_call(batch, size),
        ]
        columns = [f"{value / FRAMES:.3f}" for value in times(functions, rounds)]
        rows.append(f"| {width}x{height} | {size[0]}x{size[1]} | {' | '.join(columns)} |")
    print("\n".join(rows))


def compare_with_the_element(rounds):
    """JPEGs a second of Jpegs and of appsrc ! lipsyncframes ! jpegenc, in pairs, on all cores and on one."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401 gives appsrc and appsink their methods

    import lipsyncframes.gstreamer

    Gst.init(None)
    lipsyncframes.gstreamer.register()
    batch = np.random.default_rng(0).random((FRAMES, 360, 640, 3), np.float32)
    data = batch.tobytes()
    cores = sorted(os.sched_getaffinity(0))
    print(f"\nJPEGs a second, 640x360 to 320x320, in batches of {FRAMES}; median of {rounds} pairs.\n")
    print("| cores | Jpegs | appsrc ! lipsyncframes ! jpegenc | ratio |")
    print("|--:|--:|--:|--:|")
    for allowed in (cores[:1], cores):
        os.sched_setaffinity(0, allowed)
        jpegs = Jpegs(threads=len(allowed))
        pipeline = Gst.parse_launch(
            "appsrc name=source format=time caps=video/x-float,format=BGR_F32LE,width=640,height=360,framerate=25/1"
            f" ! lipsyncframes n-threads={len(allowed)} ! jpegenc idct-method=islow ! appsink name=sink sync=false"
        )
        source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
        pipeline.set_state(Gst.State.PLAYING)
        buffer = Gst.Buffer.new_wrapped(data)

        def by_pipeline():
            source.push_buffer(buffer.copy())
            for _ in range(FRAMES):
                sample = sink.pull_sample().get_buffer()
                sample.extract_dup(0, sample.get_size())

        pairs = []
        for _ in range(rounds):
            pairs.append(times([lambda: jpegs(batch), by_pipeline], 1))
        pipeline.set_state(Gst.State.NULL)
        ours, elements = (1000 * FRAMES / statistics.median(column) for column in zip(*pairs))
        ratio = statistics.median(element / our for our, element in pairs)
        print(f"| {len(allowed)} | {ours:.0f} | {elements:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="how often each is timed (default: 40)")
    args = parser.parse_args()
    compare(args.rounds)
    compare_with_the_element(args.rounds)
