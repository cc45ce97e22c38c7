//! Elements between two pads of the test's own, whose neighbours fail in every way that neighbours have.

use crate::case::{Case, Input, Random};
use crate::tally::Tally;
use gst::prelude::*;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What downstream does when a certain frame comes
type Reaction = Box<dyn FnOnce() -> Result<gst::FlowSuccess, gst::FlowError> + Send>;

struct Downstream {
    received: Vec<Result<u64, String>>,
    /// How many frames come before the one that it reacts to
    reaction: Option<(u32, Reaction)>,
    /// What it takes
    caps: gst::Caps,
}

struct Rig {
    case: Arc<Case>,
    elements: gst::Bin,
    bus: gst::Bus,
    source: gst::Pad,
    sink: gst::Pad,
    downstream: Arc<Mutex<Downstream>>,
    tally: Arc<Tally>,
    /// The frame that is sent next
    next: u64,
}

const FLOWS: [gst::FlowError; 4] = [
    gst::FlowError::Flushing,
    gst::FlowError::Eos,
    gst::FlowError::Error,
    gst::FlowError::NotNegotiated,
];

/// Some faults, one after the other, and after each what shows that the elements have got over it.
pub fn round(random: Random, tally: &Arc<Tally>) {
    let mut rig = Rig::new(Case::random(random, 100), tally);
    for _ in 0..1 + random(6) {
        tally.faults.fetch_add(1, Ordering::Relaxed);
        // A parser keeps what has not been taken, until it is flushed.
        let mut is_flushed = rig.case.input == Input::Bytes || random(2) == 0;
        match random(6) {
            0 | 1 => rig.downstream_returns(FLOWS[random(4) as usize], random),
            end @ (2 | 3) => {
                rig.a_flush(end == 2, random);
                is_flushed = true;
            }
            4 => rig.downstream_refuses(random),
            // Bytes have no caps, and no size that is wrong.
            _ if rig.case.input == Input::Bytes => rig.downstream_refuses(random),
            _ if random(2) == 0 => rig.a_wrong_size(random),
            _ => rig.refused_caps(random),
        }
        rig.goes_on(is_flushed, random);
        tally.recovered.fetch_add(1, Ordering::Relaxed);
    }
}

impl Rig {
    fn new(case: Case, tally: &Arc<Tally>) -> Self {
        let case = Arc::new(case);
        let elements = gst::parse::bin_from_description(&case.elements, true).unwrap();
        let bus = gst::Bus::new();
        elements.set_bus(Some(&bus));
        let downstream = Arc::new(Mutex::new(Downstream {
            caps: case.downstream.parse().unwrap(),
            received: Vec::new(),
            reaction: None,
        }));
        let sink = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function({
                let (case, tally, downstream) = (case.clone(), tally.clone(), downstream.clone());
                move |_, _, buffer| {
                    let checked = case.check(&buffer);
                    tally.count(&checked);
                    let mut downstream = downstream.lock().unwrap();
                    downstream.received.push(checked);
                    let reaction = match downstream.reaction.take() {
                        Some((0, reaction)) => reaction,
                        later => {
                            downstream.reaction = later.map(|(frames, then)| (frames - 1, then));
                            return Ok(gst::FlowSuccess::Ok);
                        }
                    };
                    drop(downstream);
                    reaction()
                }
            })
            .query_function({
                let downstream = downstream.clone();
                move |pad, parent, query| match query.view_mut() {
                    gst::QueryViewMut::Caps(query) => {
                        let caps = downstream.lock().unwrap().caps.clone();
                        query.set_result(&match query.filter() {
                            Some(filter) => caps.intersect(filter),
                            None => caps,
                        });
                        true
                    }
                    _ => gst::Pad::query_default(pad, parent, query),
                }
            })
            .build();
        let source = gst::Pad::builder(gst::PadDirection::Src).build();
        source.link(&elements.static_pad("sink").unwrap()).unwrap();
        elements.static_pad("src").unwrap().link(&sink).unwrap();
        source.set_active(true).unwrap();
        sink.set_active(true).unwrap();
        elements.set_state(gst::State::Playing).unwrap();
        source.push_event(gst::event::StreamStart::new("rig"));
        let mut rig = Self {
            case,
            elements,
            bus,
            source,
            sink,
            downstream,
            tally: tally.clone(),
            next: 0,
        };
        rig.send_caps();
        rig.send_segment();
        rig
    }

    fn send_caps(&self) {
        if let Some(caps) = &self.case.upstream {
            let caps: gst::Caps = caps.parse().unwrap();
            self.source.push_event(gst::event::Caps::new(&caps));
        }
    }

