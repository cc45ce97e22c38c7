/* The element as C programs see it, tested with GStreamer's own means: gst-check and GstHarness.
 *
 * "meson test -C build" runs it. What the element does in detail is tested in Rust. */

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT_CAPS \
  "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=25/1"
/* Three 32-bit floats for each pixel. */
#define FRAME_SIZE (4 * 2 * 3 * 4)

/* A buffer full of 1.0, which is white. It begins at PTS 0, like a stream that has just begun. */
static GstBuffer *
new_white_buffer (gsize size)
{
  /* Spelled out, because the element wants little-endian floats on any machine. */
  static const guint8 one[] = { 0x00, 0x00, 0x80, 0x3f };
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  gsize i;

  for (i = 0; i < size; i++)
    gst_buffer_memset (buffer, i, one[i % sizeof (one)], 1);
  GST_BUFFER_PTS (buffer) = 0;
  return buffer;
}

/* Fails unless the first `size` bytes from `offset` are all `value`. */
static void
assert_bytes (GstBuffer * buffer, gsize offset, gsize size, guint8 value)
{
  guint8 *expected = g_malloc (size);

  memset (expected, value, size);
  fail_unless_equals_int (gst_buffer_memcmp (buffer, offset, expected, size),
      0);
  g_free (expected);
}

static void
assert_output_caps (GstHarness * h, const gchar * expected)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);
  GstCaps *expected_caps = gst_caps_from_string (expected);
  gchar *description;

  fail_unless (caps != NULL);
  /* Check prints with printf(), which knows nothing of GST_PTR_FORMAT. */
  description = gst_caps_to_string (caps);
  /* A subset, not equal: it may say more than what the test is about. */
  fail_unless (gst_caps_is_subset (caps, expected_caps),
      "expected %s, got %s", expected, description);
  g_free (description);
  gst_caps_unref (expected_caps);
  gst_caps_unref (caps);
}

GST_START_TEST (test_properties)
{
  GstElement *element = gst_element_factory_make ("lipsyncframes", NULL);
  GstStructure *stats;
  gboolean add_borders;
  guint n_threads;
  gint range;

  /* NULL where the plugin is not found, with the reason in GST_DEBUG=GST_PLUGIN_LOADING:5. */
  fail_unless (element != NULL);

  g_object_get (element, "range", &range, "add-borders", &add_borders,
      "n-threads", &n_threads, "stats", &stats, NULL);
  fail_unless_equals_int (range, 0);
  fail_unless_equals_int (add_borders, FALSE);
  fail_unless_equals_int (n_threads, 0);
  fail_unless (gst_structure_has_field (stats, "frames"));
  gst_structure_free (stats);

  /* Sets an enum by the name that it has in gst-launch-1.0, without a header of the plugin. */
  gst_util_set_object_arg (G_OBJECT (element), "range", "signed-unit");
  g_object_get (element, "range", &range, NULL);
  fail_unless_equals_int (range, 1);

  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (test_states)
{
  GstElement *element = gst_element_factory_make ("lipsyncframes", NULL);
  gint i;

  for (i = 0; i < 3; i++) {
    ASSERT_SET_STATE (element, GST_STATE_PLAYING, GST_STATE_CHANGE_SUCCESS);
    ASSERT_SET_STATE (element, GST_STATE_NULL, GST_STATE_CHANGE_SUCCESS);
  }
  /* Nothing that the element started may keep it alive. */
  ASSERT_OBJECT_REFCOUNT (element, "element", 1);
  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (test_rgba_by_default)
{
  GstHarness *h = gst_harness_new ("lipsyncframes");

  gst_harness_set_src_caps_str (h, INPUT_CAPS);
  fail_unless_equals_int (gst_harness_push (h, new_white_buffer (FRAME_SIZE)),
      GST_FLOW_OK);
  /* Twice as wide as high goes in, and is to be shown so again. */
  assert_output_caps (h, "video/x-raw,format=RGBA,width=320,height=320,"
      "framerate=25/1,pixel-aspect-ratio=2/1");
  gst_harness_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_i420_where_rgba_is_refused)
{
  GstHarness *h = gst_harness_new ("lipsyncframes");
  GstBuffer *buffer;
  const gsize pixels = 320 * 320;

  /* What downstream takes: to be said before the input caps, which start the negotiation. */
  gst_harness_set_sink_caps_str (h, "video/x-raw,format={NV12,I420,BGR}");
  gst_harness_set_src_caps_str (h, INPUT_CAPS);
  buffer = gst_harness_push_and_pull (h, new_white_buffer (FRAME_SIZE));
  fail_unless (buffer != NULL);
  assert_output_caps (h, "video/x-raw,format=I420,width=320,height=320,"
      "colorimetry=1:4:0:0,chroma-site=jpeg");

  /* Full range, or white would be 235. */
  fail_unless_equals_int (gst_buffer_get_size (buffer), pixels * 3 / 2);
  assert_bytes (buffer, 0, pixels, 255);
  assert_bytes (buffer, pixels, pixels / 2, 128);

  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_batch)
{
  GstHarness *h = gst_harness_new ("lipsyncframes");
  GstStructure *stats;
  guint64 frames, batches;
  guint i;

  gst_harness_set_src_caps_str (h, INPUT_CAPS);
  fail_unless_equals_int (gst_harness_push (h,
          new_white_buffer (3 * FRAME_SIZE)), GST_FLOW_OK);

  /* All have been pushed by now, so there is nothing to wait for. gst_harness_pull() would wait a
   * minute for a frame that is missing. */
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 3);
  for (i = 0; i < 3; i++) {
    GstBuffer *buffer = gst_harness_pull (h);

    fail_unless_equals_clocktime (GST_BUFFER_PTS (buffer), i * 40 * GST_MSECOND);
    fail_unless_equals_clocktime (GST_BUFFER_DURATION (buffer),
        40 * GST_MSECOND);
    fail_unless_equals_int (gst_buffer_get_size (buffer), 320 * 320 * 4);
    assert_bytes (buffer, 0, 320 * 320 * 4, 255);
    gst_buffer_unref (buffer);
  }

  g_object_get (h->element, "stats", &stats, NULL);
  fail_unless (gst_structure_get (stats, "frames", G_TYPE_UINT64, &frames,
          "batches", G_TYPE_UINT64, &batches, NULL));
  fail_unless_equals_uint64 (frames, 3);
  fail_unless_equals_uint64 (batches, 1);
  gst_structure_free (stats);

  gst_harness_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_incomplete_frame_is_an_error)
{
  GstHarness *h = gst_harness_new ("lipsyncframes");
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL;

  /* A pipeline would do this for its elements; a harness has none. */
  gst_element_set_bus (h->element, bus);
  gst_harness_set_src_caps_str (h, INPUT_CAPS);

  fail_unless_equals_int (gst_harness_push (h,
          new_white_buffer (FRAME_SIZE - 1)), GST_FLOW_ERROR);
  fail_unless_equals_int (gst_harness_buffers_in_queue (h), 0);

  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  fail_unless (message != NULL);
  gst_message_parse_error (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_STREAM_ERROR,
          GST_STREAM_ERROR_FORMAT));
  /* What came, and what would have been right. */
  fail_unless (strstr (error->message, "95 bytes"), "%s", error->message);
  fail_unless (strstr (error->message, "96 bytes"), "%s", error->message);
  g_error_free (error);
  gst_message_unref (message);

  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
}

