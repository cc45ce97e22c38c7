"""The plugin that the wheel carries. Run where GStreamer is for Python (Debian: python3-gst-1.0)."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from lipsyncframes import Frames, Jpegs, gstreamer


@pytest.fixture(autouse=True)
def gi(need):
    return need("gi")


# A process of its own, with a registry of its own: what is registered stays.
PROGRAM = """
import gi, sys
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp
import lipsyncframes.gstreamer, numpy as np
Gst.init(None)
lipsyncframes.gstreamer.register()
batch = np.load(sys.argv[1])
pipeline = Gst.parse_launch(sys.argv[2])
source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
source.set_caps(Gst.Caps.from_string(
    f"video/x-float,format=BGR_F32LE,width={batch.shape[2]},height={batch.shape[1]},framerate=25/1"))
pipeline.set_state(Gst.State.PLAYING)
source.push_buffer(Gst.Buffer.new_wrapped(batch.tobytes()))
source.end_of_stream()
for number in range(len(batch)):
    sample = sink.try_pull_sample(30 * Gst.SECOND)
    assert sample, pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    buffer = sample.get_buffer()
    open(f"{number}.out", "wb").write(buffer.extract_dup(0, buffer.get_size()))
pipeline.set_state(Gst.State.NULL)
print(Gst.ElementFactory.find("lipsyncframes").get_plugin().get_filename())
"""


def run(folder, description, environment=()):
    np.save(folder / "batch.npy", BATCH)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, "batch.npy", f"appsrc name=source format=time ! {description} ! appsink name=sink sync=false"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "GST_REGISTRY": str(folder / "registry.bin"), **dict(environment)},
    )
    assert result.returncode == 0, result.stderr
    pictures = [(folder / f"{number}.out").read_bytes() for number in range(len(BATCH))]
    return pictures, result.stdout.strip(), result.stderr


BATCH = np.random.default_rng(0).random((3, 36, 64, 3), np.float32)


def test_the_plugin_makes_the_same_frames(tmp_path):
    pictures, plugin, _ = run(tmp_path, "lipsyncframes ! video/x-raw,format=RGBA,width=32,height=24")
    assert pictures == [picture.tobytes() for picture in Frames(32, 24)(BATCH)]
    assert plugin == gstreamer.plugin_path()


@pytest.mark.parametrize("quality, method", [(75, "ifast"), (96, "islow")])
def test_the_plugin_makes_the_same_jpegs(quality, method, need, tmp_path):
    """simplejpeg has TurboJPEG choose the method, which it does by the quality."""
    simplejpeg = need("simplejpeg")
    description = f"lipsyncframes ! video/x-raw,width=64,height=48 ! jpegenc quality={quality} idct-method={method}"
    pictures, _, _ = run(tmp_path, description)
    for ours, plugins in zip(Jpegs(64, 48, quality=quality)(BATCH), pictures):
        np.testing.assert_array_equal(simplejpeg.decode_jpeg(ours), simplejpeg.decode_jpeg(plugins))


def test_of_two_plugins_one_is_used_and_named(tmp_path):
    """The same version in GStreamer's path, as Debian's package has it."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    copy = folder / "libgstlipsyncframes.so"
    copy.write_bytes(pathlib.Path(gstreamer.plugin_path()).read_bytes())
    _, plugin, log = run(tmp_path, "lipsyncframes", {"GST_PLUGIN_PATH": str(folder)})
    assert plugin == str(copy)
    assert f"two plugins lipsyncframes: {copy} is used" in log


def test_prints_its_folder_for_gst_plugin_path():
    result = subprocess.run([sys.executable, "-m", "lipsyncframes.gstreamer"], capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == str(pathlib.Path(gstreamer.plugin_path()).parent)
