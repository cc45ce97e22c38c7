//! NEON, as every 64-bit ARM processor has it. Tested under emulation; how fast it is has not been
//! measured.

#![allow(unsafe_code)]

use super::simd::{Lanes, Simd};
use std::arch::aarch64::*;
use std::arch::asm;

super::backend::backend!("neon", Neon, "neon", true);

/// The processor has the instructions.
#[derive(Clone, Copy)]
struct Neon(());

#[inline(always)]
fn as_i32(a: int16x8_t) -> int32x4_t {
    // SAFETY: every processor of the architecture has NEON.
    unsafe { vreinterpretq_s32_s16(a) }
}

#[inline(always)]
fn from_i32(a: int32x4_t) -> int16x8_t {
    // SAFETY: every processor of the architecture has NEON.
    unsafe { vreinterpretq_s16_s32(a) }
}

#[inline(always)]
fn as_u8(a: int16x8_t) -> uint8x16_t {
    // SAFETY: every processor of the architecture has NEON.
    unsafe { vreinterpretq_u8_s16(a) }
}

#[inline(always)]
fn from_u8(a: uint8x16_t) -> int16x8_t {
    // SAFETY: every processor of the architecture has NEON.
    unsafe { vreinterpretq_s16_u8(a) }
}

impl Simd for Neon {
    const LANES: usize = 1;
    type Floats = float32x4_t;
    type Ints = int16x8_t;

    #[inline(always)]
    unsafe fn load(self, at: Lanes) -> int16x8_t {
        // SAFETY: the caller's; loads of bytes need no alignment.
        unsafe { from_u8(vld1q_u8(at[0])) }
    }

    #[inline(always)]
    unsafe fn load_f16(self, at: Lanes) -> float32x4_t {
        let floats: float32x4_t;
        // The intrinsic for it needs a newer Rust.
        // SAFETY: the caller's; loads of bytes need no alignment.
        unsafe {
            let halves = vld1_u8(at[0]);
            asm!(
                "fcvtl {floats:v}.4s, {halves:v}.4h",
                floats = out(vreg) floats,
                halves = in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        floats
    }

    #[inline(always)]
    unsafe fn store(self, vector: int16x8_t, to: *mut u8, _stride: usize) {
        // SAFETY: the caller's; stores of bytes need no alignment.
        unsafe { vst1q_u8(to, as_u8(vector)) }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, words: int16x8_t, to: *mut u8) {
        // SAFETY: the caller's; stores of bytes need no alignment.
        unsafe { vst1_u8(to, vqmovun_s16(words)) }
    }

    #[inline(always)]
    unsafe fn store_apart(self, words: int16x8_t, first: *mut u8, second: *mut u8) {
        // SAFETY: the caller's.
        unsafe {
            let bytes = vreinterpret_u32_u8(vqmovun_s16(words));
            first
                .cast::<u32>()
                .write_unaligned(vget_lane_u32::<0>(bytes));
            second
                .cast::<u32>()
                .write_unaligned(vget_lane_u32::<1>(bytes));
        }
    }

    /// Whether it would help has not been measured.
    #[inline(always)]
    fn prefetch(self, _address: *const u8) {}

    /// One lane is always in order.
    #[inline(always)]
    fn packed_in_order(self, packed: int16x8_t) -> int16x8_t {
        packed
    }

    /// One lane gets all.
    #[inline(always)]
    fn deal_pairs(self, packed: int16x8_t) -> int16x8_t {
        packed
    }

    super::backend::operations! {
        fn as_floats(bits: int16x8_t) -> float32x4_t { vreinterpretq_f32_s16(bits) }
        fn splat_f32(value: f32) -> float32x4_t { vdupq_n_f32(value) }
        fn mul_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t { vmulq_f32(a, b) }
        fn add_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t { vaddq_f32(a, b) }
        fn at_most(value: float32x4_t, bound: float32x4_t) -> float32x4_t { vminq_f32(value, bound) }
        fn round(value: float32x4_t) -> int16x8_t { from_i32(vcvtnq_s32_f32(value)) }

        fn splat_i16(value: i16) -> int16x8_t { vdupq_n_s16(value) }
        fn splat_i32(value: i32) -> int16x8_t { from_i32(vdupq_n_s32(value)) }
        fn splat_lane(lane: &[u8; 16]) -> int16x8_t { from_u8(vld1q_u8(lane.as_ptr())) }
        fn add_i16(a: int16x8_t, b: int16x8_t) -> int16x8_t { vaddq_s16(a, b) }
        fn sub_i16(a: int16x8_t, b: int16x8_t) -> int16x8_t { vsubq_s16(a, b) }
        fn mul_round(a: int16x8_t, b: int16x8_t) -> int16x8_t { vqrdmulhq_s16(a, b) }
        fn average(a: int16x8_t, b: int16x8_t) -> int16x8_t { vrhaddq_s16(a, b) }
        fn or(a: int16x8_t, b: int16x8_t) -> int16x8_t { vorrq_s16(a, b) }
        fn odd_samples(a: int16x8_t) -> int16x8_t { from_i32(vshrq_n_s32::<16>(as_i32(a))) }
        fn even_samples(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            from_i32(vsliq_n_s32::<16>(as_i32(a), as_i32(b)))
        }
        fn mul_add_pairs(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            from_i32(vpaddq_s32(
                vmull_s16(vget_low_s16(a), vget_low_s16(b)),
                vmull_high_s16(a, b),
            ))
        }
        fn add_neighbours(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            from_i32(vpaddq_s32(as_i32(a), as_i32(b)))
        }
        fn add_i32(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            from_i32(vaddq_s32(as_i32(a), as_i32(b)))
        }
        fn shift_right_21(a: int16x8_t) -> int16x8_t { from_i32(vshrq_n_s32::<21>(as_i32(a))) }

        fn pack_u16(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            vreinterpretq_s16_u16(vqmovun_high_s32(vqmovun_s32(as_i32(a)), as_i32(b)))
        }
        fn pack_i16(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            vqmovn_high_s32(vqmovn_s32(as_i32(a)), as_i32(b))
        }
        fn pack_u8(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            from_u8(vqmovun_high_s16(vqmovun_s16(a), b))
        }
        fn shuffle_bytes(a: int16x8_t, control: int16x8_t) -> int16x8_t {
            from_u8(vqtbl1q_u8(as_u8(a), as_u8(control)))
        }
        fn low_i16(a: int16x8_t, b: int16x8_t) -> int16x8_t { vzip1q_s16(a, b) }
        fn high_i16(a: int16x8_t, b: int16x8_t) -> int16x8_t { vzip2q_s16(a, b) }
        fn low_i32(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            from_i32(vzip1q_s32(as_i32(a), as_i32(b)))
        }
        fn high_i32(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            from_i32(vzip2q_s32(as_i32(a), as_i32(b)))
        }
        fn low_i64(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            vcombine_s16(vget_low_s16(a), vget_low_s16(b))
        }
        fn high_i64(a: int16x8_t, b: int16x8_t) -> int16x8_t {
            vcombine_s16(vget_high_s16(a), vget_high_s16(b))
        }
    }
}
