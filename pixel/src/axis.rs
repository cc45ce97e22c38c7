//! Bilinear coefficients of one axis, worked out once per plan.

/// Where one output coordinate lies between two source samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// Source sample at or before the coordinate.
    pub first: usize,
    /// The one after it, or the same where the coordinate lies on or beyond the last sample.
    pub second: usize,
    /// Share of `second`, 0 to 1.
    pub weight: f32,
}

/// The horizontal taps of a plan.
#[derive(Debug)]
pub struct Columns {
    pub taps: Vec<Tap>,
    pub scaling: Scaling,
    /// The taps, eight at a time, where [`scaling`](Self::scaling) is [`Scaling::Any`]. The last ones
    /// are left out if they are fewer than eight.
    pub windows: Vec<Window>,
}

/// Eight neighbouring taps and where their samples begin, for backends that pick samples out of a
/// register.
#[derive(Debug)]
pub struct Window {
    /// First sample of the first tap
    pub start: usize,
    /// First sample of each tap, counted from `start`: 0 to 15, because a ratio of 2 or less makes no
    /// step longer than two samples. The second sample is the next one; beyond the end of the row its
    /// weight is 0.
    pub offsets: [i32; 8],
    pub weights: [f32; 8],
}

/// Samples that a [`Window`] can reach, from its start.
pub const WINDOW_SAMPLES: usize = 17;

/// Ratios of source to target for which backends may have a shorter way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Every tap takes the sample at its own position.
    None,
    /// Every tap takes the middle of a pair.
    Half,
    /// Less than half: some samples are in no tap.
    Sparse,
    Any,
}

impl Columns {
    pub fn new(source: usize, target: usize) -> Self {
        let scaling = if source == target {
            Scaling::None
        } else if source == 2 * target {
            Scaling::Half
        } else if source > 2 * target {
            Scaling::Sparse
        } else {
            Scaling::Any
        };
        let taps = taps(source, target);
        let windows = match scaling {
            Scaling::Any => taps.as_chunks().0.iter().map(Window::new).collect(),
            _ => Vec::new(),
        };
        Self {
            taps,
            scaling,
            windows,
        }
    }
}

impl Window {
    fn new(taps: &[Tap; 8]) -> Self {
        let start = taps[0].first;
        Self {
            start,
            offsets: taps.map(|tap| (tap.first - start) as i32),
            weights: taps.map(|tap| tap.weight),
        }
    }
}

/// Taps for scaling `source` samples to `target` samples, half-pixel centres, no antialiasing:
/// `x = clamp((X + 0.5) * source / target - 0.5, 0, source - 1)`.
///
/// This is the mapping of OpenCV's `INTER_LINEAR` and of torch's `align_corners=False`. `x` is
/// computed in f64, its fraction stored as f32.
pub fn taps(source: usize, target: usize) -> Vec<Tap> {
    let last = source - 1;
    (0..target)
        .map(|position| {
            let x = (position as f64 + 0.5) * source as f64 / target as f64 - 0.5;
            let x = x.clamp(0.0, last as f64);
            let first = x.floor() as usize;
            Tap {
                first,
                second: (first + 1).min(last),
                weight: (x - first as f64) as f32,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap(first: usize, second: usize, weight: f32) -> Tap {
        Tap {
            first,
            second,
            weight,
        }
    }

    #[test]
    fn equal_sizes_take_each_sample_itself() {
        assert_eq!(taps(3, 3), [tap(0, 1, 0.0), tap(1, 2, 0.0), tap(2, 2, 0.0)]);
    }

    #[test]
    fn halving_takes_the_middle_of_pairs() {
        assert_eq!(taps(4, 2), [tap(0, 1, 0.5), tap(2, 3, 0.5)]);
    }

    #[test]
    fn doubling_clamps_at_both_ends() {
        assert_eq!(
            taps(2, 4),
            [
                tap(0, 1, 0.0),
                tap(0, 1, 0.25),
                tap(0, 1, 0.75),
                tap(1, 1, 0.0)
            ]
        );
    }

    #[test]
    fn a_single_sample_serves_every_position() {
        assert_eq!(taps(1, 3), [tap(0, 0, 0.0); 3]);
    }

    #[test]
    fn windows_hold_the_taps() {
        for (source, target) in [
            (16, 8),
            (15, 8),
            (31, 16),
            (8, 24),
            (1, 9),
            (33, 17),
            (640, 321),
        ] {
            let columns = Columns::new(source, target);
            if columns.scaling != Scaling::Any {
                assert!(columns.windows.is_empty());
                continue;
            }
            assert_eq!(columns.windows.len(), target / 8);
            for (window, taps) in columns.windows.iter().zip(columns.taps.chunks(8)) {
                for (index, expected) in taps.iter().enumerate() {
                    let offset = window.offsets[index] as usize;
                    assert!(offset + 1 < WINDOW_SAMPLES);
                    assert_eq!(window.start + offset, expected.first);
                    assert_eq!(window.weights[index], expected.weight);
                    assert!(expected.second == expected.first + 1 || expected.weight == 0.0);
                }
            }
        }
    }

    #[test]
    fn no_tap_leaves_the_source() {
        for source in 1..40 {
            for target in 1..40 {
                for tap in taps(source, target) {
                    assert!(tap.first < source && tap.second < source);
                    assert!(tap.first <= tap.second);
                    assert!((0.0..=1.0).contains(&tap.weight));
                }
            }
        }
    }
}