    fn send_segment(&mut self) {
        let event = if self.case.input == Input::Bytes {
            // Its timestamps start anew as well.
            self.next = 0;
            gst::event::Segment::new(&gst::FormattedSegment::<gst::format::Bytes>::new())
        } else {
            gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())
        };
        self.source.push_event(event);
    }

    /// Sends `count` frames, or as many as are taken. What comes of them comes in their order.
    fn send(&mut self, count: u32, random: Random) -> (Result<(), gst::FlowError>, usize) {
        self.tally.sent.fetch_add(count.into(), Ordering::Relaxed);
        let first = self.next;
        self.next += u64::from(count);
        let buffers = self.case.buffers(first, count, random);
        let result = buffers
            .into_iter()
            .try_for_each(|buffer| self.source.push(buffer).map(|_| ()));
        let received = std::mem::take(&mut self.downstream.lock().unwrap().received);
        let count = received.len();
        let expected: Vec<_> = (first..).take(count).map(Ok).collect();
        assert_eq!(received, expected, "{}", self.case.elements);
        (result, count)
    }

    /// Sends frames, to any of which but `spared` at the end downstream reacts. How many come until then,
    /// and what has come of it
    fn send_with(
        &mut self,
        reaction: Reaction,
        spared: u32,
        random: Random,
    ) -> (u32, Result<(), gst::FlowError>, usize) {
        let count = self.case.some(random);
        let before = random(count - spared);
        self.downstream.lock().unwrap().reaction = Some((before, reaction));
        let (result, received) = self.send(count, random);
        let is_over = self.downstream.lock().unwrap().reaction.is_none();
        assert!(
            is_over,
            "{}: {received} of {count}, {result:?}",
            self.case.elements
        );
        (before + 1, result, received)
    }

    fn downstream_returns(&mut self, error: gst::FlowError, random: Random) {
        let (expected, result, received) = self.send_with(Box::new(move || Err(error)), 0, random);
        assert_eq!(
            (result, received),
            (Err(error), expected as usize),
            "{}",
            self.case.elements
        );
    }

    /// A flush comes from upstream in mid-batch, or begins downstream, on the streaming thread or on
    /// another one.
    fn a_flush(&mut self, is_from_upstream: bool, random: Random) {
        let pad = match is_from_upstream {
            true => self.elements.static_pad("sink").unwrap(),
            false => self.sink.clone(),
        };
        let elsewhere: Arc<Mutex<Option<JoinHandle<bool>>>> = Arc::default();
        let reaction: Reaction = if random(2) == 0 {
            let pad = pad.clone();
            Box::new(move || {
                pad.send_event(gst::event::FlushStart::new());
                Ok(gst::FlowSuccess::Ok)
            })
        } else {
            let (pad, elsewhere) = (pad.clone(), elsewhere.clone());
            Box::new(move || {
                let flush =
                    std::thread::spawn(move || pad.send_event(gst::event::FlushStart::new()));
                *elsewhere.lock().unwrap() = Some(flush);
                Ok(gst::FlowSuccess::Ok)
            })
        };
        let (least, result, received) = self.send_with(reaction, 1, random);
        let elsewhere = elsewhere.lock().unwrap().take();
        let is_later = elsewhere.map(|flush| flush.join().unwrap()).is_some();
        if !is_later {
            assert_eq!(received, least as usize, "{}", self.case.elements);
            // BaseParse leaves it to the next buffer to find out.
            let is_known = result == Err(gst::FlowError::Flushing);
            assert!(is_known || self.case.input == Input::Bytes, "{result:?}");
        }
        pad.send_event(gst::event::FlushStop::new(true));
    }

    /// Downstream wants what cannot be made.
    fn downstream_refuses(&mut self, random: Random) {
        let (downstream, sink) = (self.downstream.clone(), self.sink.clone());
        let reaction = Box::new(move || {
            downstream.lock().unwrap().caps = gst::Caps::builder("video/x-raw")
                .field("format", "GRAY8")
                .build();
            sink.push_event(gst::event::Reconfigure::new());
            Ok(gst::FlowSuccess::Ok)
        });
        let (expected, result, received) = self.send_with(reaction, 1, random);
        assert_eq!(
            (result, received),
            (Err(gst::FlowError::NotNegotiated), expected as usize),
            "{}",
            self.case.elements
        );
        self.assert_error("GRAY8");
        self.downstream.lock().unwrap().caps = self.case.downstream.parse().unwrap();
        self.sink.push_event(gst::event::Reconfigure::new());
    }

    fn a_wrong_size(&mut self, random: Random) {
        let buffers = self.case.buffers(self.next, 2, random);
        let bytes = buffers[0].size() - 1 - random(self.case.frame_bytes as u32 - 1) as usize;
        let cut = buffers[0].copy_region(gst::BufferCopyFlags::MEMORY, ..bytes);
        let result = self.source.push(cut.unwrap());
        assert_eq!(result, Err(gst::FlowError::Error), "{}", self.case.elements);
        self.assert_error(&format!("{bytes} bytes"));
    }

    fn refused_caps(&mut self, random: Random) {
        let caps: gst::Caps = self.case.upstream.as_ref().unwrap().parse().unwrap();
        let mut refused = caps.copy();
        refused
            .get_mut()
            .unwrap()
            .structure_mut(0)
            .unwrap()
            .remove_field("height");
        self.source.push_event(gst::event::Caps::new(&refused));
        let buffers = self.case.buffers(self.next, 2, random);
        let result = self.source.push(buffers[0].clone());
        assert_eq!(
            result,
            Err(gst::FlowError::NotNegotiated),
            "{}",
            self.case.elements
        );
        self.send_caps();
    }

    /// There is one error, which contains `text`.
    fn assert_error(&self, text: &str) {
        let messages: Vec<_> = self.errors();
        assert_eq!(messages.len(), 1, "{}: {messages:?}", self.case.elements);
        assert!(messages[0].contains(text), "{messages:?}");
    }

    fn errors(&self) -> Vec<String> {
        std::iter::from_fn(|| self.bus.pop_filtered(&[gst::MessageType::Error]))
            .map(|message| match message.view() {
                gst::MessageView::Error(error) => error.error().to_string(),
                _ => unreachable!("filtered"),
            })
            .collect()
    }

    /// All frames come again, at once or after a flush.
    fn goes_on(&mut self, is_flushed: bool, random: Random) {
        if is_flushed {
            self.source.push_event(gst::event::FlushStart::new());
            self.source.push_event(gst::event::FlushStop::new(true));
            self.send_segment();
        }
        self.errors();
        let count = self.case.some(random);
        let sent = self.send(count, random);
        assert_eq!(sent, (Ok(()), count as usize), "{}", self.case.elements);
        assert_eq!(self.errors(), [""; 0], "{}", self.case.elements);
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.elements.set_state(gst::State::Null);
        self.elements.set_bus(None);
    }
}
