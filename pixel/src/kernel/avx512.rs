//! AVX-512 with VBMI, as Intel's Ice Lake and AMD's Zen 4 and later have it. Processors without VBMI lower
//! their clock for such registers, and are left to AVX2.

#![allow(unsafe_code)]

use super::stages::Simd;
use std::arch::x86_64::*;

super::backend::backend!(
    "avx512",
    Avx512,
    "avx512f,avx512bw,avx512vl,avx512vbmi,f16c",
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("f16c")
);

/// The processor has the instructions.
#[derive(Clone, Copy)]
struct Avx512(());

/// For `permutexvar_epi8`: `UNIT` bytes of each lane's first eight, then the next of each.
const fn lanes_in_turn<const UNIT: usize>() -> [u8; 64] {
    let mut indices = [0; 64];
    let mut to = 0;
    while to < 32 {
        let (lane, unit) = (to / UNIT % 4, to / UNIT / 4);
        indices[to] = (16 * lane + UNIT * unit + to % UNIT) as u8;
        to += 1;
    }
    indices
}

impl Avx512 {
    /// Eight words a lane as bytes, `UNIT` of each lane in turn.
    #[inline(always)]
    fn narrow<const UNIT: usize>(self, words: __m512i) -> __m256i {
        const { assert!(UNIT == 1 || UNIT == 2) };
        let indices: &[u8; 64] = const { &lanes_in_turn::<UNIT>() };
        // SAFETY: a value of this type proves that the processor has the instructions.
        unsafe {
            let bytes = _mm512_packus_epi16(words, words);
            let indices = _mm512_loadu_si512(indices.as_ptr().cast());
            _mm512_castsi512_si256(_mm512_permutexvar_epi8(indices, bytes))
        }
    }
}

/// # Safety
///
/// 16 bytes can be read from each address, and the processor has the instructions.
#[inline(always)]
unsafe fn load_four(at: [*const u8; 4]) -> __m512i {
    // SAFETY: as the caller promises; loads need no alignment.
    unsafe {
        let low = _mm256_loadu2_m128i(at[1].cast(), at[0].cast());
        let high = _mm256_loadu2_m128i(at[3].cast(), at[2].cast());
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }
}

/// # Safety
///
/// Four float16 can be read from each address, and the processor has the instructions.
#[inline(always)]
unsafe fn widen_four(at: [*const u8; 4]) -> __m512 {
    // SAFETY: as the caller promises; these reads need no alignment.
    unsafe {
        let [a, b, c, d] = [
            at[0].cast::<i64>().read_unaligned(),
            at[1].cast::<i64>().read_unaligned(),
            at[2].cast::<i64>().read_unaligned(),
            at[3].cast::<i64>().read_unaligned(),
        ];
        _mm512_cvtph_ps(_mm256_setr_epi64x(a, b, c, d))
    }
}

impl Simd for Avx512 {
    const LANES: usize = 4;
    type Floats = __m512;
    type Ints = __m512i;

    #[inline(always)]
    unsafe fn load_f32(self, from: *const u8, stride: usize) -> __m512 {
        // SAFETY: as the caller promises; loads need no alignment.
        unsafe {
            match stride {
                16 => _mm512_loadu_ps(from.cast()),
                _ => _mm512_castsi512_ps(load_four([
                    from,
                    from.add(stride),
                    from.add(2 * stride),
                    from.add(3 * stride),
                ])),
            }
        }
    }

