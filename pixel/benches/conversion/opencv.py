"""Converts frames with OpenCV and tells how long that took.

Arguments: width and height of a frame, width and height of a picture, number of frames. Reads the
frames, float32, from standard input and answers "ready". Then it answers each line
"WAY FORMAT THREADS" with the nanoseconds that all frames take, and each line "picture WAY" with the
first frame in RGBA.
"""

import sys
import time

import cv2
import numpy

width, height, out_width, out_height, count = map(int, sys.argv[1:])
frames = [
    numpy.frombuffer(sys.stdin.buffer.read(width * height * 12), "<f4") for _ in range(count)
]
interleaved = [frame.reshape(height, width, 3) for frame in frames]
planar = [list(frame.reshape(3, height, width)) for frame in frames]

out_shape = (out_height, out_width)
merged = numpy.empty((height, width, 3), numpy.float32)
scaled = numpy.empty((*out_shape, 3), numpy.float32)
bgr = numpy.empty((*out_shape, 3), numpy.uint8)
rgba = numpy.empty((*out_shape, 4), numpy.uint8)
i420 = numpy.empty((out_height * 3 // 2, out_width), numpy.uint8)
scaled_plane = numpy.empty(out_shape, numpy.float32)
planes = [numpy.empty(out_shape, numpy.uint8) for _ in range(3)]
alpha = numpy.full(out_shape, 255, numpy.uint8)


def to_bytes(image, scaled, out):
    if (width, height) != (out_width, out_height):
        image = cv2.resize(
            image, (out_width, out_height), dst=scaled, interpolation=cv2.INTER_LINEAR
        )
    cv2.convertScaleAbs(image, dst=out, alpha=255)


def convert(frame, form):
    to_bytes(frame, scaled, bgr)
    if form == "RGBA":
        cv2.cvtColor(bgr, cv2.COLOR_BGR2RGBA, dst=rgba)
    else:
        cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420, dst=i420)


def merge_first(frame, form):
    convert(cv2.merge(frame, dst=merged), form)


def merge_last(frame, form):
    for plane, out in zip(frame, planes):
        to_bytes(plane, scaled_plane, out)
    if form == "RGBA":
        cv2.merge([*planes[::-1], alpha], dst=rgba)
    else:
        cv2.cvtColor(cv2.merge(planes, dst=bgr), cv2.COLOR_BGR2YUV_I420, dst=i420)


ways = {
    "interleaved": (convert, interleaved),
    "merge-first": (merge_first, planar),
    "merge-last": (merge_last, planar),
}

print("ready", flush=True)
for line in sys.stdin.buffer:
    first, *rest = line.decode().split()
    if first == "picture":
        way, images = ways[rest[0]]
        way(images[0], "RGBA")
        sys.stdout.buffer.write(rgba.tobytes())
        sys.stdout.buffer.flush()
        continue
    way, images = ways[first]
    form = rest[0]
    cv2.setNumThreads(int(rest[1]))
    # OpenCV starts its threads with the first work for them. The last frame has left the cache again
    # when its turn comes.
    way(images[-1], form)
    start = time.perf_counter_ns()
    for image in images:
        way(image, form)
    print(time.perf_counter_ns() - start, flush=True)
