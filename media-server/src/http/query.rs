//! The parameters of a request.

use crate::config::{Fit, StreamConfig};
use crate::error::{Error, ErrorKind};
use crate::frame_kind::FrameKind;
use axum::http::Uri;
use gstlipsyncframes::media::float_video::{self, FloatVideoInfo, LipSyncFramesRange};
use gstlipsyncframes::pixel::{FloatFormat, MAX_SIZE};
use std::time::Duration;

/// What frames are.
pub const FRAMES: &[&str] = &["format", "width", "height", "framerate", "range", "frames"];
/// How a stream works.
pub const STREAM: &[&str] = &["out_width", "out_height", "fit", "max_lag", "catch_up"];

/// The most seconds that make sense anywhere.
const LONGEST: f64 = 86_400.0 * 365.0;

/// Larger numbers lose their last digits in JavaScript and other readers of JSON.
const LARGEST_NUMBER: u64 = 1 << 53;

/// The parameters of a request, each at most once.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of `uri`, which may have these parameters.
    pub fn read(uri: &Uri, allowed: &[&[&str]]) -> Result<Self, Error> {
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Error::invalid(error.body_text(), "a query", uri))?;
        let parameters = query.0;
        for (index, (name, _)) in parameters.iter().enumerate() {
            if !allowed.concat().contains(&name.as_str()) {
                let expected = match allowed.concat() {
                    names if names.is_empty() => "none".into(),
                    names => names.join(", "),
                };
                return Err(Error::invalid(
                    "the query has an unknown parameter",
                    expected,
                    name,
                ));
            }
            if parameters[..index].iter().any(|(other, _)| other == name) {
                return Err(Error::invalid(
                    "the query has a parameter twice",
                    format!("{name} once"),
                    uri,
                ));
            }
        }
        Ok(Self(parameters))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the parameter `name` is `true`.
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            other => Err(wrong(name, "true or false", other)),
        }
    }

    /// The parameter `name` in seconds.
    pub fn seconds(&self, name: &str) -> Result<Option<Duration>, Error> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let seconds = text.parse().unwrap_or(f64::NAN);
        if (0.0..=LONGEST).contains(&seconds) {
            Ok(Some(Duration::from_secs_f64(seconds)))
        } else {
            Err(wrong(name, "seconds, such as 0.2", Some(text)))
        }
    }

    /// What the frames are, none of them larger than `most` bytes.
    pub fn frame_kind(&self, most: u64) -> Result<FrameKind, Error> {
        let format = self.format()?;
        let (width, height) = (self.size("width")?, self.size("height")?);
        let info = FloatVideoInfo::new(
            format,
            width.ok_or_else(|| wrong_size("width", None))?,
            height.ok_or_else(|| wrong_size("height", None))?,
            self.framerate()?,
        );
        if info.frame_bytes() as u64 > most {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "a frame is too large",
                format!("at most {most} bytes (--max-frame)"),
                format!("{info}, {} bytes", info.frame_bytes()),
            ));
        }
        Ok(FrameKind {
            info,
            range: self.range()?,
        })
    }

    /// How many frames the body has, where it is said.
    pub fn frame_count(&self) -> Result<Option<u64>, Error> {
        let Some(text) = self.get("frames") else {
            return Ok(None);
        };
        match text.parse() {
            Ok(count @ 1..) => Ok(Some(count)),
            _ => Err(wrong("frames", "how many frames the body has", Some(text))),
        }
    }

    /// The number of the body's first frame, where it is said.
    pub fn first_number(&self) -> Result<Option<u64>, Error> {
        let Some(text) = self.get("first") else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number @ 0..=LARGEST_NUMBER) => Ok(Some(number)),
            _ => Err(wrong(
                "first",
                "the number of the first frame, a whole one from 0 on",
                Some(text),
            )),
        }
    }

    /// `config`, with what is said here instead.
    pub fn stream_config(&self, config: StreamConfig) -> Result<StreamConfig, Error> {
        let fit = match self.get("fit") {
            None => config.fit,
            Some("stretch") => Fit::Stretch,
            Some("borders") => Fit::Borders,
            other => return Err(wrong("fit", "stretch or borders", other)),
        };
        let catch_up = match self.get("catch_up") {
            None => config.catch_up,
            Some(text) => text
                .parse()
                .ok()
                .filter(|percent| (0.0..=100.0).contains(percent))
                .ok_or_else(|| wrong("catch_up", "percent, from 0 to 100", Some(text)))?,
        };
        Ok(StreamConfig {
            width: self.size("out_width")?.or(config.width),
            height: self.size("out_height")?.or(config.height),
            fit,
            max_lag: self.seconds("max_lag")?.or(config.max_lag),
            catch_up,
        })
    }

    fn format(&self) -> Result<FloatFormat, Error> {
        let text = self.get("format");
        let found = float_video::formats().find(|(name, _)| Some(*name) == text);
        found.map(|(_, format)| format).ok_or_else(|| {
            let names: Vec<_> = float_video::formats().map(|(name, _)| name).collect();
            wrong("format", &names.join(", "), text)
        })
    }

    fn size(&self, name: &str) -> Result<Option<u32>, Error> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let size = text.parse().ok();
        match size.filter(|size| (1..=MAX_SIZE).contains(size)) {
            Some(size) => Ok(Some(size)),
            None => Err(wrong_size(name, Some(text))),
        }
    }

    fn framerate(&self) -> Result<gst::Fraction, Error> {
        let text = self.get("framerate").unwrap_or("25");
        parse_framerate(text).ok_or_else(|| {
            wrong(
                "framerate",
                "frames per second, up to 1000, such as 25, 29.97 or 30000/1001",
                Some(text),
            )
        })
    }

    fn range(&self) -> Result<LipSyncFramesRange, Error> {
        let text = self.get("range").unwrap_or("unit");
        let found = float_video::ranges().find(|(name, _)| *name == text);
        found.map(|(_, range)| range).ok_or_else(|| {
            let names: Vec<_> = float_video::ranges().map(|(name, _)| name).collect();
            wrong("range", &names.join(", "), Some(text))
        })
    }
}

