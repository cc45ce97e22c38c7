//! The plot: our time and OpenCV's, in multiples of the memory limit.

use crate::common::frames::name;
use crate::geometry::{FORMATS, GEOMETRIES};
use crate::memory::{Figures, case_name};
use lipsyncframes_pixel::{Layout, PixelFormat};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;

pub const TITLE: &str = "Time for a frame, in multiples of what reading and writing it takes";

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OPENCV: RGBColor = RGBColor(0xd6, 0x5f, 0x0e);
const TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

const SIZE: (u32, u32) = (920, 500);
const ROW_HEIGHT: i32 = 36;
const TOP: i32 = 100;
const BOTTOM: i32 = TOP + ROW_HEIGHT * GEOMETRIES.len() as i32;
/// Where the axis of each format begins, right of the geometries' names
const LEFT: [i32; 2] = [190, 570];
const WIDTH: i32 = 310;
/// Multiples of the limit at which an axis has a line
const TICKS: [u32; 6] = [1, 2, 4, 8, 16, 32];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The plot as SVG.
pub fn draw(figures: &Figures) -> String {
    let mut svg = String::new();
    draw_on(SVGBackend::with_string(&mut svg, SIZE), figures)
        .expect("drawing into memory does not fail");
    svg
}

fn draw_on(backend: SVGBackend, figures: &Figures) -> Result<(), Box<dyn Error>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    write(&area, TITLE, 20, &BLACK, HPos::Left, (16, 24))?;
    let mut x = 16;
    for (colour, label) in [(OURS, "lipsyncframes"), (OPENCV, "OpenCV")] {
        area.draw(&Circle::new((x + 6, 52), 6, colour.filled()))?;
        write(&area, label, 14, &TEXT, HPos::Left, (x + 18, 52))?;
        x += 44 + 8 * label.len() as i32;
    }
    write(
        &area,
        "one thread, frames from memory",
        14,
        &TEXT,
        HPos::Left,
        (x, 52),
    )?;
    for (row, geometry) in GEOMETRIES.iter().enumerate() {
        let place = (LEFT[0] - 20, row_y(row));
        write(&area, &geometry.to_string(), 14, &TEXT, HPos::Right, place)?;
    }
    for (format, left) in FORMATS.into_iter().zip(LEFT) {
        draw_format(&area, figures, format, left)?;
    }
    area.present()?;
    Ok(())
}

fn draw_format(
    area: &Area,
    figures: &Figures,
    format: PixelFormat,
    left: i32,
) -> Result<(), Box<dyn Error>> {
    let title = format!("BGR to {}", name(format));
    let place = (left + offset(1.0), TOP - 16);
    write(area, &title, 16, &BLACK, HPos::Left, place)?;
    for tick in TICKS {
        let x = left + offset(tick.into());
        let colour = if tick == 1 { &BLACK } else { &GRID };
        area.draw(&PathElement::new([(x, TOP), (x, BOTTOM)], colour))?;
        write(
            area,
            &tick.to_string(),
            14,
            &TEXT,
            HPos::Center,
            (x, BOTTOM + 14),
        )?;
    }
    for (row, geometry) in GEOMETRIES.iter().enumerate() {
        let case = figures.main(&case_name(*geometry, Layout::Interleaved, format));
        let over_limit = |row| figures.times.ratio(row, case.limit);
        let opencv = figures.opencv(case).map(over_limit);
        draw_row(area, left, row_y(row), over_limit(case.ours), opencv)?;
    }
    Ok(())
}

/// A dot for each, and a bar between them.
fn draw_row(
    area: &Area,
    left: i32,
    y: i32,
    ours: f64,
    opencv: Option<f64>,
) -> Result<(), Box<dyn Error>> {
    let x = |multiple| left + offset(multiple);
    let dot = |multiple, colour: RGBColor| Circle::new((x(multiple), y), 6, colour.filled());
    // Each number is on the side where the other is not.
    let is_slower = opencv.is_some_and(|opencv| ours > opencv);
    let label = |multiple: f64, colour, on_right: bool| {
        let (side, x, edge) = match on_right {
            true => (HPos::Left, x(multiple) + 11, 26),
            false => (HPos::Right, x(multiple) - 11, -26),
        };
        // No line goes through a number.
        let behind = [(x, y - 8), (x + edge, y + 8)];
        area.draw(&Rectangle::new(behind, WHITE.filled()))?;
        let text = format!("{multiple:.1}");
        write(area, &text, 13, colour, side, (x, y))
    };
    if let Some(opencv) = opencv {
        let bar = [(x(ours), y), (x(opencv), y)];
        area.draw(&PathElement::new(bar, GRID.stroke_width(5)))?;
        area.draw(&dot(opencv, OPENCV))?;
        label(opencv, &OPENCV, !is_slower)?;
    }
    area.draw(&dot(ours, OURS))?;
    label(ours, &OURS, is_slower || opencv.is_none())
}

fn row_y(row: usize) -> i32 {
    TOP + ROW_HEIGHT * row as i32 + ROW_HEIGHT / 2
}

/// Pixels from the left end of an axis, which is logarithmic, and leaves room for a number left of 1.
fn offset(multiple: f64) -> i32 {
    let last = f64::from(TICKS[TICKS.len() - 1]);
    let room = 36;
    room + (f64::from(WIDTH - room) * multiple.ln() / last.ln()) as i32
}

fn write(
    area: &Area,
    text: &str,
    size: i32,
    colour: &RGBColor,
    side: HPos,
    place: (i32, i32),
) -> Result<(), Box<dyn Error>> {
    let style = TextStyle::from(("sans-serif", size).into_font())
        .color(colour)
        .pos(Pos::new(side, VPos::Center));
    Ok(area.draw_text(text, &style, place)?)
}
