"""Scales frames with OpenCV and tells how long that took.

Arguments: width and height of a frame, width and height of a picture, number of frames. Reads the
frames from standard input, answers "ready" and OpenCV's version, and then each line: "FORMAT
THREADS" with the nanoseconds that all frames take, "picture" with the first frame in RGBA.
"""

import sys
import time

import cv2
import numpy

width, height, out_width, out_height, count = map(int, sys.argv[1:])
frames = [
    numpy.frombuffer(sys.stdin.buffer.read(width * height * 12), "<f4").reshape(height, width, 3)
    for _ in range(count)
]
size = (out_width, out_height)
scaled = numpy.empty((out_height, out_width, 3), numpy.float32)
bgr = numpy.empty((out_height, out_width, 3), numpy.uint8)
outputs = {
    "RGBA": (cv2.COLOR_BGR2RGBA, numpy.empty((out_height, out_width, 4), numpy.uint8)),
    "I420": (cv2.COLOR_BGR2YUV_I420, numpy.empty((out_height * 3 // 2, out_width), numpy.uint8)),
}


def convert(frame, code, out):
    cv2.resize(frame, size, dst=scaled, interpolation=cv2.INTER_LINEAR)
    cv2.convertScaleAbs(scaled, dst=bgr, alpha=255)
    cv2.cvtColor(bgr, code, dst=out)


print("ready", cv2.__version__, flush=True)
for line in sys.stdin.buffer:
    words = line.decode().split()
    if words == ["picture"]:
        code, out = outputs["RGBA"]
        convert(frames[0], code, out)
        sys.stdout.buffer.write(out.tobytes())
        sys.stdout.buffer.flush()
        continue
    code, out = outputs[words[0]]
    cv2.setNumThreads(int(words[1]))
    # OpenCV starts its threads with the first work for them.
    convert(frames[0], code, out)
    start = time.perf_counter_ns()
    for frame in frames:
        convert(frame, code, out)
    print(time.perf_counter_ns() - start, flush=True)
