//! What can be set, apart from any command line.

use std::time::Duration;

/// How a media server works. All parts have defaults.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// How much there may be of everything
    pub limits: Limits,
    /// How a stream works unless whoever starts it says otherwise
    pub stream: StreamConfig,
    /// Who may do what over HTTP, and how long they may take
    pub http: HttpConfig,
    /// What makes pictures of frames
    pub encoding: Encoding,
}

/// What makes pictures of frames.
#[derive(Debug, Clone)]
pub struct Encoding {
    /// Elements that make one JPEG of every frame, as gst-launch-1.0 would take them
    pub encoder: String,
    /// Most threads to convert a frame on; 0: one per core, at most 16. With more streams than cores, 1 is
    /// best.
    pub threads: u32,
}

/// How much there may be of everything.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Batches that are converted at the same time for `/convert`
    pub converters: usize,
    /// Streams at a time
    pub streams: usize,
    /// Viewers at a time, of all streams
    pub viewers: usize,
    /// Connections at a time; others wait to be accepted
    pub connections: usize,
    /// Frames of a stream that are accepted and not shown yet, of an idle loop, and of a batch for
    /// `/convert`
    pub queued: usize,
    /// Bytes of the body of a post
    pub body: u64,
    /// Bytes of a frame
    pub frame: u64,
    /// Bytes of all float frames that are being received and converted, of all streams
    pub memory: u64,
    /// How long a post waits for room
    pub queue_wait: Duration,
    /// How long a stream that nobody made by `PUT` may be without a post before it is ended
    pub idle: Duration,
}

/// How a stream works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamConfig {
    /// Width of its pictures; that of its frames where nothing is said
    pub width: Option<u32>,
    /// Height of its pictures; that of its frames where nothing is said
    pub height: Option<u32>,
    /// What is done where frames have another shape than pictures
    pub fit: Fit,
    /// How much later than at its time a frame is shown at most: one that would be later is skipped, unless
    /// it is the newest. `None`: all frames are shown.
    pub max_lag: Option<Duration>,
    /// Frames that are late are shown for a shorter time, by so many percent in speed, until they are in time
    /// again
    pub catch_up: f64,
}

/// How a frame of one shape fills a picture of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Stretched
    Stretch,
    /// Whole, with black borders
    Borders,
}

/// Who may do what over HTTP, and how long they may take.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Secret that posting, converting and deleting ask for. Without one, everybody on this machine may do
    /// everything, and nobody else anything.
    pub token: Option<String>,
    /// Secret that viewing asks for; `token` opens it, too. Without this one, only `token` does.
    pub view_token: Option<String>,
    /// Where this server and others like it are reached together, `http://HOST[:PORT][/PATH]`. A stream that
    /// has viewers and nothing to show asks there whether its posts go to another server now, and then ends.
    pub balancer: Option<String>,
    /// How long a client may take for the head of a request, for a frame, and to read its answer
    pub client_timeout: Duration,
    /// How long a connection is kept open between two requests
    pub keep_alive: Duration,
}

const MIB: u64 = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            converters: 4,
            streams: 64,
            viewers: 5000,
            connections: 6000,
            queued: 250,
            body: 256 * MIB,
            frame: 32 * MIB,
            memory: 1024 * MIB,
            queue_wait: Duration::from_secs(5),
            idle: Duration::from_secs(60),
        }
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            width: None,
            height: None,
            fit: Fit::Stretch,
            max_lag: None,
            catch_up: 0.0,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            token: None,
            view_token: None,
            balancer: None,
            client_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
        }
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            encoder: "jpegenc quality=75 idct-method=islow".into(),
            threads: 1,
        }
    }
}
