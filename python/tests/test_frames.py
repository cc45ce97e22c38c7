"""Frames against what numpy makes of the definition, and by hand."""

import asyncio
import multiprocessing
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from lipsyncframes import Frames

FORMATS = {"RGBA": "RGBA", "RGBx": "RGBA", "BGRA": "BGRA", "BGRx": "BGRA", "RGB": "RGB", "BGR": "BGR"}


def random_batch(shape, seed=0, dtype="f4"):
    return np.random.default_rng(seed).random(shape, np.float32).astype(dtype)


def deep(samples):
    """Levels in 128ths, as the conversion has them."""
    return np.rint(np.clip(samples.astype("f4") * np.float32(32640), 0, 32640)).astype(np.int32)


def taps(length, target):
    x = np.clip((np.arange(target) + 0.5) * length / target - 0.5, 0, length - 1)
    first = np.floor(x).astype(int)
    weight = np.floor((x - first) * 16384 + 0.5).astype(int)
    first, weight = np.where(weight == 16384, first + 1, first), weight % 16384
    return first, np.minimum(first + 1, length - 1), weight


def scaled(samples, size, axis):
    first, second, weight = taps(samples.shape[axis], size)
    shape = [1] * samples.ndim
    shape[axis] = -1
    p, q = samples.take(first, axis), samples.take(second, axis)
    return p + (((q - p) * weight.reshape(shape) + 8192) >> 14)


def expected_rgb(batch, width, height):
    """The levels of N x H x W x 3 float frames, in the order of their channels."""
    samples = scaled(scaled(deep(batch), width, 2), height, 1)
    return ((samples + 64) >> 7).astype(np.uint8)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_every_format(format, order, planar, dtype):
    batch = random_batch((2, 37, 53, 3), dtype=dtype)
    rgb = expected_rgb(batch, 32, 24)
    if order == "BGR":
        rgb = rgb[..., ::-1]
    alpha = np.full((*rgb.shape[:3], 1), 255, np.uint8)
    rgba = np.concatenate([rgb, alpha], 3)
    expected = rgba[..., ["RGBA".index(channel) for channel in FORMATS[format]]]
    given = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) if planar else batch
    pictures = Frames(32, 24, format, order)(given)
    assert pictures.dtype == np.uint8
    np.testing.assert_array_equal(pictures, expected)


@pytest.mark.parametrize("format, chroma", [("I420", [[90] * 4, [240] * 4]), ("NV12", [[90, 240] * 4])])
def test_red_is_limited_range_bt601(format, chroma):
    red = np.zeros((1, 2, 2, 3), "f4")
    red[..., 0] = 1
    picture = Frames(4, 4, format, "RGB")(red)
    assert picture.shape == (1, 6, 4)
    # By hand: 16 + 219 * 0.299 = 81; 128 - 224 * 0.299 / 1.772 = 90; 128 + 112 = 240
    assert picture[0].reshape(-1)[:16].tolist() == [81] * 16
    assert picture[0].reshape(-1)[16:].tolist() == sum(chroma, [])


def test_full_range_and_bt709_where_asked_for():
    red = np.zeros((1, 2, 2, 3), "f4")
    red[..., 0] = 1
    assert Frames(2, 2, "I420", "RGB", full_range=True)(red).reshape(-1).tolist() == [76] * 4 + [85, 255]
    # By hand: 16 + 219 * 0.2126 = 62.6; 128 - 224 * 0.2126 / 1.8556 = 102.3
    assert Frames(2, 2, "I420", "RGB", matrix="bt709")(red).reshape(-1).tolist() == [63] * 4 + [102, 240]


@pytest.mark.parametrize("range, low, high", [("unit", 0, 1), ("signed-unit", -1, 1), ("byte", 0, 255)])
def test_ranges_and_what_lies_outside(range, low, high):
    samples = np.array([low, high, low - 1000, high + 1000, np.nan, (low + high) / 2], "f4")
    batch = np.repeat(samples, 3).reshape(1, 1, 6, 3)
    picture = Frames(6, 1, "RGB", range=range)(batch)
    assert picture[0, 0, :, 0].tolist() == [0, 255, 0, 255, 0, 128]


def test_the_cures_work():
    video = random_batch((2, 3, 7, 4, 4))
    frames = Frames(4, 4, order="RGB")
    pictures = frames(video.swapaxes(1, 2).reshape(-1, 3, *video.shape[3:]))
    np.testing.assert_array_equal(pictures[8], frames(video[1:2, :, 1])[0])
    grey = random_batch((1, 5, 6, 1))
    np.testing.assert_array_equal(frames(grey.repeat(3, 3))[..., 0], frames(grey.repeat(3, 3))[..., 2])


def test_refuses_an_out_that_overlaps_the_batch():
    memory = np.zeros(4 * 4 * 4 * 4, np.uint8)
    batch = memory[: 4 * 4 * 3 * 4].view("f4").reshape(1, 4, 4, 3)
    with pytest.raises(ValueError, match="out overlaps the batch, or another call writes to it"):
        Frames(4, 4)(batch, out=memory[150:214].reshape(1, 4, 4, 4))
    with pytest.raises(ValueError, match="out overlaps the batch"):
        Frames(4, 4)(batch, out=memory[:64].reshape(1, 4, 4, 4))


