//! SSE 4.1, for x86-64 processors before AVX2.

#![allow(unsafe_code)]

use super::simd::{Lanes, Simd};
use std::arch::x86_64::*;

super::backend::backend!(
    "sse4.1",
    Sse41,
    "sse4.1",
    is_x86_feature_detected!("sse4.1")
);

/// The processor has the instructions.
#[derive(Clone, Copy)]
struct Sse41(());

impl Simd for Sse41 {
    const LANES: usize = 1;
    type Floats = __m128;
    type Ints = __m128i;

    #[inline(always)]
    unsafe fn load(self, at: Lanes) -> __m128i {
        // SAFETY: the caller's; loads need no alignment.
        unsafe { _mm_loadu_si128(at[0].cast()) }
    }

    #[inline(always)]
    unsafe fn load_f16(self, at: Lanes) -> __m128 {
        // SAFETY: the caller's; loads need no alignment.
        unsafe {
            let halves = _mm_cvtepu16_epi32(_mm_loadl_epi64(at[0].cast()));
            let magnitude = _mm_slli_epi32::<13>(_mm_and_si128(halves, _mm_set1_epi32(0x7fff)));
            let sign = _mm_slli_epi32::<16>(_mm_andnot_si128(_mm_set1_epi32(0x7fff), halves));
            // The difference between the exponents' biases is 112.
            let two_to_the_112 = _mm_castsi128_ps(_mm_set1_epi32((112 + 127) << 23));
            let float = _mm_mul_ps(_mm_castsi128_ps(magnitude), two_to_the_112);
            let is_infinity_or_nan = _mm_cmpgt_epi32(magnitude, _mm_set1_epi32((31 << 23) - 1));
            let exponent = _mm_and_si128(is_infinity_or_nan, _mm_set1_epi32(255 << 23));
            _mm_or_ps(float, _mm_castsi128_ps(_mm_or_si128(sign, exponent)))
        }
    }

    #[inline(always)]
    unsafe fn store(self, vector: __m128i, to: *mut u8, _stride: usize) {
        // SAFETY: the caller's; stores need no alignment.
        unsafe { _mm_storeu_si128(to.cast(), vector) }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, words: __m128i, to: *mut u8) {
        // SAFETY: the caller's; stores need no alignment.
        unsafe { _mm_storel_epi64(to.cast(), _mm_packus_epi16(words, words)) }
    }

    #[inline(always)]
    unsafe fn store_apart(self, words: __m128i, first: *mut u8, second: *mut u8) {
        // SAFETY: the caller's; these stores need no alignment.
        unsafe {
            let bytes = _mm_packus_epi16(words, words);
            first
                .cast::<i32>()
                .write_unaligned(_mm_cvtsi128_si32(bytes));
            second
                .cast::<i32>()
                .write_unaligned(_mm_extract_epi32::<1>(bytes));
        }
    }

    /// One lane is always in order.
    #[inline(always)]
    fn packed_in_order(self, packed: __m128i) -> __m128i {
        packed
    }

    /// One lane gets all.
    #[inline(always)]
    fn deal_pairs(self, packed: __m128i) -> __m128i {
        packed
    }

    super::backend::operations! {
        fn prefetch(address: *const u8) { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }

        fn as_floats(bits: __m128i) -> __m128 { _mm_castsi128_ps(bits) }
        fn splat_f32(value: f32) -> __m128 { _mm_set1_ps(value) }
        fn mul_f32(a: __m128, b: __m128) -> __m128 { _mm_mul_ps(a, b) }
        fn add_f32(a: __m128, b: __m128) -> __m128 { _mm_add_ps(a, b) }
        // Of a number and NaN it takes the second.
        fn at_most(value: __m128, bound: __m128) -> __m128 { _mm_min_ps(bound, value) }
        fn round(value: __m128) -> __m128i { _mm_cvtps_epi32(value) }

        fn splat_i16(value: i16) -> __m128i { _mm_set1_epi16(value) }
        fn splat_i32(value: i32) -> __m128i { _mm_set1_epi32(value) }
        fn splat_lane(lane: &[u8; 16]) -> __m128i { _mm_loadu_si128(lane.as_ptr().cast()) }
        fn add_i16(a: __m128i, b: __m128i) -> __m128i { _mm_add_epi16(a, b) }
        fn sub_i16(a: __m128i, b: __m128i) -> __m128i { _mm_sub_epi16(a, b) }
        fn mul_round(a: __m128i, b: __m128i) -> __m128i { _mm_mulhrs_epi16(a, b) }
        fn average(a: __m128i, b: __m128i) -> __m128i { _mm_avg_epu16(a, b) }
        fn or(a: __m128i, b: __m128i) -> __m128i { _mm_or_si128(a, b) }
        fn odd_samples(a: __m128i) -> __m128i { _mm_srli_epi32::<16>(a) }
        fn even_samples(a: __m128i, b: __m128i) -> __m128i {
            _mm_blend_epi16::<0b1010_1010>(a, _mm_slli_epi32::<16>(b))
        }
        fn mul_add_pairs(a: __m128i, b: __m128i) -> __m128i { _mm_madd_epi16(a, b) }
        fn add_neighbours(a: __m128i, b: __m128i) -> __m128i { _mm_hadd_epi32(a, b) }
        fn add_i32(a: __m128i, b: __m128i) -> __m128i { _mm_add_epi32(a, b) }
        fn shift_right_21(a: __m128i) -> __m128i { _mm_srai_epi32::<21>(a) }

        fn pack_u16(a: __m128i, b: __m128i) -> __m128i { _mm_packus_epi32(a, b) }
        fn pack_i16(a: __m128i, b: __m128i) -> __m128i { _mm_packs_epi32(a, b) }
        fn pack_u8(a: __m128i, b: __m128i) -> __m128i { _mm_packus_epi16(a, b) }
        fn shuffle_bytes(a: __m128i, control: __m128i) -> __m128i { _mm_shuffle_epi8(a, control) }
        fn low_i16(a: __m128i, b: __m128i) -> __m128i { _mm_unpacklo_epi16(a, b) }
        fn high_i16(a: __m128i, b: __m128i) -> __m128i { _mm_unpackhi_epi16(a, b) }
        fn low_i32(a: __m128i, b: __m128i) -> __m128i { _mm_unpacklo_epi32(a, b) }
        fn high_i32(a: __m128i, b: __m128i) -> __m128i { _mm_unpackhi_epi32(a, b) }
        fn low_i64(a: __m128i, b: __m128i) -> __m128i { _mm_unpacklo_epi64(a, b) }
        fn high_i64(a: __m128i, b: __m128i) -> __m128i { _mm_unpackhi_epi64(a, b) }
    }
}
