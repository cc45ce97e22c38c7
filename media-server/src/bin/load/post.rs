//! Clients that post batches of numbered frames, as a network would emit them.

use crate::client::{CLOSED, Client, Server};
use crate::frames::{FRAME_BYTES, NUMBER_BYTES, QUERY, number_rows, picture};
use axum::body::{Body, Bytes};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// What the pictures of all streams are made of, below their numbers.
pub struct Pictures {
    frames: Vec<Bytes>,
}

impl Pictures {
    pub fn new(count: usize) -> Self {
        Self {
            frames: (0..count).map(|phase| picture(phase).into()).collect(),
        }
    }

    pub fn get(&self, number: u64) -> &Bytes {
        &self.frames[number as usize % self.frames.len()]
    }

    /// `count` frames from `first` on, without copying what they have in common.
    pub fn batch(&self, first: u64, count: u64) -> Body {
        let mut pieces = Vec::new();
        for number in first..first + count {
            let rows = Bytes::from(number_rows(number));
            let picture = self.get(number);
            let plane = FRAME_BYTES / 3;
            for start in (0..FRAME_BYTES).step_by(plane) {
                pieces.push(rows.clone());
                pieces.push(picture.slice(start + NUMBER_BYTES..start + plane));
            }
        }
        Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)))
    }
}

/// How batches are posted.
#[derive(Clone, Copy)]
pub struct Schedule {
    pub batch: u64,
    pub framerate: u64,
    pub until: Instant,
    /// Whether the server may stop in between
    pub may_stop: bool,
}

/// What became of a stream's posts.
#[derive(Default)]
pub struct Posted {
    pub accepted: u64,
    /// How long each post took, to the answer
    pub durations: Vec<Duration>,
    /// Answers other than 200 that said to come again
    pub busy: u64,
    /// Whether the server said that it is stopping, or let no more posts in
    pub is_stopped: bool,
    pub problem: Option<String>,
}

/// Posts to a stream, a batch whenever the one before has been shown, from `begin` on.
pub async fn post_to(
    server: Server,
    name: String,
    pictures: Arc<Pictures>,
    begin: Instant,
    schedule: Schedule,
    total: Arc<AtomicU64>,
) -> Posted {
    let mut posted = Posted::default();
    let interval = Duration::from_secs_f64(schedule.batch as f64 / schedule.framerate as f64);
    let path = format!(
        "/streams/{name}/frames?{QUERY}&framerate={}",
        schedule.framerate
    );
    let mut due = begin;
    let outcome = async {
        let mut client = server.connect().await?;
        while due + interval <= schedule.until && !posted.is_stopped {
            sleep_until(due.into()).await;
            let began = Instant::now();
            let mut left = schedule.batch;
            while left > 0 && !posted.is_stopped {
                let answer = post(&mut client, &path, &pictures, posted.accepted, left).await?;
                posted.accepted += answer.accepted;
                total.fetch_add(answer.accepted, Ordering::Relaxed);
                left -= answer.accepted;
                posted.is_stopped = answer.is_stopping;
                if left > 0 && !posted.is_stopped {
                    posted.busy += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            posted.durations.push(began.elapsed());
            due += interval;
        }
        Ok::<_, String>(())
    };
    match outcome.await {
        Err(problem) if problem == CLOSED && schedule.may_stop => posted.is_stopped = true,
        outcome => posted.problem = outcome.err().map(|problem| format!("{name}: {problem}")),
    }
    posted
}

struct Answer {
    /// Fewer than were posted where the queue is full or the server is stopping
    accepted: u64,
    is_stopping: bool,
}

/// Posts once.
async fn post(
    client: &mut Client,
    path: &str,
    pictures: &Pictures,
    first: u64,
    count: u64,
) -> Result<Answer, String> {
    let length = FRAME_BYTES * count as usize;
    let (status, answer) = client
        .post(path, length, pictures.batch(first, count))
        .await?;
    let text = String::from_utf8_lossy(&answer);
    let accepted = serde_json::from_slice::<serde_json::Value>(&answer)
        .ok()
        .and_then(|answer| answer["accepted"].as_u64());
    match (status, accepted) {
        (200, Some(accepted)) if accepted == count => Ok(Answer {
            accepted,
            is_stopping: false,
        }),
        (503, accepted) => Ok(Answer {
            accepted: accepted.unwrap_or(0),
            is_stopping: text.contains("the server is stopping"),
        }),
        _ => Err(format!("status {status} for {count} frames: {text}")),
    }
}