def test_writes_into_out():
    batch = random_batch((3, 8, 8, 3))
    out = np.zeros((5, 8, 8, 4), np.uint8)
    frames = Frames(8, 8)
    assert frames(batch, out=out[1:4]).base is not None
    np.testing.assert_array_equal(out[1:4], frames(batch))
    assert not out[0].any() and not out[4].any()


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((3, 8, 8, 3), np.uint8),
        np.zeros((3, 8, 8, 4), np.int8),
        np.zeros((3, 8, 16, 4), np.uint8)[:, :, ::2],
        bytearray(3 * 8 * 8 * 4),
    ],
)
def test_refuses_an_out_of_another_kind(out):
    with pytest.raises(ValueError, match="^out"):
        Frames(8, 8)(random_batch((3, 8, 8, 3)), out=out)


def test_refuses_an_out_that_must_not_be_written():
    out = np.zeros((3, 8, 8, 4), np.uint8)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="may be written"):
        Frames(8, 8)(random_batch((3, 8, 8, 3)), out=out)


def test_takes_views_of_all_kinds():
    batch = random_batch((4, 16, 12, 3))
    frames = Frames(8, 8)
    expected = frames(batch)
    np.testing.assert_array_equal(frames(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)), expected)
    np.testing.assert_array_equal(frames(batch.transpose(0, 3, 1, 2)), expected)
    np.testing.assert_array_equal(frames(batch[::-1])[::-1], expected)
    np.testing.assert_array_equal(frames(batch[1:3]), expected[1:3])
    batch.flags.writeable = False
    np.testing.assert_array_equal(frames(batch), expected)


def test_takes_whatever_shows_its_memory():
    batch = random_batch((1, 4, 4, 3))

    class Interface:
        __array_interface__ = batch.__array_interface__

    class Dlpack:
        def __dlpack__(self, **options):
            return batch.__dlpack__(**options)

        def __dlpack_device__(self):
            return batch.__dlpack_device__()

    expected = Frames(4, 4)(batch)
    for other in Interface(), Dlpack():
        np.testing.assert_array_equal(Frames(4, 4)(other), expected)


def test_no_frames_give_no_frames():
    assert Frames(4, 4)(np.zeros((0, 4, 4, 3), "f4")).shape == (0, 4, 4, 4)


def tensor(**attributes):
    return type("Tensor", (), {"__dlpack__": None, "__dlpack_device__": lambda self: (2, 0), **attributes})()


@pytest.mark.parametrize(
    "batch, kind, cure",
    [
        (np.zeros((4, 4, 3), "f4"), ValueError, r"\(4, 4, 3\).*batch\[None\]"),
        (np.zeros((3, 4, 4), "f4"), ValueError, r"\(3, 4, 4\).*batch\[None\]"),
        (np.zeros((1, 4, 4, 4), "f4"), ValueError, r"\(1, 4, 4, 4\).*batch\[..., :3\]"),
        (np.zeros((1, 4, 8, 8), "f4"), ValueError, r"\(1, 4, 8, 8\).*batch\[:, :3\]; latents have to be decoded"),
        (np.zeros((1, 5, 6, 1), "f4"), ValueError, r"grey frames write batch.repeat\(3, 3\)"),
        (np.zeros((1, 5, 5, 6), "f4"), ValueError, r"\(1, 5, 5, 6\): expected N x H x W x 3 or N x 3 x H x W"),
        (np.zeros((1, 0, 5, 3), "f4"), ValueError, r"\(1, 0, 5, 3\)"),
        (np.zeros((2, 1, 4, 4, 3), "f4"), ValueError, r"batch.reshape\(-1, \*batch.shape\[2:\]\)"),
        (np.zeros((2, 3, 7, 4, 4), "f4"), ValueError, r"batch.swapaxes\(1, 2\).reshape\(-1, 3, \*batch.shape\[3:\]\)"),
        (np.ma.zeros((1, 4, 4, 3), "f4"), TypeError, r"batch.filled\(0\)"),
        (np.zeros((1, 4, 4, 3)), TypeError, r"float64: expected float32 or float16: write batch.astype\('f4'\)"),
        (np.zeros((1, 4, 4, 3), ">f4"), TypeError, r"big-endian float32.*batch.astype\('f4'\)"),
        (np.zeros((1, 4, 4, 3), "u1"), TypeError, r'uint8.*batch.astype\(\'f4\'\), with range="byte"'),
        ([np.zeros((4, 4, 3), "f4")], TypeError, r"list.*np.stack\(batch\)"),
        (None, TypeError, "NoneType"),
        (tensor(requires_grad=True), TypeError, r"batch.detach\(\)"),
        (tensor(dtype="bfloat16"), TypeError, r"batch.astype\('f4'\)"),
        (tensor(device="cuda:0"), TypeError, r"cuda:0: write batch.cpu\(\)"),
    ],
)
def test_says_what_to_write_instead(batch, kind, cure):
    with pytest.raises(kind, match=cure):
        Frames()(batch)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"range": "tanh"}, 'range="tanh": expected one of "unit", "signed-unit", "byte"'),
        ({"order": "bgr"}, 'order="bgr": expected one of "BGR", "RGB"'),
        ({"format": "YUV"}, 'format="YUV": expected one of "RGBA", "I420", "NV12"'),
        ({"matrix": "bt2020"}, 'matrix="bt2020": expected one of "bt601", "bt709"'),
        ({"threads": 17}, "threads=17: expected 0"),
        ({"threads": -1}, "threads=-1: expected 0"),
        ({"width": 0}, "size 0x320: width and height must be 1 to 16384"),
        ({"height": -5}, "size 320x-5"),
        ({"width": 16385}, "size 16385x320"),
        ({"width": 321, "format": "I420"}, "I420 of 321x320: expected an even width and height"),
    ],
)
def test_says_what_a_parameter_may_be(arguments, message):
    with pytest.raises(ValueError) as error:
        Frames(**arguments)
    assert message in str(error.value)


