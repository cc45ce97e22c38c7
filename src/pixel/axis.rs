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
}

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
        Self {
            taps: taps(source, target),
            scaling,
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
