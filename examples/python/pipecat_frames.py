"""A network's frames for pipecat: for frame in image_frames(Frames(512, 512, "RGB"), batch): await self.push_frame(frame)

The transport's parameters are video_out_enabled=True, video_out_width=512, video_out_height=512.
"""
from pipecat.frames.frames import OutputImageRawFrame


def image_frames(frames, batch):
    """pipecat's frames of a batch. frames is a lipsyncframes.Frames that makes RGB."""
    for picture in frames(batch):
        height, width, _ = picture.shape
        yield OutputImageRawFrame(image=picture.tobytes(), size=(width, height), format="RGB")
