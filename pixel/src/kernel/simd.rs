//! What a vector must be able to do.

/// Vectors of some lanes of 128 bits. Every operation works on each lane by itself; only memory and
/// [`packed_in_order`](Self::packed_in_order) and [`deal_pairs`](Self::deal_pairs) see them side by side.
///
/// A value of the type proves that the processor has the instructions.
pub trait Simd: Copy {
    /// At most [`MAX_LANES`]
    const LANES: usize;
    /// Four f32 a lane
    type Floats: Copy;
    /// Eight i16 a lane, or four i32, or sixteen u8
    type Ints: Copy;

    /// 16 bytes from the address of each lane
    unsafe fn load(self, at: Lanes) -> Self::Ints;
    /// Four float16 from the address of each lane, widened
    unsafe fn load_f16(self, at: Lanes) -> Self::Floats;
    /// Each lane `stride` bytes after the one before
    unsafe fn store(self, vector: Self::Ints, to: *mut u8, stride: usize);
    /// Eight words a lane as bytes: two of each lane, then the next two
    unsafe fn store_pairs(self, words: Self::Ints, to: *mut u8);
    /// The same one by one, the words' first four to `first` and the others to `second`
    unsafe fn store_apart(self, words: Self::Ints, first: *mut u8, second: *mut u8);
    /// Asks for the cache line of any address.
    fn prefetch(self, address: *const u8);

    fn as_floats(self, bits: Self::Ints) -> Self::Floats;
    fn splat_f32(self, value: f32) -> Self::Floats;
    fn mul_f32(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn add_f32(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The lesser; NaN stays NaN.
    fn at_most(self, value: Self::Floats, bound: Self::Floats) -> Self::Floats;
    /// To i32, half to even; NaN and what is less than an i32 become 0 or less.
    fn round(self, value: Self::Floats) -> Self::Ints;

    fn splat_i16(self, value: i16) -> Self::Ints;
    fn splat_i32(self, value: i32) -> Self::Ints;
    /// The same 128 bits in each lane
    fn splat_lane(self, lane: &[u8; 16]) -> Self::Ints;
    fn add_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn sub_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn add_i32(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// `(a * b + 16384) >> 15`
    fn mul_round(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// `(a + b + 1) >> 1`, of what is not negative
    fn average(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Sums of neighbouring products of i16, as i32
    fn mul_add_pairs(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Sums of neighbouring i32, those of `a` and then those of `b`
    fn add_neighbours(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// i32 `>> 21`
    fn shift_right_21(self, a: Self::Ints) -> Self::Ints;
    fn or(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;

    /// i32 as u16, saturated
    fn pack_u16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// i32 as i16, saturated
    fn pack_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// i16 as u8, saturated
    fn pack_u8(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// After a pack: all of `a`, and then all of `b`.
    fn packed_in_order(self, packed: Self::Ints) -> Self::Ints;
    /// After a pack: pairs of samples, in order, dealt to the lanes in turn
    fn deal_pairs(self, packed: Self::Ints) -> Self::Ints;
    /// Byte `control[i]` at i; that is less than 16, or 128 for 0.
    fn shuffle_bytes(self, a: Self::Ints, control: Self::Ints) -> Self::Ints;
    /// The second i16 of each pair in the place of the first; the second is any.
    fn odd_samples(self, a: Self::Ints) -> Self::Ints;
    /// Pairs of the first i16 of each pair of `a` and of `b`
    fn even_samples(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn low_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn high_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn low_i32(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn high_i32(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn low_i64(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn high_i64(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
}

const MAX_LANES: usize = 2;

/// An address for each lane
pub type Lanes = [*const u8; MAX_LANES];

/// Lanes that are `stride` bytes apart.
#[inline(always)]
pub fn lanes(from: *const u8, stride: usize) -> Lanes {
    [from, from.wrapping_add(stride)]
}
