"""The example examples/python/numpy_frames.py, used as a module and as a program.

"meson test -C build numpy_frames" runs it with the plugin just built.
"""

import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest
import weakref

import numpy as np

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/python"
PROGRAM = EXAMPLES / "numpy_frames.py"
sys.path.insert(0, str(EXAMPLES))

import numpy_frames  # noqa: E402 the path comes first
from numpy_frames import Gst, Jpegs, wrap  # noqa: E402

# Three colours that any mistaken order of channels or frames changes, red first
COLOURS = [(1, 0.5, 0), (0, 1, 0.25), (0.25, 0, 0.75), (1, 1, 1), (0, 0, 0)]


def solid(colours, height=36, width=64, dtype=np.float32):
    """A frame for each colour, whose channels keep their order: N x H x W x 3."""
    batch = np.empty((len(colours), height, width, 3), dtype)
    batch[:] = np.array(colours, dtype)[:, None, None, :]
    return batch


def decode(jpeg):
    """H x W x 3, red first."""
    pipeline = Gst.parse_launch(
        "appsrc name=source caps=image/jpeg ! jpegdec ! videoconvert"
        " ! video/x-raw,format=RGB ! appsink name=sink sync=false"
    )
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    try:
        source = pipeline.get_by_name("source")
        source.push_buffer(Gst.Buffer.new_wrapped(jpeg))
        source.end_of_stream()
        sample = sink.try_pull_sample(30 * Gst.SECOND)
        assert sample, "jpegdec made nothing of it"
        size = sample.get_caps().get_structure(0)
        width, height = size.get_value("width"), size.get_value("height")
        buffer = sample.get_buffer()
        rows = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
        # Rows are padded to 4 bytes.
        return rows.reshape(height, -1)[:, : width * 3].reshape(height, width, 3)
    finally:
        pipeline.set_state(Gst.State.NULL)


