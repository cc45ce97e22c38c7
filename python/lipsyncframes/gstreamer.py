"""The GStreamer plugin that the wheel carries: the elements lipsyncframes, floatvideoparse and videotofloat.

    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
    import lipsyncframes.gstreamer

    Gst.init(None)
    lipsyncframes.gstreamer.register()

For gst-launch-1.0: GST_PLUGIN_PATH=$(python3 -m lipsyncframes.gstreamer)

It needs GStreamer 1.22 or newer, and PyGObject. On Debian: apt install python3-gst-1.0, and for a virtual environment
python3 -m venv --system-site-packages. Import torch before GStreamer.
"""

from __future__ import annotations

import logging
import os
import pathlib

NAME = "lipsyncframes"
logger = logging.getLogger(__name__)


def plugin_path() -> str:
    """Path of the plugin's file. Its folder is what GST_PLUGIN_PATH takes."""
    path = pathlib.Path(__file__).parent / "gstreamer-1.0" / "libgstlipsyncframes.so"
    if not path.exists():
        raise FileNotFoundError(f"{path}: this package was built without the plugin: see scripts/wheel")
    return str(path)


def register() -> None:
    """Makes the plugin's elements known to this process. Call it after Gst.init().

    Where the machine has a plugin of that name, too, the newer one is used, and a log line says so.
    """
    try:
        import gi

        gi.require_version("Gst", "1.0")
        from gi.repository import Gst
    except (ImportError, ValueError) as error:
        raise ImportError(
            "GStreamer for Python is missing: apt install python3-gst-1.0, and in a virtual environment"
            " python3 -m venv --system-site-packages"
        ) from error
    if not Gst.is_initialized():
        raise RuntimeError("GStreamer is not initialized: call Gst.init(None) first")
    installed = Gst.Registry.get().find_plugin(NAME)
    if installed is None:
        Gst.Plugin.load_file(plugin_path())
        return
    found = installed.get_filename()
    if os.path.samefile(found, plugin_path()):
        return
    is_newer = _version(_own_version()) > _version(installed.get_version())
    # Where an element of the other one has been made, that one stays.
    used = Gst.Plugin.load_file(plugin_path()).get_filename() if is_newer else found
    if is_newer and used == found:
        logger.warning("%s is in use already, not the newer %s: call register() before elements are made", found, plugin_path())
    else:
        other = found if is_newer else plugin_path()
        logger.warning("two plugins %s: %s is used, not the %s %s", NAME, used, "older" if is_newer else "older or same", other)


def _own_version() -> str:
    from importlib.metadata import version

    return version("lipsyncframes")


def _version(version: str) -> list[int]:
    """For comparison: of 0.2.0-abc, 0, 2 and 0."""
    return [int(number) for number in version.split("-")[0].split("+")[0].split(".")[:3]]


if __name__ == "__main__":
    print(pathlib.Path(plugin_path()).parent)
