"""A network's frames for LiveKit: player = Player(source, Frames(512, 512, format="I420")), then await player.play(batch)."""
import asyncio

from livekit import rtc


def video_frames(frames, batch):
    """LiveKit's frames of a batch. frames is a lipsyncframes.Frames that makes I420."""
    for picture in frames(batch):
        rows, width = picture.shape
        yield rtc.VideoFrame(width, rows * 2 // 3, rtc.VideoBufferType.I420, picture.data.cast("B"))


class Player:
    """Hands frames to an rtc.VideoSource, each at its time."""

    def __init__(self, source, frames, framerate=25):
        self.source, self.frames, self.framerate = source, frames, framerate
        self.next = 0.0  # by the event loop's clock

    async def play(self, batch):
        """Returns when the last frame of the batch has been handed on. After a pause, begins at once."""
        loop = asyncio.get_running_loop()
        for frame in await asyncio.to_thread(lambda: list(video_frames(self.frames, batch))):
            self.next = max(self.next, loop.time())
            await asyncio.sleep(self.next - loop.time())
            self.source.capture_frame(frame, timestamp_us=int(1e6 * self.next))
            self.next += 1 / self.framerate
