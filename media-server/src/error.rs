//! Why something is not done.

use std::fmt;

/// What kind of problem it is. `http/refusal.rs` says which HTTP status each has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Parameters or frames that make no sense
    Invalid,
    /// A body that ended before its end
    CutOff,
    /// No token, or a wrong one
    Unauthorized,
    /// Somebody who is not let in
    Forbidden,
    /// No such stream, path or picture
    NotFound,
    /// A method that is not there
    Method,
    /// A client that takes too long
    TooSlow,
    /// A stream that takes nothing, or not that
    Conflict,
    /// More bytes or frames than there may be
    TooLarge,
    /// A body of another content type, or compressed
    MediaType,
    /// More streams or viewers than there may be
    TooMany,
    /// No room now; come again
    Busy,
    /// The server is about to stop
    Stopping,
    /// What the one who asks cannot help
    Failed,
}

/// Why something is not done: what is wrong, what was expected, and what was there.
#[derive(Debug, Clone)]
pub struct Error {
    pub(crate) kind: ErrorKind,
    pub(crate) problem: String,
    pub(crate) expected: String,
    pub(crate) got: String,
    pub(crate) progress: Option<Progress>,
}

/// How far a post came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    /// Frames of it that were accepted
    pub accepted: u64,
    /// The number of the frame that the stream expects next
    pub next: u64,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        problem: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self {
            kind,
            problem: problem.into(),
            expected: expected.into(),
            got: got.to_string(),
            progress: None,
        }
    }

    pub(crate) fn invalid(
        problem: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self::new(ErrorKind::Invalid, problem, expected, got)
    }

    pub(crate) fn busy(
        problem: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self::new(ErrorKind::Busy, problem, expected, got)
    }

    pub(crate) fn stopping() -> Self {
        Self::new(
            ErrorKind::Stopping,
            "the server is stopping",
            "a request after it has started again",
            "one while it stops",
        )
    }

    pub(crate) fn no_stream(name: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            "there is no such stream",
            "the name of a stream that somebody has made or posted frames to, as GET /streams lists them",
            name,
        )
    }

    pub(crate) fn conflict(
        problem: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self::new(ErrorKind::Conflict, problem, expected, got)
    }

    pub(crate) fn failed(problem: impl Into<String>) -> Self {
        Self::new(
            ErrorKind::Failed,
            problem,
            "a pipeline that works",
            "one that does not",
        )
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Frames that were accepted before, and are shown: they need not be sent again.
    pub fn accepted(&self) -> u64 {
        self.progress.map_or(0, |progress| progress.accepted)
    }

    /// The same, where it is because the server is stopping.
    pub(crate) fn while_stopping(self) -> Self {
        Self {
            progress: self.progress,
            ..Self::stopping()
        }
    }

    pub(crate) fn after(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, got {}",
            self.problem, self.expected, self.got
        )
    }
}

impl std::error::Error for Error {}
