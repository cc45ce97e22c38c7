//! What the backends for instruction sets have in common.

/// Defines `kernels()`: the stages compiled for `$features`, if `$is_there`.
macro_rules! backend {
    ($name:literal, $simd:ident, $features:literal, $is_there:expr) => {
        /// The kernels, if this processor can run them.
        pub fn kernels() -> Option<&'static $crate::kernel::interface::Kernels> {
            use $crate::arithmetic::YCbCr;
            use $crate::kernel::columns::Columns;
            use $crate::kernel::interface::{Chroma, Kernels, PixelBytes, Row, RowPair, SourceRow};
            use $crate::kernel::stages;

            static KERNELS: Kernels = Kernels {
                name: $name,
                scale_row,
                write_rgb,
                write_ycbcr,
            };

            $crate::kernel::backend::entry!($simd, $features,
                scale_row(row: SourceRow, columns: &Columns, unscaled: &mut [i16], out: &mut [i16]));
            $crate::kernel::backend::entry!($simd, $features,
                write_rgb(row: &Row, bytes: &PixelBytes, out: &mut [u8]));
            $crate::kernel::backend::entry!($simd, $features,
                write_ycbcr(rows: &RowPair, ycbcr: &YCbCr, luma: [&mut [u8]; 2], chroma: Chroma));

            $is_there.then_some(&KERNELS)
        }
    };
}
pub(super) use backend;

/// Defines a function that calls the stage of its name, compiled for `$features`.
macro_rules! entry {
    ($simd:ident, $features:literal, $name:ident($($argument:ident: $type:ty),*)) => {
        fn $name($($argument: $type),*) {
            #[target_feature(enable = $features)]
            fn with_features($($argument: $type),*) {
                stages::$name($simd(()), $($argument),*);
            }
            // SAFETY: only KERNELS refers to this function, and `kernels` hands those out only after
            // it has found the features on this processor.
            unsafe { with_features($($argument),*) }
        }
    };
}
pub(super) use entry;

/// Defines methods of a [`Simd`](super::simd::Simd).
macro_rules! operations {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? { $body:expr })*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: $type),*) $(-> $result)? {
                // SAFETY: a value of this type proves that the processor has the instructions.
                unsafe { $body }
            }
        )*
    };
}
pub(super) use operations;
