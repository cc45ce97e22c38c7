//! Tells the plugin which commit it was built from, and when.

fn main() {
    gst_plugin_version_helper::info()
}
