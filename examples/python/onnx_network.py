"""JPEGs of an ONNX network's output: python3 onnx_network.py MODEL.onnx INPUT.npy."""
import pathlib
import sys

import numpy as np
import onnxruntime
from lipsyncframes import Jpegs


def jpegs_of(model, network_input, **arguments):
    """The JPEGs of one call. The output is N x 3 x H x W or N x H x W x 3, float32 or float16; **arguments are those
    of Jpegs."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (batch,) = session.run(None, {session.get_inputs()[0].name: network_input})
    return Jpegs(**arguments)(batch)


if __name__ == "__main__":
    for number, jpeg in enumerate(jpegs_of(sys.argv[1], np.load(sys.argv[2]), order="RGB")):
        pathlib.Path(f"{number:05}.jpg").write_bytes(jpeg)
