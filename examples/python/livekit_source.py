"""A network's frames for LiveKit: capture(source, Frames(512, 512, "I420"), batch), once for each batch."""
import asyncio

from livekit import rtc


def video_frames(frames, batch):
    """LiveKit's frames of a batch. frames is a lipsyncframes.Frames that makes I420."""
    for picture in frames(batch):
        rows, width = picture.shape
        yield rtc.VideoFrame(width, rows * 2 // 3, rtc.VideoBufferType.I420, picture.data.cast("B"))


async def capture(source, frames, batch, framerate=25):
    """Hands the frames of a batch to an rtc.VideoSource, each at its time."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number, frame in enumerate(await asyncio.to_thread(lambda: list(video_frames(frames, batch)))):
        await asyncio.sleep(start + number / framerate - loop.time())
        source.capture_frame(frame, timestamp_us=int(1e6 * (start + number / framerate)))
