//! Pictures of a run: strips of frames, the final animation, and the plot of the loss.

use std::path::Path;

use plotters::prelude::*;

use super::TrainError;
use crate::{
    cpu::{Engine, Scratch, Tick},
    record::Recording,
    rule::{CellMask, Model, Rgba, State, Target, all_of, picture, write_atomic},
    scorecard::Wound,
};

/// The noise seed of previews.
const SEED: u32 = 1;
/// The ticks of a preview's wound and of its last frame.
const WOUND_TICK: u32 = 200;
const LAST_TICK: u32 = 400;

/// The ticks for which each form is shown.
const FORM_TICKS: u32 = 180;

/// Writes a strip of two rows. In the upper row, a sprite grows, loses its lower half, and heals. The lower row
/// shows the final states of the last step's samples, each with its form.
pub(super) fn write_strip(
    path: &Path,
    model: &Model,
    target: &Target,
    batch: &[(usize, State)],
) -> Result<(), TrainError> {
    let mut frames = Vec::new();
    const TICKS: [u32; 10] = [16, 32, 64, 96, 199, WOUND_TICK, 216, 232, 264, LAST_TICK];
    run(
        model,
        target,
        &[(WOUND_TICK, Wound::Lower)],
        LAST_TICK,
        |_| 0,
        |tick, state| {
            frames.extend(TICKS.contains(&tick).then(|| (0, state.clone())));
        },
    );
    let [width, height] = model.rule().grid.map(|side| side as usize);
    let batch: Vec<(usize, State)> =
        batch.iter().take(TICKS.len()).map(|(form, state)| (*form, cropped(state, width, height))).collect();
    let (width, height, pixels) = tiles(&in_forms(model)?, &[&frames, &batch]);
    let scale = (160 / model.rule().grid[0].max(1)).max(2);
    let mut recording = Recording::default().with_scale(scale).with_background(Recording::DARK);
    recording.push_pixels(width, height, pixels);
    Ok(recording.write(path)?)
}

/// Writes an animation of a sprite that grows, is wounded four times, and heals. With several forms, it then goes through
/// all of them.
pub(super) fn write_film(path: &Path, model: &Model, target: &Target) -> Result<(), TrainError> {
    let wounds = [(180, Wound::Lower), (300, Wound::Discs), (420, Wound::Left), (540, Wound::Scattered)];
    const HEALED: u32 = 720;
    let forms = in_forms(model)?;
    let form_at = |tick: u32| match tick.checked_sub(HEALED) {
        Some(later) => (later / FORM_TICKS + 1) as usize % forms.len(),
        None => 0,
    };
    let end = HEALED + if forms.len() > 1 { forms.len() as u32 * FORM_TICKS } else { 0 };
    let scale = (320 / model.rule().grid[0].max(1)).max(2);
    let mut recording = Recording::default().with_scale(scale).with_background(Recording::DARK).with_frame_millis(50);
    run(model, target, &wounds, end, form_at, |tick, state| {
        if tick % 3 == 0 {
            recording.push(&forms[form_at(tick)], state);
        }
    });
    Ok(recording.write(path)?)
}

/// A model in each of its forms, which show pictures of their own.
fn in_forms(model: &Model) -> Result<Vec<Model>, TrainError> {
    let forms = (0..model.rule().forms.len().max(1)).map(|form| model.in_form(form));
    Ok(forms.collect::<Result<_, _>>()?)
}

/// Grows a sprite, in a form for each tick. Calls `frame` with the cells before each tick, after the tick's wound.
fn run(
    model: &Model,
    target: &Target,
    wounds: &[(u32, Wound)],
    ticks: u32,
    form_at: impl Fn(u32) -> usize,
    mut frame: impl FnMut(u32, &State),
) {
    let [width, height] = model.rule().grid.map(|side| side as usize);
    let engine = Engine::new(model);
    let Some(mut grid) = engine.grid(State::seed(model.rule(), width, height)) else { return };
    let mut scratch = Scratch::default();
    for tick in 0..=ticks {
        let mask = |wound: &Wound| wound.mask(target, width, height, SEED);
        let wound: Option<CellMask> = wounds.iter().find(|(at, _)| *at == tick).map(|(_, wound)| mask(wound));
        match &wound {
            Some(wound) => {
                let mut state = grid.state().clone();
                state.wound(wound);
                frame(tick, &state);
            }
            None => frame(tick, grid.state()),
        }
        let form = form_at(tick);
        engine.set_form(&mut grid, &all_of(form));
        engine.step(&mut grid, &mut scratch, Tick { tick, seed: SEED, angle: 0.0 }, wound.as_ref());
    }
}

/// The middle of a state, of at most its size.
fn cropped(state: &State, width: usize, height: usize) -> State {
    let (left, top) = ((state.width() - width) / 2, (state.height() - height) / 2);
    let mut middle = State::zeros(width, height, state.channels());
    for (y, row) in middle.values_mut().chunks_exact_mut(width * state.channels()).enumerate() {
        let first = ((top + y) * state.width() + left) * state.channels();
        row.copy_from_slice(&state.values()[first..][..row.len()]);
    }
    middle
}

/// Tiles rows of sprites, each with its form, into one picture. Returns its width, height and pixels.
fn tiles(forms: &[Model], rows: &[&[(usize, State)]]) -> (u32, u32, Vec<Rgba>) {
    let [width, height] = forms[0].rule().grid.map(|side| side as usize);
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or_default();
    let across = columns * width;
    let mut pixels = vec![[0; 4]; across * height * rows.len()];
    for (row, states) in rows.iter().enumerate() {
        for (column, (form, state)) in states.iter().enumerate() {
            for (y, line) in picture(&forms[*form], state).chunks_exact(width).enumerate() {
                pixels[(row * height + y) * across + column * width..][..width].copy_from_slice(line);
            }
        }
    }
    (across as u32, (rows.len() * height) as u32, pixels)
}

/// Plots the loss of each step and its moving average over the iterations, as SVG.
pub(super) fn write_plot(path: &Path, losses: &[(u32, f32)]) -> Result<(), TrainError> {
    let positive: Vec<(u32, f32)> = losses.iter().copied().filter(|(_, loss)| *loss > 0.0).collect();
    let (Some(first), Some(last)) = (positive.first(), positive.last()) else { return Ok(()) };
    let low = positive.iter().map(|(_, loss)| *loss).fold(f32::INFINITY, f32::min);
    let high = positive.iter().map(|(_, loss)| *loss).fold(0.0, f32::max);
    let mut average = first.1;
    let smooth = positive.iter().map(|&(iteration, loss)| {
        average += (loss - average) * 0.03;
        (iteration, average)
    });
    let mut svg = String::new();
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(&mut svg, (960, 480)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .x_label_area_size(40)
            .y_label_area_size(72)
            .build_cartesian_2d(first.0..last.0 + 1, (low * 0.8..high * 1.25).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("iteration")
            .y_desc("mean squared error")
            .y_label_formatter(&|loss| format!("{loss:.0e}"))
            .draw()?;
        // A few thousand points look the same as all of them.
        let sparse = positive.iter().copied().step_by(1 + positive.len() / 2000);
        chart.draw_series(LineSeries::new(sparse, RGBColor(190, 205, 225)))?;
        let step = 1 + positive.len() / 1000;
        chart.draw_series(LineSeries::new(smooth.step_by(step), RGBColor(30, 90, 180).stroke_width(2)))?;
        root.present()?;
        Ok(())
    };
    draw().map_err(|error| TrainError::at(path)(std::io::Error::other(error.to_string())))?;
    write_atomic(path, svg.as_bytes()).map_err(TrainError::at(path))
}
