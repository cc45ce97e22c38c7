use gstlipsyncframes::pixel::*;
use std::hint::black_box;
use std::time::Instant;

fn time(n: usize, reps: usize, mut f: impl FnMut(usize)) -> (f64, f64) {
    let mut v: Vec<f64> = Vec::new();
    for _ in 0..reps {
        let t = Instant::now();
        for i in 0..n {
            f(i);
        }
        v.push(t.elapsed().as_secs_f64() / n as f64 * 1e6);
    }
    v.sort_by(f64::total_cmp);
    (v[0], v[v.len() / 2])
}

fn main() {
    let (w, h) = (640u32, 360u32);
    let frame = (w * h * 12) as usize;
    let mut seed = 1u32;
    let all: Vec<u8> = (0..64 * frame / 4)
        .flat_map(|_| {
            seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
            ((seed >> 8) as f32 / 16777216.0).to_le_bytes()
        })
        .collect();
    let mut out = vec![0u8; 320 * 320 * 4];
    let mut copy = vec![0u8; frame];
    for n in [64usize, 4] {
        let reps = if n == 64 { 9 } else { 60 };
        let (lmin, lmed) = time(n, reps, |i| {
            let f = &all[i * frame..(i + 1) * frame];
            let mut s = [0u64; 8];
            for c in f.as_chunks::<64>().0 {
                for k in 0..8 {
                    s[k] ^= u64::from_le_bytes(c[8 * k..8 * k + 8].try_into().unwrap());
                }
            }
            black_box(s);
            out.fill(i as u8);
            black_box(&mut out);
        });
        let (mmin, mmed) = time(n, reps, |i| {
            copy.copy_from_slice(&all[i * frame..(i + 1) * frame]);
            black_box(&mut copy);
        });
        println!("{n} frames: limit {lmin:.0} {lmed:.0} memcpy {mmin:.0} {mmed:.0} us");
        for (lname, layout) in [("BGR", Layout::Interleaved), ("BGRP", Layout::Planar)] {
            for (fname, format) in [
                ("RGBA", PixelFormat::Rgba),
                ("I420", PixelFormat::I420),
                ("NV12", PixelFormat::Nv12),
                ("RGB", PixelFormat::Rgb),
            ] {
                for b in backends() {
                    let source = Source {
                        format: FloatFormat {
                            layout,
                            order: ChannelOrder::Bgr,
                        },
                        width: w,
                        height: h,
                        range: Range::Unit,
                    };
                    let mut plan =
                        Plan::with_backend(source, Target::new(format, 320, 320), b).unwrap();
                    let (min, med) = time(n, if b == "scalar" { 2 } else { reps }, |i| {
                        let (y, c) = out.split_at_mut(320 * 320);
                        let planes = match format {
                            PixelFormat::I420 => {
                                let (u, v) = c.split_at_mut(160 * 160);
                                [
                                    Plane {
                                        data: y,
                                        stride: 320,
                                    },
                                    Plane {
                                        data: u,
                                        stride: 160,
                                    },
                                    Plane {
                                        data: v,
                                        stride: 160,
                                    },
                                ]
                            }
                            PixelFormat::Nv12 => [
                                Plane {
                                    data: y,
                                    stride: 320,
                                },
                                Plane {
                                    data: c,
                                    stride: 320,
                                },
                                Plane::default(),
                            ],
                            PixelFormat::Rgb => [
                                Plane {
                                    data: &mut out,
                                    stride: 960,
                                },
                                Plane::default(),
                                Plane::default(),
                            ],
                            _ => [
                                Plane {
                                    data: &mut out,
                                    stride: 1280,
                                },
                                Plane::default(),
                                Plane::default(),
                            ],
                        };
                        plan.convert_in_bands(&all[i * frame..(i + 1) * frame], planes, 1)
                            .unwrap();
                    });
                    println!(
                        "  {lname:5} {fname:5} {b:9} min {min:7.1} med {med:7.1}  x limit {:.2} {:.2}",
                        min / lmin,
                        med / lmed
                    );
                }
            }
        }
    }
}
