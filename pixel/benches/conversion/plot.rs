//! Line plots as SVG.

use plotters::prelude::*;
use std::error::Error;

const FONT: &str = "sans-serif";

const COLOURS: [RGBColor; 4] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x5f, 0x0e),
    RGBColor(0x2c, 0x8c, 0x2c),
    RGBColor(0x94, 0x4b, 0xbd),
];

pub struct Plot {
    pub title: &'static str,
    pub x_label: &'static str,
    pub y_label: &'static str,
    pub lines: Vec<Line>,
}

pub struct Line {
    name: String,
    /// Something to compare with
    is_reference: bool,
    points: Vec<(f64, f64)>,
}

impl Line {
    pub fn new(name: impl Into<String>, points: impl Iterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            is_reference: false,
            points: points.collect(),
        }
    }

    pub fn reference(mut self) -> Self {
        self.is_reference = true;
        self
    }
}

impl Plot {
    /// The plot as SVG.
    pub fn draw(&self) -> String {
        let mut svg = String::new();
        self.draw_on(SVGBackend::with_string(&mut svg, (760, 440)))
            .expect("drawing into memory does not fail");
        svg
    }

    fn draw_on(&self, backend: SVGBackend) -> Result<(), Box<dyn Error>> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x_max = points().map(|point| point.0).fold(0.0, f64::max);
        let y_max = points().map(|point| point.1).fold(0.0, f64::max);

        let area = backend.into_drawing_area();
        area.fill(&WHITE)?;
        // The names of the lines are above them.
        let y_max = y_max * (1.1 + 0.1 * self.lines.len() as f64);
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, (FONT, 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..x_max * 1.05, 0.0..y_max)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(x_max as usize + 1)
            .x_label_formatter(&|x| x.to_string())
            .x_desc(self.x_label)
            .y_desc(self.y_label)
            .label_style((FONT, 14))
            .draw()?;
        let mut colours = COLOURS.iter().cycle();
        for line in &self.lines {
            let colour = match colours.next() {
                Some(colour) if !line.is_reference => colour,
                _ => &BLACK,
            };
            let style = colour.stroke_width(if line.is_reference { 1 } else { 2 });
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), style).point_size(3))?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .legend_area_size(32)
            .label_font((FONT, 14))
            .draw()?;
        area.present()?;
        Ok(())
    }
}
