//! AVX2, with F16C, as all processors with AVX2 have it: Intel's since 2013, AMD's since 2015.

#![allow(unsafe_code)]

use super::simd::{Lanes, Simd};
use std::arch::x86_64::*;

super::backend::backend!(
    "avx2",
    Avx2,
    "avx2,f16c",
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")
);

/// The processor has the instructions.
#[derive(Clone, Copy)]
struct Avx2(());

impl Simd for Avx2 {
    const LANES: usize = 2;
    type Floats = __m256;
    type Ints = __m256i;

    #[inline(always)]
    unsafe fn load(self, at: Lanes) -> __m256i {
        // SAFETY: the caller's; loads need no alignment.
        unsafe { _mm256_loadu2_m128i(at[1].cast(), at[0].cast()) }
    }

    #[inline(always)]
    unsafe fn load_f16(self, at: Lanes) -> __m256 {
        // SAFETY: the caller's; loads need no alignment.
        unsafe {
            let (low, high) = (_mm_loadl_epi64(at[0].cast()), _mm_loadl_epi64(at[1].cast()));
            _mm256_cvtph_ps(_mm_unpacklo_epi64(low, high))
        }
    }

    #[inline(always)]
    unsafe fn store(self, vector: __m256i, to: *mut u8, stride: usize) {
        // SAFETY: the caller's; stores need no alignment.
        unsafe {
            match stride {
                16 => _mm256_storeu_si256(to.cast(), vector),
                _ => _mm256_storeu2_m128i(to.add(stride).cast(), to.cast(), vector),
            }
        }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, words: __m256i, to: *mut u8) {
        // SAFETY: the caller's; stores need no alignment.
        unsafe {
            let bytes = _mm256_packus_epi16(words, words);
            let (low, high) = (
                _mm256_castsi256_si128(bytes),
                _mm256_extracti128_si256::<1>(bytes),
            );
            _mm_storeu_si128(to.cast(), _mm_unpacklo_epi16(low, high));
        }
    }

    #[inline(always)]
    unsafe fn store_apart(self, words: __m256i, first: *mut u8, second: *mut u8) {
        // SAFETY: the caller's; stores need no alignment.
        unsafe {
            let bytes = _mm256_packus_epi16(words, words);
            let (low, high) = (
                _mm256_castsi256_si128(bytes),
                _mm256_extracti128_si256::<1>(bytes),
            );
            let bytes = _mm_castsi128_pd(_mm_unpacklo_epi8(low, high));
            _mm_storel_pd(first.cast(), bytes);
            _mm_storeh_pd(second.cast(), bytes);
        }
    }

    super::backend::operations! {
        fn prefetch(address: *const u8) { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }

        fn as_floats(bits: __m256i) -> __m256 { _mm256_castsi256_ps(bits) }
        fn splat_f32(value: f32) -> __m256 { _mm256_set1_ps(value) }
        fn mul_f32(a: __m256, b: __m256) -> __m256 { _mm256_mul_ps(a, b) }
        fn add_f32(a: __m256, b: __m256) -> __m256 { _mm256_add_ps(a, b) }
        // Of a number and NaN it takes the second.
        fn at_most(value: __m256, bound: __m256) -> __m256 { _mm256_min_ps(bound, value) }
        fn round(value: __m256) -> __m256i { _mm256_cvtps_epi32(value) }

        fn splat_i16(value: i16) -> __m256i { _mm256_set1_epi16(value) }
        fn splat_i32(value: i32) -> __m256i { _mm256_set1_epi32(value) }
        fn splat_lane(lane: &[u8; 16]) -> __m256i {
            _mm256_broadcastsi128_si256(_mm_loadu_si128(lane.as_ptr().cast()))
        }
        fn add_i16(a: __m256i, b: __m256i) -> __m256i { _mm256_add_epi16(a, b) }
        fn sub_i16(a: __m256i, b: __m256i) -> __m256i { _mm256_sub_epi16(a, b) }
        fn mul_round(a: __m256i, b: __m256i) -> __m256i { _mm256_mulhrs_epi16(a, b) }
        fn average(a: __m256i, b: __m256i) -> __m256i { _mm256_avg_epu16(a, b) }
        fn or(a: __m256i, b: __m256i) -> __m256i { _mm256_or_si256(a, b) }
        fn odd_samples(a: __m256i) -> __m256i { _mm256_srli_epi32::<16>(a) }
        fn even_samples(a: __m256i, b: __m256i) -> __m256i {
            _mm256_blend_epi16::<0b1010_1010>(a, _mm256_slli_epi32::<16>(b))
        }
        fn mul_add_pairs(a: __m256i, b: __m256i) -> __m256i { _mm256_madd_epi16(a, b) }
        fn add_neighbours(a: __m256i, b: __m256i) -> __m256i { _mm256_hadd_epi32(a, b) }
        fn add_i32(a: __m256i, b: __m256i) -> __m256i { _mm256_add_epi32(a, b) }
        fn shift_right_21(a: __m256i) -> __m256i { _mm256_srai_epi32::<21>(a) }

        fn pack_u16(a: __m256i, b: __m256i) -> __m256i { _mm256_packus_epi32(a, b) }
        fn pack_i16(a: __m256i, b: __m256i) -> __m256i { _mm256_packs_epi32(a, b) }
        fn pack_u8(a: __m256i, b: __m256i) -> __m256i { _mm256_packus_epi16(a, b) }
        fn packed_in_order(packed: __m256i) -> __m256i {
            _mm256_permute4x64_epi64::<0b11_01_10_00>(packed)
        }
        fn deal_pairs(packed: __m256i) -> __m256i {
            _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7))
        }
        fn shuffle_bytes(a: __m256i, control: __m256i) -> __m256i { _mm256_shuffle_epi8(a, control) }
        fn low_i16(a: __m256i, b: __m256i) -> __m256i { _mm256_unpacklo_epi16(a, b) }
        fn high_i16(a: __m256i, b: __m256i) -> __m256i { _mm256_unpackhi_epi16(a, b) }
        fn low_i32(a: __m256i, b: __m256i) -> __m256i { _mm256_unpacklo_epi32(a, b) }
        fn high_i32(a: __m256i, b: __m256i) -> __m256i { _mm256_unpackhi_epi32(a, b) }
        fn low_i64(a: __m256i, b: __m256i) -> __m256i { _mm256_unpacklo_epi64(a, b) }
        fn high_i64(a: __m256i, b: __m256i) -> __m256i { _mm256_unpackhi_epi64(a, b) }
    }
}
