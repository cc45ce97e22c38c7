"""A WebRTC track of a network's frames, for aiortc: connection.addTrack(NetworkTrack(Frames(512, 512, format="I420")))."""
import asyncio
from fractions import Fraction

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError


class NetworkTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, frames, framerate=25):
        super().__init__()
        self.frames, self.framerate = frames, framerate
        self.queue, self.sent, self.start = asyncio.Queue(100), 0, None

    async def put(self, batch):
        """Queues the frames of a batch, and waits while the queue is full. Raises once the track is stopped."""
        for picture in await asyncio.to_thread(self.frames, batch):
            if self.readyState != "live":
                raise MediaStreamError
            await self.queue.put(picture)

    def stop(self):
        super().stop()
        while not self.queue.empty():
            self.queue.get_nowait()

    async def recv(self):
        """The next frame when it is time for it. After a pause, the clock goes on from there."""
        picture = await self.queue.get()
        now = asyncio.get_running_loop().time()
        if self.start is None or now > self.start + (self.sent + 1) / self.framerate:
            self.start = now - self.sent / self.framerate
        await asyncio.sleep(self.start + self.sent / self.framerate - now)
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts, frame.time_base, self.sent = self.sent, Fraction(1, self.framerate), self.sent + 1
        return frame