def test_the_bytes_are_the_same_for_every_number_of_threads():
    batch = random_batch((2, 360, 640, 3))
    expected = Frames(320, 320, threads=1)(batch)
    for threads in (0, 2, 5, 16):
        np.testing.assert_array_equal(Frames(320, 320, threads=threads)(batch), expected)


def test_eight_threads_share_an_object():
    """Of different sizes, so that plans, too, are shared and made anew."""
    frames = Frames(64, 64)
    batches = [random_batch((2, 40 + 7 * n, 64, 3), n) for n in range(8)]
    expected = [Frames(64, 64)(batch) for batch in batches]
    wrong = []

    def call(number):
        for _ in range(250):
            if not np.array_equal(frames(batches[number]), expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=call, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []


def test_to_thread():
    batch = random_batch((2, 40, 64, 3))
    frames = Frames(64, 64)

    async def gather():
        return await asyncio.gather(*(asyncio.to_thread(frames, batch) for _ in range(50)))

    for pictures in asyncio.run(gather()):
        np.testing.assert_array_equal(pictures, frames(batch))


class Named(Frames):
    def __init__(self, name, **arguments):
        super().__init__(**arguments)
        self.name = name


def test_pickles():
    batch = random_batch((1, 10, 10, 3))
    frames = Named("anna", width=8, height=4, format="NV12", order="RGB", range="signed-unit", threads=2, matrix="bt709", full_range=True)
    copy = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(copy(batch), frames(batch))
    assert (type(copy), copy.name, copy._arguments) == (Named, "anna", frames._arguments)


def run(program):
    """Of a process of its own; an exit code below 0 is the signal that ended it."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("threads", [1, 2])
def test_daemon_threads_may_convert_when_the_process_ends(threads):
    program = f"""
import threading, time, numpy, lipsyncframes
frames, batch = lipsyncframes.Frames(640, 360, threads={threads}), numpy.zeros((4, 360, 640, 3), "f4")
began = threading.Event()
def work():
    while True:
        frames(batch)
        began.set()
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
began.wait(60)
"""
    for _ in range(5):
        result = run(program)
        assert (result.returncode, result.stderr) == (0, "")


def test_fork_while_another_thread_converts_for_the_first_time():
    program = """
import os, sys, threading, time, numpy, lipsyncframes
frames, batch = lipsyncframes.Frames(640, 360, threads=2), numpy.zeros((2, 360, 640, 3), "f4")
thread = threading.Thread(target=frames, args=[batch])
thread.start()
time.sleep(int(sys.argv[1]) / 5000)
child = os.fork()
if child == 0:
    frames(batch)
    os._exit(7)
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    for step in range(10):
        result = subprocess.run([sys.executable, "-c", program, str(step)], timeout=60)
        assert result.returncode == 7, step


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_works_in_a_process_started_by(method):
    frames = Frames(320, 320)
    batch = random_batch((2, 360, 640, 3))
    expected = frames(batch)  # The pool's threads are there now.
    with multiprocessing.get_context(method).Pool(2) as pool:
        for pictures in pool.map_async(frames, [batch] * 4).get(60):
            np.testing.assert_array_equal(pictures, expected)


def test_the_interpreter_is_free_meanwhile():
    """Another thread sees the first frame converted and the last not yet."""
    frames = Frames(640, 360, threads=1)
    batch = random_batch((32, 360, 640, 3))

    def looks_in_between():
        out = np.zeros((len(batch), 360, 640, 4), np.uint8)
        thread = threading.Thread(target=frames, args=[batch, out])
        thread.start()
        seen = False
        while thread.is_alive():
            seen |= bool(out[0, -1, -1, 3] == 255 and out[-1, 0, 0, 3] == 0)
        return seen

    # Where all cores are busy, it may come too late now and then.
    assert any(looks_in_between() for _ in range(100))
