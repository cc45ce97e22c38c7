"""The recipes in examples/python, each with the library that it is for."""

import asyncio
import importlib.util
import pathlib
import wave

import numpy as np
import pytest

from lipsyncframes import Frames

RECIPES = pathlib.Path(__file__).parents[2] / "examples" / "python"


def recipe(name):
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# A frame's number as grey level, far enough from its neighbours for every encoder.
def numbered(numbers, size=(64, 64)):
    levels = (16 + 10 * np.asarray(numbers, "f4")) / 255
    return np.ascontiguousarray(np.broadcast_to(levels[:, None, None, None], (len(levels), *size, 3)))


def number_of(rgb):
    return round((float(rgb.mean()) - 16) / 10)


COLOURS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0.25, 0.5, 0.75]]


def colour_batch(size=(64, 64)):
    return np.ascontiguousarray(np.broadcast_to(np.array(COLOURS, "f4")[:, None, None], (len(COLOURS), *size, 3)))


def assert_colour(rgb, number, tolerance):
    """Of the middle of a picture: limited range taken for full would be off by up to 20."""
    height, width = rgb.shape[:2]
    middle = rgb[height // 4 : -height // 4, width // 4 : -width // 4].reshape(-1, 3).astype(float).mean(0)
    assert abs(middle - 255 * np.array(COLOURS[number])).max() <= tolerance, (middle, COLOURS[number])


def test_every_recipe_is_short():
    for path in RECIPES.glob("*.py"):
        # Programs, not recipes.
        if path.name not in ("numpy_frames.py", "post_frames.py"):
            assert len(path.read_text().splitlines()) < 40, path


def test_aiortc(need):
    aiortc = need("aiortc")
    track_of = recipe("aiortc_track").NetworkTrack
    count = 20

    async def frames_over_loopback(batches):
        sender, receiver = aiortc.RTCPeerConnection(), aiortc.RTCPeerConnection()
        track = track_of(Frames(128, 128, "I420", "RGB"))
        sender.addTrack(track)
        received, arrived = [], asyncio.Event()

        @receiver.on("track")
        async def on_track(remote):
            while True:
                received.append((await remote.recv()).to_ndarray(format="rgb24"))
                arrived.set()

        await sender.setLocalDescription(await sender.createOffer())
        await receiver.setRemoteDescription(sender.localDescription)
        await receiver.setLocalDescription(await receiver.createAnswer())
        await sender.setRemoteDescription(receiver.localDescription)
        # Until the receiver is there for the first: what comes before is lost, as in every call.
        while not received:
            await track.put(batches[0][:1])
            try:
                await asyncio.wait_for(arrived.wait(), 0.1)
            except asyncio.TimeoutError:
                pass
        for batch in batches:
            await track.put(batch)
        while not track.queue.empty():
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        await sender.close()
        await receiver.close()
        # Nobody takes frames any more, and whoever waits to put some is told.
        waiting = asyncio.ensure_future(track.put(batches[0].repeat(8, 0)))
        await asyncio.sleep(0.2)
        track.stop()
        with pytest.raises(aiortc.mediastreams.MediaStreamError):
            await waiting
        return received

    numbers = [number for number in range(count) for _ in range(2)]
    received = asyncio.run(asyncio.wait_for(frames_over_loopback([numbered(numbers)]), 120))
    seen = [number_of(picture) for picture in received]
    assert seen == sorted(seen) and set(seen) == set(range(count))

    batch = np.repeat(colour_batch(), 8, 0)
    received = asyncio.run(asyncio.wait_for(frames_over_loopback([batch]), 120))
    for number in range(len(COLOURS)):
        # The last of its eight, by when the encoder has come to it.
        closest = [picture for picture in received[1:] if abs(picture[64, 64] - 255 * np.array(COLOURS[number])).max() < 40]
        assert closest, number
        assert_colour(closest[-1], number, 8)


def test_livekit(need):
    rtc = need("livekit.rtc")
    module = recipe("livekit_source")
    frames = Frames(128, 96, "I420", "RGB")
    for number, frame in enumerate(module.video_frames(frames, colour_batch())):
        assert (frame.width, frame.height) == (128, 96)
        rgb = np.frombuffer(frame.convert(rtc.VideoBufferType.RGB24).data, np.uint8).reshape(96, 128, 3)
        assert_colour(rgb, number, 3)

    class Source:
        captured = []

        def capture_frame(self, frame, *, timestamp_us):
            self.captured.append(timestamp_us)

    async def play():
        player = module.Player(Source(), frames, 100)
        for _ in range(2):
            await player.play(colour_batch())

    asyncio.run(asyncio.wait_for(play(), 60))
    steps = np.diff(Source.captured)
    # Never too soon, of two batches neither; where the machine is busy, later.
    assert len(steps) == 2 * len(COLOURS) - 1 and min(steps) >= 9_999


def test_pipecat(need):
    need("pipecat.frames.frames")
    frames = Frames(64, 32, "RGB", "RGB")
    for number, frame in enumerate(recipe("pipecat_frames").image_frames(frames, colour_batch())):
        assert (frame.size, frame.format) == ((64, 32), "RGB")
        assert_colour(np.frombuffer(frame.image, np.uint8).reshape(32, 64, 3), number, 0.5)


def write_wav(path, seconds=2, rate=48000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(seconds * rate) / rate)
        file.writeframes(tone.astype("<i2").tobytes())


def test_mp4_with_sound(need, tmp_path):
    av = need("av")
    write_wav(tmp_path / "sound.wav")
    batches = [colour_batch()[number : number + 1].repeat(5, 0) for number in range(len(COLOURS))]
    recipe("mp4_with_sound").write_mp4(str(tmp_path / "out.mp4"), batches, str(tmp_path / "sound.wav"), 128, 128, order="RGB")
    with av.open(str(tmp_path / "out.mp4")) as file:
        decoded = list(file.decode(video=0))
    assert {(int(frame.colorspace), int(frame.color_range)) for frame in decoded} == {(1, 1)}
    pictures = [frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray() for frame in decoded]
    assert len(pictures) == 25
    for index, picture in enumerate(pictures):
        assert_colour(picture, index // 5, 4)
    with av.open(str(tmp_path / "out.mp4")) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
    # As long as the pictures: one second, and what AAC's frames of 1024 samples add.
    assert 48000 <= samples <= 48000 + 3 * 1024


def test_onnxruntime(need, tmp_path):
    onnx = need("onnx")
    need("onnxruntime")
    simplejpeg = need("simplejpeg")
    shape = [None, 3, 32, 32]
    tensors = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Sigmoid", ["x"], ["y"])], "network", *[[t] for t in tensors])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "network.onnx"))
    # A sigmoid is at its ends there, and in the middle at 0.
    network_input = np.stack([np.full((3, 32, 32), value, "f4") for value in (-50, 0, 50)])
    jpegs = recipe("onnx_network").jpegs_of(str(tmp_path / "network.onnx"), network_input, width=64, height=64)
    assert [round(simplejpeg.decode_jpeg(jpeg, "GRAY").mean()) for jpeg in jpegs] == [0, 128, 255]


def test_torch(need):
    torch = need("torch")
    simplejpeg = need("simplejpeg")
    speaker = recipe("torch_network").Speaker(torch.nn.Tanh(), width=16, height=16)
    levels = [round(simplejpeg.decode_jpeg(jpeg, "GRAY").mean()) for jpeg in speaker(torch.tensor([-50.0, 0, 50])[:, None, None, None].expand(3, 3, 8, 8))]
    assert levels == [0, 128, 255]


def test_every_kind_of_tensor(need):
    torch = need("torch")
    batch = torch.rand(2, 3, 24, 40)
    frames = Frames(32, 32, order="RGB")
    expected = frames(batch.numpy())
    for kind in batch, batch.contiguous(memory_format=torch.channels_last), batch.permute(0, 2, 3, 1):
        np.testing.assert_array_equal(frames(kind), expected)
    np.testing.assert_array_equal(frames(batch.half()), frames(batch.half().float()))
    with torch.inference_mode():
        np.testing.assert_array_equal(frames(batch * 1), expected)
    with pytest.raises(TypeError, match=r"batch.detach\(\)"):
        frames(batch.clone().requires_grad_())
    with pytest.raises(TypeError, match=r"batch.half\(\) or batch.float\(\)"):
        frames(batch.bfloat16())


def test_dataloader_workers(need):
    torch = need("torch")
    frames = Frames(16, 16)
    expected = frames(numbered([7]))  # The parent's pool is there.

    class Dataset(torch.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            return frames(numbered([index]))

    loader = torch.utils.data.DataLoader(Dataset(), num_workers=2, timeout=60)
    pictures = [item.numpy() for item in loader]
    np.testing.assert_array_equal(pictures[7][0], expected)
