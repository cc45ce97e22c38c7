"""JPEGs of a torch network's output, whatever its memory format and half precision."""
import torch  # First: after GStreamer, Debian's libunwind would end the process with torch's first exception.

from lipsyncframes import Jpegs


class Speaker:
    """Calls a network whose last layer is tanh, and which was trained on RGB, as torchvision has it."""

    def __init__(self, network, **arguments):
        self.network = network
        self.jpegs = Jpegs(**{"order": "RGB", "range": "signed-unit", **arguments})

    def __call__(self, *inputs):
        with torch.inference_mode():
            batch = self.network(*inputs)  # N x 3 x H x W
            if batch.dtype == torch.bfloat16:
                batch = batch.half()  # numpy has no bfloat16.
            return self.jpegs(batch.cpu())
