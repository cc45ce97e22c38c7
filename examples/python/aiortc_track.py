"""A WebRTC track of a network's frames, for aiortc: connection.addTrack(NetworkTrack(Frames(512, 512, "I420")))."""
import asyncio
import fractions

import av
from aiortc import MediaStreamTrack


class NetworkTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, frames, framerate=25, most_queued=100):
        super().__init__()
        self.frames = frames  # lipsyncframes.Frames that make I420
        self.framerate = framerate
        self.queue = asyncio.Queue(most_queued)
        self.sent = 0
        self.start = None

    async def put(self, batch):
        """Queues the frames of a batch, and waits while the queue is full."""
        for picture in await asyncio.to_thread(self.frames, batch):
            await self.queue.put(picture)

    async def recv(self):
        """The next frame when it is time for it. After a pause, the clock goes on from there."""
        picture = await self.queue.get()
        now = asyncio.get_running_loop().time()
        if self.start is None or now > self.start + (self.sent + 1) / self.framerate:
            self.start = now - self.sent / self.framerate
        await asyncio.sleep(self.start + self.sent / self.framerate - now)
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts, frame.time_base = self.sent, fractions.Fraction(1, self.framerate)
        self.sent += 1
        return frame