GST_END_TEST;

/* Pushes a white frame that is worth the threads of the pool, and tells whether a white one comes back. */
static gboolean
converts (GstHarness * h, gsize size, gsize expected_size)
{
  GstBuffer *buffer = NULL;
  gboolean is_white;

  if (gst_harness_push (h, new_white_buffer (size)) == GST_FLOW_OK)
    buffer = gst_harness_try_pull (h);
  if (!buffer)
    return FALSE;
  is_white = gst_buffer_get_size (buffer) == expected_size
      && gst_buffer_memcmp (buffer, expected_size - 4, "\xff\xff\xff\xff", 4) == 0;
  gst_buffer_unref (buffer);
  return is_white;
}

static GstHarness *
new_large_harness (void)
{
  GstHarness *h = gst_harness_new_parse ("lipsyncframes n-threads=4");

  gst_harness_set_src_caps_str (h,
      "video/x-float,format=BGR_F32LE,width=320,height=320,framerate=25/1");
  return h;
}

#define LARGE_SIZE (320 * 320 * 3 * 4)
#define LARGE_OUTPUT_SIZE (320 * 320 * 4)

/* A child has none of the threads that its parent's pool has, and must not wait for them. */
static int
convert_in_child (GstHarness * inherited)
{
  GstHarness *h;

  alarm (20);
  if (!converts (inherited, LARGE_SIZE, LARGE_OUTPUT_SIZE))
    return 1;
  h = new_large_harness ();
  if (!converts (h, LARGE_SIZE, LARGE_OUTPUT_SIZE))
    return 2;
  gst_harness_teardown (h);
  gst_harness_teardown (inherited);

  h = gst_harness_new_parse ("videotofloat n-threads=4");
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=RGB,width=320,height=320,framerate=25/1");
  if (gst_harness_push (h, new_white_buffer (320 * 320 * 3)) != GST_FLOW_OK)
    return 3;
  gst_harness_teardown (h);
  return 0;
}

static int
fork_and_wait (int (*in_child) (GstHarness *), GstHarness * h)
{
  int status = -1;
  pid_t child = fork ();

  fail_unless (child >= 0);
  if (child == 0)
    _exit (in_child (h));
  fail_unless_equals_int (waitpid (child, &status, 0), child);
  return status;
}

static int
convert_in_grandchild (GstHarness * inherited)
{
  alarm (30);
  if (!converts (inherited, LARGE_SIZE, LARGE_OUTPUT_SIZE))
    return 1;
  return fork_and_wait (convert_in_child, inherited) == 0 ? 0 : 2;
}

GST_START_TEST (test_fork)
{
  GstHarness *h = new_large_harness ();

  fail_unless (converts (h, LARGE_SIZE, LARGE_OUTPUT_SIZE));
  fail_unless_equals_int (fork_and_wait (convert_in_child, h), 0);
  fail_unless_equals_int (fork_and_wait (convert_in_grandchild, h), 0);
  /* And the parent's pool is as it was. */
  fail_unless (converts (h, LARGE_SIZE, LARGE_OUTPUT_SIZE));
  gst_harness_teardown (h);
}

GST_END_TEST;

static Suite *
lipsyncframes_suite (void)
{
  Suite *suite = suite_create ("lipsyncframes");
  TCase *tests = tcase_create ("general");

  suite_add_tcase (suite, tests);
  tcase_add_test (tests, test_properties);
  tcase_add_test (tests, test_states);
  tcase_add_test (tests, test_rgba_by_default);
  tcase_add_test (tests, test_i420_where_rgba_is_refused);
  tcase_add_test (tests, test_batch);
  tcase_add_test (tests, test_incomplete_frame_is_an_error);
  tcase_add_test (tests, test_fork);
  return suite;
}

GST_CHECK_MAIN (lipsyncframes);
