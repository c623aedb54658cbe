//! Draws the cold CPU of each function beside the echo's, as bars.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use serde_json::Value;

use crate::aims::ours;

const WIDTH: u32 = 900;
const BAR: u32 = 26;
const AIM: f64 = 2.5;
const OURS: RGBColor = RGBColor(11, 110, 153);
const ABOVE: RGBColor = RGBColor(201, 106, 18);

pub(crate) fn draw(init: &Value, path: &Path) -> Result<()> {
    let bars: Vec<_> =
        ours(init).filter_map(|(name, row)| Some((name, row.get("coldCpuToEcho")?.as_f64()?))).collect();
    let most = bars.iter().map(|(_, ratio)| *ratio).fold(AIM, f64::max) * 1.1;
    let count = i32::try_from(bars.len())?;
    let height = BAR * u32::try_from(bars.len())? + 90;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let fault = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", path.display());
    area.fill(&WHITE).map_err(|error| fault(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Cold CPU (init and first answer), × a bare lambda_runtime echo", ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(30)
        .y_label_area_size(250)
        .build_cartesian_2d(0.0..most, (0..count - 1).into_segmented())
        .map_err(|error| fault(&error))?;
    let name = |segment: &SegmentValue<i32>| match segment {
        SegmentValue::CenterOf(at) => {
            let bar = usize::try_from(count - 1 - at).ok().and_then(|at| bars.get(at));
            bar.map_or_else(String::new, |(name, ratio)| format!("{name}  {ratio:.1}"))
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(bars.len())
        .y_label_formatter(&name)
        .x_label_formatter(&|ratio| format!("{ratio:.1}"))
        .label_style(("sans-serif", 14))
        .draw()
        .map_err(|error| fault(&error))?;
    let drawn = bars.iter().zip((0..count).rev()).map(|((_, ratio), at)| {
        let color = if *ratio > AIM { ABOVE } else { OURS };
        let corners = [(0.0, SegmentValue::Exact(at)), (*ratio, SegmentValue::Exact(at + 1))];
        let mut bar = Rectangle::new(corners, color.filled());
        bar.set_margin(4, 4, 0, 0);
        bar
    });
    chart.draw_series(drawn).map_err(|error| fault(&error))?;
    let line = [(AIM, SegmentValue::Exact(0)), (AIM, SegmentValue::Exact(count))];
    chart.draw_series(LineSeries::new(line, BLACK.stroke_width(1))).map_err(|error| fault(&error))?;
    area.present().map_err(|error| fault(&error))
}
