//! What the element's properties say.

use crate::media::float_video::LipSyncFramesRange;
use crate::media::tensors::Reading;
use gst::glib;
use lipsyncframes_pixel::{ChannelOrder, Layout, pool};

/// The values of the properties that can be set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Settings {
    pub range: LipSyncFramesRange,
    pub add_borders: bool,
    pub n_threads: u32,
    pub layout: LipSyncFramesLayout,
    pub channel_order: LipSyncFramesChannelOrder,
}

impl Settings {
    pub fn reading(&self) -> Reading {
        Reading {
            layout: self.layout.into(),
            order: self.channel_order.into(),
        }
    }

    /// Most threads to convert a frame on.
    pub fn threads(&self) -> usize {
        pool::threads(self.n_threads)
    }
}

/// The layout of tensors: the element's `layout` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstLipSyncFramesLayout")]
#[repr(i32)]
#[non_exhaustive]
pub enum LipSyncFramesLayout {
    /// `auto`: what the dimensions fit, interleaved where they fit both
    #[default]
    #[enum_value(
        name = "As the dimensions say, interleaved where they fit both",
        nick = "auto"
    )]
    Auto = 0,
    /// `interleaved`: H x W x C, `dimensions` of `3:WIDTH:HEIGHT[:FRAMES]`
    #[enum_value(name = "3:WIDTH:HEIGHT[:FRAMES]", nick = "interleaved")]
    Interleaved = 1,
    /// `planar`: C x H x W, `dimensions` of `WIDTH:HEIGHT:3[:FRAMES]`
    #[enum_value(name = "WIDTH:HEIGHT:3[:FRAMES]", nick = "planar")]
    Planar = 2,
}

impl From<LipSyncFramesLayout> for Option<Layout> {
    fn from(layout: LipSyncFramesLayout) -> Self {
        match layout {
            LipSyncFramesLayout::Auto => None,
            LipSyncFramesLayout::Interleaved => Some(Layout::Interleaved),
            LipSyncFramesLayout::Planar => Some(Layout::Planar),
        }
    }
}

/// The order of the channels of tensors: the element's `channel-order` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstLipSyncFramesChannelOrder")]
#[repr(i32)]
#[non_exhaustive]
pub enum LipSyncFramesChannelOrder {
    /// `bgr`: blue first, as OpenCV has it
    #[default]
    #[enum_value(name = "Blue, green, red", nick = "bgr")]
    Bgr = 0,
    /// `rgb`: red first
    #[enum_value(name = "Red, green, blue", nick = "rgb")]
    Rgb = 1,
}

impl From<LipSyncFramesChannelOrder> for ChannelOrder {
    fn from(order: LipSyncFramesChannelOrder) -> Self {
        match order {
            LipSyncFramesChannelOrder::Bgr => Self::Bgr,
            LipSyncFramesChannelOrder::Rgb => Self::Rgb,
        }
    }
}
