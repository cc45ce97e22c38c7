//! What every source of frames does.

/// A source of frames, one after another.
pub trait Frames: Send {
    /// Fills `frame`, which has the size of one. False where there are no more.
    fn next_frame(&mut self, frame: &mut [u8]) -> Result<bool, String>;
}