class Test(unittest.TestCase):
    def assert_colours(self, jpegs, colours, size=(320, 320)):
        self.assertEqual(len(jpegs), len(colours))
        for number, (jpeg, colour) in enumerate(zip(jpegs, colours)):
            picture = decode(jpeg)
            self.assertEqual(picture.shape, (*size, 3))
            error = np.abs(picture - 255 * np.array(colour)).max()
            self.assertLessEqual(error, 3, f"frame {number}, {colour}")

    def test_both_layouts_and_types_in_one_pipeline(self):
        jpegs = Jpegs(order="RGB")
        for dtype in (np.float32, np.float16):
            batch = solid(COLOURS, dtype=dtype)
            with self.subTest(dtype):
                self.assert_colours(jpegs(batch), COLOURS)
                planar = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
                self.assert_colours(jpegs(planar), COLOURS)

    def test_blue_is_first_unless_asked_otherwise(self):
        self.assert_colours(Jpegs()(solid([c[::-1] for c in COLOURS])), COLOURS)

    def test_options(self):
        jpegs = Jpegs(width=160, height=90, order="RGB", range="signed-unit", quality=95)
        signed = solid(COLOURS) * np.float32(2) - 1
        self.assert_colours(jpegs(signed), COLOURS, (90, 160))

    def test_width_of_three_counts_as_the_channels(self):
        jpegs = Jpegs(order="RGB")
        self.assert_colours(jpegs(solid(COLOURS, height=3, width=5)), COLOURS)

    def test_frames_of_many_batches_stay_in_order(self):
        jpegs = Jpegs(16, 16, order="RGB")
        levels = np.linspace(0, 1, 24).reshape(4, 6)
        for batch in levels:
            self.assert_colours(
                jpegs(solid([(level, level, level) for level in batch])),
                [(level, level, level) for level in batch],
                (16, 16),
            )

    def test_threads_get_the_pictures_of_their_own_batches(self):
        jpegs = Jpegs(16, 16, order="RGB")
        wrong = []

        def call(number):
            batch = solid([(number / 8, 0, 1 - number / 8)] * 3)
            expected = jpegs(batch)
            wrong.extend(number for _ in range(25) if jpegs(batch) != expected)

        threads = [threading.Thread(target=call, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive())
        self.assertEqual(wrong, [])

    def test_the_batch_is_not_copied(self):
        batch = solid(COLOURS)
        jpegs = Jpegs()
        addresses = []

        def probe(_pad, info):
            with info.get_buffer().map(Gst.MapFlags.READ) as memory:
                addresses.append((np.frombuffer(memory.data, np.uint8).ctypes.data, memory.size))
            return Gst.PadProbeReturn.OK

        jpegs.source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, probe)
        jpegs(batch)
        self.assertEqual(addresses, [(batch.ctypes.data, batch.nbytes)])

    def test_a_buffer_keeps_its_array_alive_and_no_longer(self):
        batch = solid(COLOURS)
        batch_alive = weakref.ref(batch)
        buffer = wrap(batch)
        address = batch.ctypes.data
        del batch
        self.assertIsNotNone(batch_alive())
        with buffer.map(Gst.MapFlags.READ) as memory:
            view = np.frombuffer(memory.data, np.uint8)
            self.assertEqual(view.ctypes.data, address)
            del view
        del buffer
        self.assertIsNone(batch_alive())

    def test_views_give_the_same_as_their_copies(self):
        batch = np.random.default_rng(1).random((4, 20, 30, 3), np.float32)
        jpegs = Jpegs()
        for view in (batch[::2], batch[:, :, ::-1], batch[:, 2:12], batch.transpose(0, 3, 1, 2)):
            self.assertEqual(jpegs(view), jpegs(view.copy(order="C")))

    def test_read_only_batches(self):
        batch = solid(COLOURS)
        batch.flags.writeable = False
        self.assert_colours(Jpegs(order="RGB")(batch), COLOURS)

    def test_shapes_that_are_no_batch(self):
        jpegs = Jpegs()
        for shape in ((0, 4, 4, 3), (1, 0, 4, 3), (4, 4, 3), (1, 4, 4, 4), (1, 4, 3, 4), (3,), ()):
            with self.subTest(shape), self.assertRaises(ValueError) as caught:
                jpegs(np.zeros(shape, np.float32))
            # numpy makes an array of one number of a number.
            self.assertIn(str(shape or (1,)), str(caught.exception))

    def test_types_that_are_no_float_frames(self):
        jpegs = Jpegs()
        for dtype in ("u1", "f8", ">f4"):
            with self.subTest(dtype), self.assertRaises(ValueError) as caught:
                jpegs(np.zeros((1, 4, 4, 3), dtype))
            self.assertIn(str(np.dtype(dtype)), str(caught.exception))

    def test_an_error_of_the_pipeline_is_an_exception_and_the_next_batch_works(self):
        jpegs = Jpegs(order="RGB")
        with self.assertRaises(RuntimeError) as caught:
            jpegs(np.zeros((1, 1, 16385, 3), np.float32))
        self.assertRegex(str(caught.exception), r"^lipsyncframes\d+: .*16385")
        self.assert_colours(jpegs(solid(COLOURS)), COLOURS)

    def test_a_pipeline_that_stands_still_is_an_exception(self):
        jpegs = Jpegs(order="RGB")
        patience, numpy_frames.TIMEOUT = numpy_frames.TIMEOUT, 0.2
        try:
            jpegs.pipeline.set_state(Gst.State.PAUSED)
            with self.assertRaisesRegex(TimeoutError, "0.2 seconds"):
                jpegs(solid(COLOURS))
        finally:
            numpy_frames.TIMEOUT = patience
        # Nothing is left of what was interrupted.
        self.assert_colours(jpegs(solid(COLOURS[3:])), COLOURS[3:])

    def test_options_that_do_not_exist(self):
        with self.assertRaises(RuntimeError):
            Jpegs(range="percent")
        for quality in (-1, 101, 999, 74.5, "good", None):
            with self.subTest(quality), self.assertRaises(ValueError) as caught:
                Jpegs(quality=quality)
            self.assertIn(repr(quality), str(caught.exception))
        for quality in (0, 100):
            Jpegs(quality=quality)

    def run_program(self, *args):
        return subprocess.run(
            [sys.executable, PROGRAM, *args], capture_output=True, text=True, timeout=60
        )

    def test_the_program(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            np.save(folder / "batch.npy", solid([c[::-1] for c in COLOURS]))
            run = self.run_program(folder / "batch.npy", "--output", folder / "out/jpegs")
            self.assertEqual(run.returncode, 0, run)
            files = sorted((folder / "out/jpegs").iterdir())
            self.assertEqual([file.name for file in files], [f"{n:05}.jpg" for n in range(1, 6)])
            self.assert_colours([file.read_bytes() for file in files], COLOURS)

            np.save(folder / "grey.npy", np.zeros((2, 4, 4, 1), np.float32))
            for bad, message in (("grey.npy", "(2, 4, 4, 1)"), ("no.npy", "no.npy")):
                run = self.run_program(folder / bad, "--output", folder / "none")
                self.assertEqual(run.returncode, 1, run)
                self.assertRegex(run.stderr, "^numpy_frames: ")
                self.assertIn(message, run.stderr)
                self.assertFalse((folder / "none").exists())

    def test_the_program_without_a_batch_and_its_help(self):
        with tempfile.TemporaryDirectory() as folder:
            run = self.run_program("--output", folder)
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            self.assertEqual(len(list(pathlib.Path(folder).iterdir())), 25)
        run = self.run_program("--help")
        self.assertEqual(run.returncode, 0)
        self.assertIn("--output", run.stdout)


if __name__ == "__main__":
    unittest.main()