/// A fraction, or a number with or without decimals.
fn parse_framerate(text: &str) -> Option<gst::Fraction> {
    /// Slower, and a frame would be shown for an hour; faster, and nobody would see it.
    const FRAMES_PER_SECOND: std::ops::RangeInclusive<f64> = 1.0 / 3600.0..=1000.0;
    let (numerator, denominator) = match (text.split_once('/'), text.split_once('.')) {
        (Some((numerator, denominator)), _) => (numerator.parse().ok()?, denominator.parse().ok()?),
        (None, Some((whole, decimals))) => decimal(whole, decimals)?,
        (None, None) => (text.parse().ok()?, 1),
    };
    let is_possible = numerator > 0
        && denominator > 0
        && FRAMES_PER_SECOND.contains(&(f64::from(numerator) / f64::from(denominator)));
    is_possible.then(|| gst::Fraction::new(numerator, denominator))
}

/// A decimal number as a fraction. Those that people write for 24, 30 and 60 frames in 1.001 seconds mean
/// these.
fn decimal(whole: &str, decimals: &str) -> Option<(i32, i32)> {
    match (whole, decimals.trim_end_matches('0')) {
        ("23", "97" | "976" | "98") => Some((24_000, 1001)),
        ("29", "97") => Some((30_000, 1001)),
        ("59", "94") => Some((60_000, 1001)),
        (_, decimals) if decimals.bytes().all(|digit| digit.is_ascii_digit()) => {
            let denominator = 10_i32.checked_pow(u32::try_from(decimals.len()).ok()?)?;
            let numerator = format!("{whole}{decimals}").parse().ok()?;
            Some((numerator, denominator))
        }
        _ => None,
    }
}

fn wrong_size(name: &str, got: Option<&str>) -> Error {
    wrong(name, &format!("1 to {MAX_SIZE}"), got)
}

fn wrong(name: &str, expected: &str, got: Option<&str>) -> Error {
    let got = got.map_or_else(|| "none".into(), |text| format!("{text:?}"));
    Error::invalid(format!("the parameter {name} is wrong"), expected, got)
}
