"""Writes an MP4 of a network's frames, in BT.709, and the sound of a WAV file, by PyAV."""
import sys

import av
import numpy as np
from lipsyncframes import Frames


def write_mp4(path, batches, wav, width=512, height=512, framerate=25, order="BGR", range="unit"):
    frames = Frames(width, height, "I420", order, range, matrix="bt709")
    with av.open(wav) as source, av.open(path, "w") as file:
        video = file.add_stream("libx264", framerate)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        codec = video.codec_context  # Players guess the colours of what says nothing: 1 is BT.709, and limited range.
        codec.color_primaries = codec.color_trc = codec.colorspace = codec.color_range = 1
        sound = source.streams.audio[0]
        audio = file.add_stream("aac", sound.rate)
        number = 0
        for batch in batches:
            for picture in frames(batch):
                frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
                frame.pts = number
                number += 1
                file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for frame in source.decode(sound):
            if frame.time < number / framerate:
                file.mux(audio.encode(frame))
        file.mux(audio.encode(None))


if __name__ == "__main__":
    batch_file, wav_file, mp4_file = sys.argv[1:]
    write_mp4(mp4_file, [np.load(batch_file, mmap_mode="r")], wav_file)