    #[inline(always)]
    unsafe fn load_f16(self, from: *const u8, stride: usize) -> __m512 {
        // SAFETY: as the caller promises; loads need no alignment.
        unsafe {
            match stride {
                8 => _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())),
                _ => widen_four([
                    from,
                    from.add(stride),
                    from.add(2 * stride),
                    from.add(3 * stride),
                ]),
            }
        }
    }

    #[inline(always)]
    unsafe fn load_f32_at(self, from: *const u8, starts: *const u32, step: usize) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe {
            _mm512_castsi512_ps(load_four([
                from.add(4 * *starts as usize),
                from.add(4 * *starts.add(step) as usize),
                from.add(4 * *starts.add(2 * step) as usize),
                from.add(4 * *starts.add(3 * step) as usize),
            ]))
        }
    }

    #[inline(always)]
    unsafe fn load_f16_at(self, from: *const u8, starts: *const u32, step: usize) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe {
            widen_four([
                from.add(2 * *starts as usize),
                from.add(2 * *starts.add(step) as usize),
                from.add(2 * *starts.add(2 * step) as usize),
                from.add(2 * *starts.add(3 * step) as usize),
            ])
        }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const i16) -> __m512i {
        // SAFETY: as the caller promises; loads need no alignment.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_lanes(self, from: *const i16, starts: *const u32, step: usize) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe {
            load_four([
                from.add(*starts as usize).cast(),
                from.add(*starts.add(step) as usize).cast(),
                from.add(*starts.add(2 * step) as usize).cast(),
                from.add(*starts.add(3 * step) as usize).cast(),
            ])
        }
    }

    #[inline(always)]
    unsafe fn store(self, vector: __m512i, to: *mut u8) {
        // SAFETY: as the caller promises; stores need no alignment.
        unsafe { _mm512_storeu_si512(to.cast(), vector) }
    }

    #[inline(always)]
    unsafe fn store_lanes(self, vector: __m512i, to: *mut u8, stride: usize) {
        // SAFETY: as the caller promises; stores need no alignment.
        unsafe {
            let (low, high) = (
                _mm512_castsi512_si256(vector),
                _mm512_extracti64x4_epi64::<1>(vector),
            );
            _mm256_storeu2_m128i(to.add(stride).cast(), to.cast(), low);
            let to = to.add(2 * stride);
            _mm256_storeu2_m128i(to.add(stride).cast(), to.cast(), high);
        }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, words: __m512i, to: *mut u8) {
        // SAFETY: as the caller promises; stores need no alignment.
        unsafe { _mm256_storeu_si256(to.cast(), self.narrow::<2>(words)) }
    }

    #[inline(always)]
    unsafe fn store_apart(self, words: __m512i, first: *mut u8, second: *mut u8) {
        // SAFETY: as the caller promises; stores need no alignment.
        unsafe { _mm256_storeu2_m128i(second.cast(), first.cast(), self.narrow::<1>(words)) }
    }

    super::backend::operations! {
        fn prefetch(address: *const u8) { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }

        fn splat_f32(value: f32) -> __m512 { _mm512_set1_ps(value) }
        fn mul_f32(a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn add_f32(a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        // Of a number and NaN it takes the second.
        fn at_most(value: __m512, bound: __m512) -> __m512 { _mm512_min_ps(bound, value) }
        fn round(value: __m512) -> __m512i { _mm512_cvtps_epi32(value) }

        fn splat_i16(value: i16) -> __m512i { _mm512_set1_epi16(value) }
        fn splat_i32(value: i32) -> __m512i { _mm512_set1_epi32(value) }
        fn splat_lane(lane: &[u8; 16]) -> __m512i {
            _mm512_broadcast_i32x4(_mm_loadu_si128(lane.as_ptr().cast()))
        }
        fn add_i16(a: __m512i, b: __m512i) -> __m512i { _mm512_add_epi16(a, b) }
        fn sub_i16(a: __m512i, b: __m512i) -> __m512i { _mm512_sub_epi16(a, b) }
        fn mul_round(a: __m512i, b: __m512i) -> __m512i { _mm512_mulhrs_epi16(a, b) }
        fn average(a: __m512i, b: __m512i) -> __m512i { _mm512_avg_epu16(a, b) }
        fn or(a: __m512i, b: __m512i) -> __m512i { _mm512_or_si512(a, b) }
        fn odd_samples(a: __m512i) -> __m512i { _mm512_srli_epi32::<16>(a) }
        fn even_samples(a: __m512i, b: __m512i) -> __m512i {
            _mm512_mask_blend_epi16(0xaaaa_aaaa, a, _mm512_slli_epi32::<16>(b))
        }
        fn mul_add_pairs(a: __m512i, b: __m512i) -> __m512i { _mm512_madd_epi16(a, b) }
        fn add_neighbours(a: __m512i, b: __m512i) -> __m512i {
            _mm512_add_epi32(
                _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(
                    _mm512_castsi512_ps(a),
                    _mm512_castsi512_ps(b),
                )),
                _mm512_castps_si512(_mm512_shuffle_ps::<0b11_01_11_01>(
                    _mm512_castsi512_ps(a),
                    _mm512_castsi512_ps(b),
                )),
            )
        }
        fn add_i32(a: __m512i, b: __m512i) -> __m512i { _mm512_add_epi32(a, b) }
        fn shift_right_21(a: __m512i) -> __m512i { _mm512_srai_epi32::<21>(a) }

        fn pack_u16(a: __m512i, b: __m512i) -> __m512i { _mm512_packus_epi32(a, b) }
        fn pack_i16(a: __m512i, b: __m512i) -> __m512i { _mm512_packs_epi32(a, b) }
        fn pack_u8(a: __m512i, b: __m512i) -> __m512i { _mm512_packus_epi16(a, b) }
        fn packed_in_order(packed: __m512i) -> __m512i {
            _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed)
        }
        fn shuffle_bytes(a: __m512i, control: __m512i) -> __m512i { _mm512_shuffle_epi8(a, control) }
        fn low_i16(a: __m512i, b: __m512i) -> __m512i { _mm512_unpacklo_epi16(a, b) }
        fn high_i16(a: __m512i, b: __m512i) -> __m512i { _mm512_unpackhi_epi16(a, b) }
        fn low_i32(a: __m512i, b: __m512i) -> __m512i { _mm512_unpacklo_epi32(a, b) }
        fn high_i32(a: __m512i, b: __m512i) -> __m512i { _mm512_unpackhi_epi32(a, b) }
        fn low_i64(a: __m512i, b: __m512i) -> __m512i { _mm512_unpacklo_epi64(a, b) }
        fn high_i64(a: __m512i, b: __m512i) -> __m512i { _mm512_unpackhi_epi64(a, b) }
    }
}
