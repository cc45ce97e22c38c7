//! Every element through every order of states, alone and in pipelines, at rest and in mid-stream: no
//! state is refused, nothing hangs, and no object is left.

#[path = "common/leaks.rs"]
mod leaks;
#[path = "common/patience.rs"]
mod patience;

use gst::State::{Null, Paused, Playing, Ready};
use gst::glib;
use gst::prelude::*;

const ELEMENTS: [&str; 3] = [
    "lipsyncframes",
    "floatvideoparse width=4 height=2",
    "videotofloat",
];

/// With every element, pushed to and pulled from; their sources never end.
const PIPELINES: [&str; 3] = [
    "videotestsrc ! video/x-raw,width=16,height=8 ! videotofloat ! lipsyncframes n-threads=2 \
     ! fakesink sync=false",
    "fakesrc sizetype=fixed sizemax=1000 ! floatvideoparse width=4 height=2 ! lipsyncframes \
     ! fakesink sync=false",
    "filesrc location=/dev/zero ! floatvideoparse width=64 height=64 frames-per-buffer=5 \
     ! queue ! lipsyncframes ! fakesink sync=false",
];

/// Every order of four states: each change comes after each other.
fn orders() -> Vec<[gst::State; 4]> {
    let states = [Null, Ready, Paused, Playing];
    let n_orders = states.len().pow(4);
    (0..n_orders)
        .map(|number| std::array::from_fn(|place| states[number >> (2 * place) & 3]))
        .collect()
}

/// `is_waited_for`: each state is reached before the next is asked for.
fn go_through(element: &gst::Element, order: &[gst::State], is_waited_for: bool) {
    for &state in order {
        let result = element.set_state(state);
        assert!(result.is_ok(), "{state:?} in {order:?}");
        if is_waited_for {
            let (result, reached, _) = element.state(patience::clock_time());
            assert!(result.is_ok(), "{state:?} in {order:?}");
            assert_eq!(reached, state, "in {order:?}");
        }
    }
    element.set_state(Null).unwrap();
}

fn in_every_order() {
    gst::init().unwrap();
    gstlipsyncframes::plugin_register_static().unwrap();
    glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING);
    leaks::watch();
    for description in ELEMENTS {
        let element = gst::parse::launch(description).unwrap();
        for order in orders() {
            go_through(&element, &order, true);
        }
        // Made, and dropped at once
        gst::parse::launch(description).unwrap();
    }
    for description in PIPELINES {
        let pipeline = gst::parse::launch(description).unwrap();
        for (number, order) in orders().into_iter().enumerate() {
            go_through(&pipeline, &order, number % 2 == 0);
        }
        let error = pipeline
            .bus()
            .unwrap()
            .pop_filtered(&[gst::MessageType::Error]);
        assert!(error.is_none(), "{description}: {error:?}");
    }
    assert_eq!(leaks::objects_left(), [""; 0]);
}

#[test]
fn every_order_of_states_leaves_no_object() {
    patience::within("an end of all orders", in_every_order);
}
