/* A program that has the plugin inside: nothing of it need be installed where this runs.
 *
 *   cc static_plugin.c $(pkg-config --cflags --libs --static gstlipsyncframes)
 *   ./a.out frame-%05d.jpg
 *
 * makes 25 JPEGs of a test picture. */

#include <gst/gst.h>

GST_PLUGIN_STATIC_DECLARE (lipsyncframes);

#define PIPELINE \
  "videotestsrc num-buffers=25 ! videotofloat ! lipsyncframes" \
  " ! jpegenc idct-method=islow ! multifilesink name=sink"

int
main (int argc, char **argv)
{
  GstElement *pipeline, *sink;
  GstMessage *message;
  GError *error = NULL;

  gst_init (&argc, &argv);
  if (argc != 2) {
    g_printerr ("Usage: %s LOCATION, for example frame-%%05d.jpg\n", argv[0]);
    return 2;
  }
  GST_PLUGIN_STATIC_REGISTER (lipsyncframes);

  pipeline = gst_parse_launch (PIPELINE, &error);
  if (error != NULL) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_object_set (sink, "location", argv[1], NULL);
  gst_object_unref (sink);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
      GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s: %s\n", GST_OBJECT_NAME (message->src), error->message);
  }
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  return error == NULL ? 0 : 1;
}
