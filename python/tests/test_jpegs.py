"""Jpegs, decoded again."""

import multiprocessing
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import lipsyncframes.jpegs
from lipsyncframes import Frames, Jpegs

simplejpeg = pytest.importorskip("simplejpeg")


def grey_batch(levels, size=(16, 16)):
    """A grey frame for each of the levels, which any thread that mixes frames up would mix up visibly."""
    levels = np.asarray(levels, "f4") / 255
    return np.ascontiguousarray(np.broadcast_to(levels[:, None, None, None], (len(levels), *size, 3)))


def grey_levels(jpegs):
    return [int(simplejpeg.decode_jpeg(jpeg, "GRAY").mean() + 0.5) for jpeg in jpegs]


def test_the_pictures_of_a_batch_in_order():
    levels = list(range(0, 256, 3))
    assert grey_levels(Jpegs(32, 32, threads=4)(grey_batch(levels))) == levels


@pytest.mark.parametrize("size", [(320, 320), (33, 17), (2, 2)])
def test_size_and_kind(size):
    (jpeg,) = Jpegs(*size)(grey_batch([128]))
    height, width, colours, sampling = simplejpeg.decode_jpeg_header(jpeg)
    assert ((width, height), colours, sampling) == (size, "YCbCr", "420")
    assert jpeg[6:10] == b"JFIF"


def test_colours_are_full_range():
    batch = np.zeros((4, 16, 16, 3), "f4")
    for number in range(3):
        batch[number, ..., number] = 1
    batch[3] = 1
    for jpeg, expected in zip(Jpegs(16, 16, "RGB", quality=100)(batch), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3]):
        picture = simplejpeg.decode_jpeg(jpeg, "RGB").astype(int)
        assert abs(picture - expected).max() <= 2


def test_quality():
    batch = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    sizes = [len(Jpegs(64, 64, quality=quality)(batch)[0]) for quality in (0, 50, 100)]
    assert sizes == sorted(set(sizes))
    for quality in (-1, 101, 999, "75"):
        with pytest.raises(ValueError, match=f"quality={quality!r}: expected"):
            Jpegs(quality=quality)


@pytest.mark.parametrize("arguments", [{"threads": 17}, {"width": 0}, {"order": "bgr"}, {"range": "tanh"}])
def test_says_what_a_parameter_may_be(arguments):
    with pytest.raises(ValueError, match="expected|must be"):
        Jpegs(**arguments)


def test_no_frames_give_no_jpegs():
    assert Jpegs()(np.zeros((0, 4, 4, 3), "f4")) == []


def test_a_batch_that_is_not_taken_leaves_no_trace():
    jpegs = Jpegs(16, 16)
    with pytest.raises(TypeError):
        jpegs(np.zeros((1, 4, 4, 3)))
    assert grey_levels(jpegs(grey_batch([99]))) == [99]


def test_eight_threads_share_an_object():
    jpegs = Jpegs(16, 16)
    wrong = []

    def call(number):
        levels = [number, number + 100, number + 200]
        for _ in range(250):
            if grey_levels(jpegs(grey_batch(levels))) != levels:
                wrong.append(number)

    threads = [threading.Thread(target=call, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_works_in_a_process_started_by(method):
    jpegs = Jpegs(32, 32, threads=2)
    levels = list(range(20))
    assert grey_levels(jpegs(grey_batch(levels))) == levels  # The threads are there now.
    with multiprocessing.get_context(method).Pool(2) as pool:
        for result in pool.map_async(jpegs, [grey_batch(levels)] * 4).get(60):
            assert grey_levels(result) == levels


def test_pickles():
    jpegs = Jpegs(8, 16, "RGB", "byte", 50, 3)
    batch = np.random.default_rng(0).random((1, 64, 64, 3), np.float32) * 255
    assert pickle.loads(pickle.dumps(jpegs))(batch) == jpegs(batch)


def test_threads_go_on_when_the_main_one_has_ended():
    program = """
import atexit, threading, time, numpy, lipsyncframes
jpegs, batch = lipsyncframes.Jpegs(16, 16, threads=2), numpy.zeros((4, 16, 16, 3), "f4")
jpegs(batch)
def work():
    threading.main_thread().join()
    print(len(jpegs(batch)))
threading.Thread(target=work).start()
atexit.register(lambda: print(len(jpegs(batch))))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "4\n4\n", "")


def test_the_same_picture_as_frames():
    """The JPEG's planes are those of Frames: at quality 100, they differ by the encoder's rounding."""
    batch = np.random.default_rng(0).random((1, 4, 4, 3), np.float32)
    luma = Frames(64, 64, "I420", full_range=True)(batch)[0, :64]
    decoded = simplejpeg.decode_jpeg(Jpegs(64, 64, quality=100)(batch)[0], "GRAY")[..., 0]
    assert abs(decoded.astype(int) - luma).max() <= 1


def test_without_simplejpeg_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lipsyncframes.jpegs, "simplejpeg", None)
    with pytest.raises(ImportError, match=r"pip install 'lipsyncframes\[jpeg\]'"):
        Jpegs()


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "lipsyncframes", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


def test_the_program(tmp_path):
    levels = list(range(70))
    np.save(tmp_path / "batch.npy", grey_batch(levels))
    result = run("batch.npy", "--output", "out", "--size", "48x32", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "70 JPEGs in out\n"), result.stderr
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"{number:05}.jpg" for number in range(1, 71)]
    assert grey_levels(file.read_bytes() for file in files) == levels
    assert simplejpeg.decode_jpeg_header(files[0].read_bytes())[:2] == (32, 48)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["missing.npy"], "missing.npy"),
        (["double.npy"], "float64"),
        (["wrong.npy"], "(40, 8, 8, 4)"),
        (["empty.npy"], "empty.npy is not what numpy.save writes"),
        (["raw.npy"], "raw.npy is not what numpy.save writes"),
        (["several.npz"], "several.npz is not what numpy.save writes"),
        (["batch.npy", "--size", "48"], "--size 48: expected a width and height, such as 320x320"),
        (["batch.npy", "--quality", "101"], "quality=101"),
    ],
)
def test_the_program_says_what_is_wrong(arguments, message, tmp_path):
    np.save(tmp_path / "batch.npy", grey_batch([1]))
    np.save(tmp_path / "double.npy", grey_batch([1]).astype(float))
    np.save(tmp_path / "wrong.npy", np.zeros((40, 8, 8, 4), "f4"))
    np.savez(tmp_path / "several.npz", batch=grey_batch([1]))
    (tmp_path / "empty.npy").touch()
    grey_batch([1]).tofile(tmp_path / "raw.npy")
    result = run(*arguments, cwd=tmp_path)
    assert not (tmp_path / "jpegs").exists()
    assert result.returncode == 1
    assert result.stderr.startswith("lipsyncframes: ") and message in result.stderr
    assert result.stderr.count("\n") == 1
