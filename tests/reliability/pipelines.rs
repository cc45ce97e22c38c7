//! Pipelines as applications have them: an appsrc or a file, the elements, a sink.

use crate::case::{Case, Input, Random};
use crate::patience;
use crate::tally::Tally;
use gst::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};

/// A pipeline of which every frame that arrives is checked.
pub struct Checked {
    pipeline: gst::Pipeline,
    case: Arc<Case>,
    /// What arrives at the sink
    seen: Receiver<Result<u64, String>>,
    /// The frame that is sent next
    next: u64,
}

impl Checked {
    fn new(source: &str, case: Case, tally: &Arc<Tally>) -> Self {
        let Case {
            elements,
            downstream,
            ..
        } = &case;
        let pipeline = gst::parse::launch(&format!(
            "{source} ! {elements} ! {downstream} ! fakesink name=sink sync=false"
        ));
        let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
        let case = Arc::new(case);
        let (sender, seen) = mpsc::channel();
        let pad = pipeline
            .by_name("sink")
            .unwrap()
            .static_pad("sink")
            .unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, {
            let (case, tally) = (case.clone(), tally.clone());
            move |_, info| {
                let checked = case.check(info.buffer().unwrap());
                tally.count(&checked);
                // Nobody receives what comes while the pipeline is stopped.
                let _ = sender.send(checked);
                gst::PadProbeReturn::Ok
            }
        })
        .unwrap();
        Self {
            pipeline,
            case,
            seen,
            next: 0,
        }
    }

    fn of_appsrc(properties: &str, case: Case, tally: &Arc<Tally>) -> Self {
        let caps = case.upstream.as_ref().map(|caps| format!("caps={caps}"));
        let format = if caps.is_some() { "time" } else { "bytes" };
        let caps = caps.unwrap_or_default();
        let source = format!("appsrc name=source format={format} {properties} {caps}");
        Self::new(&source, case, tally)
    }

    /// A stream that goes on and on.
    pub fn stream(random: Random, tally: &Arc<Tally>) -> Self {
        let case = Case::random(random, 400);
        let stream = Self::of_appsrc("block=true max-buffers=2 max-bytes=0", case, tally);
        stream.set_state(gst::State::Playing);
        stream
    }

    /// Some frames of the stream, all of which must arrive, in their order. Now and then it is started
    /// anew then.
    pub fn round(&mut self, random: Random, tally: &Tally) {
        let elements = self.case.elements.clone();
        let first = self.next;
        let count = self.send(random, tally);
        for expected in first..first + u64::from(count) {
            let seen = self.seen.recv_timeout(patience::PATIENCE);
            assert_eq!(seen, Ok(Ok(expected)), "{elements}: {:?}", self.error());
        }
        if random(16) == 0 {
            if random(2) == 0 {
                self.source().end_of_stream().unwrap();
                self.wait_for_eos();
            }
            self.set_state([gst::State::Ready, gst::State::Null][random(2) as usize]);
            self.next = 0;
            self.set_state(gst::State::Playing);
        }
    }

    fn source(&self) -> gst_app::AppSrc {
        self.pipeline.by_name("source").unwrap().downcast().unwrap()
    }

    /// Sends frames. Where the source does not take them now, they are not sent.
    fn send(&mut self, random: Random, tally: &Tally) -> u32 {
        let count = self.case.some(random);
        for buffer in self.case.buffers(self.next, count, random) {
            if self.source().push_buffer(buffer).is_err() {
                return 0;
            }
        }
        tally.sent.fetch_add(count.into(), Ordering::Relaxed);
        self.next += u64::from(count);
        count
    }

    fn set_state(&self, state: gst::State) {
        let changed = self.pipeline.set_state(state);
        changed.unwrap_or_else(|_| {
            panic!(
                "no {state:?} for {}: {:?}",
                self.case.elements,
                self.error()
            )
        });
    }

    fn error(&self) -> Option<gst::Message> {
        self.pipeline
            .bus()
            .unwrap()
            .pop_filtered(&[gst::MessageType::Error])
    }

    fn wait_for_eos(&self) -> gst::Seqnum {
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let bus = self.pipeline.bus().unwrap();
        let message = bus.timed_pop_filtered(patience::clock_time(), &ends);
        let elements = &self.case.elements;
        let message = message.unwrap_or_else(|| panic!("no end of {elements}"));
        assert_eq!(
            message.type_(),
            gst::MessageType::Eos,
            "{elements}: {message:?}"
        );
        message.seqnum()
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A pipeline is made, and whatever an application can do to it is done, in any order, and it is dropped.
pub fn life_cycle(random: Random, tally: &Arc<Tally>) {
    let case = Case::random(random, 100);
    let mut checked = Checked::of_appsrc("max-bytes=100000000", case, tally);
    let mut is_started = false;
    for _ in 0..random(16) {
        match random(8) {
            state @ 0..4 => {
                use gst::State::{Null, Paused, Playing, Ready};
                let state = [Null, Ready, Paused, Playing][state as usize];
                let was_started = is_started;
                is_started = [Paused, Playing].contains(&state);
                // What is sent before the first start waits for it; what is not sent yet when it stops
                // never will be.
                if was_started && !is_started {
                    checked.next = 0;
                }
                checked.set_state(state);
            }
            4..6 => {
                checked.send(random, tally);
            }
            6 => {
                // Not where it is stopped, or has ended already.
                let _ = checked.source().end_of_stream();
            }
            _ => {
                let converter = checked
                    .pipeline
                    .iterate_all_by_element_factory_name("lipsyncframes");
                for converter in converter {
                    converter.unwrap().set_property("n-threads", random(5));
                }
            }
        }
    }
    if is_started && random(2) == 0 {
        // After all that it does what a new one does. GStreamer itself can miss that a pipeline is to
        // play, without any element of ours, where it is paused and played again while it is starting.
        checked.set_state(gst::State::Null);
        checked.next = 0;
        checked.seen.try_iter().for_each(drop);
        checked.set_state(gst::State::Playing);
        let count = checked.send(random, tally).into();
        checked.source().end_of_stream().unwrap();
        checked.wait_for_eos();
        let seen: Vec<_> = checked.seen.try_iter().collect();
        let expected: Vec<_> = (0..count).map(Ok).collect();
        assert_eq!(seen, expected, "{}", checked.case.elements);
    }
}

/// A file is played, and sought in from another thread.
pub fn seeks(random: Random, tally: &Arc<Tally>, file: &Path) {
    let case = loop {
        let case = Case::random(random, 60);
        if case.input == Input::Bytes {
            break case;
        }
    };
    let count = case.most / case.frames_per_buffer * case.frames_per_buffer;
    let mut bytes = Vec::new();
    for buffer in case.buffers(0, count, random) {
        bytes.extend_from_slice(&buffer.map_readable().unwrap());
    }
    std::fs::write(file, bytes).unwrap();
    let source = format!(
        "filesrc location=\"{}\" blocksize={}",
        file.display(),
        1 + random(100_000)
    );
    let checked = Checked::new(&source, case, tally);
    checked.set_state(gst::State::Paused);
    checked.pipeline.state(patience::clock_time()).0.unwrap();
    checked.set_state(gst::State::Playing);
    let seeks = (0..=random(8)).map(|_| {
        let seek = gst::event::Seek::builder(
            1.0,
            gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE,
            gst::SeekType::Set,
            u64::from(random(count)) * gst::ClockTime::from_mseconds(40),
            gst::SeekType::None,
            gst::ClockTime::NONE,
        );
        let seek = seek.build();
        let seqnum = seek.seqnum();
        assert!(checked.pipeline.send_event(seek));
        seqnum
    });
    let last = seeks.last().unwrap();
    // The end may have come before that, too. It can even have the last seek's number, which BaseParse takes
    // over before it stops what is being sent: then there is another end.
    let last_frame = Some(Ok(u64::from(count) - 1));
    let mut seen = None;
    while seen != last_frame {
        while checked.wait_for_eos() != last {}
        seen = checked.seen.try_iter().last();
    }
    tally.sent.fetch_add(count.into(), Ordering::Relaxed);
}
