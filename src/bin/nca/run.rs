use std::{path::PathBuf, str::FromStr};

use bevy_nca::{
    NcaPrecision,
    record::{PictureFormat, Recording},
    rule::{GenericBody, Model, Rule, Shape, SkinArt, State, Target},
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{Result, simulation::Simulation};

/// Ticks for which a frame of a skin is shown.
const TICKS_OF_FRAME: u32 = 6;

#[derive(Args)]
pub struct Run {
    /// A `.nca` file. With --skin, it may be left out: the art then lives in the generic body that fits it.
    #[arg(required_unless_present = "skin")]
    model: Option<PathBuf>,
    /// A PNG that is shown through the cells, of any size. An animation plays the frames of a sheet, ten a second.
    #[arg(long, value_name = "ART")]
    skin: Option<PathBuf>,
    #[command(flatten)]
    sheet: crate::Sheet,
    /// The number of ticks to run; 0 writes the seed [default: twice the model's mature_ticks].
    #[arg(long, value_name = "N")]
    ticks: Option<u32>,
    /// The seed of the noise.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u32,
    /// Width and height in cells, 1 to 1024 each [default: the model's].
    #[arg(long, value_name = "WxH")]
    grid: Option<Grid>,
    /// The rotation of the grown picture, in degrees.
    #[arg(long, value_name = "DEG", default_value_t = 0.0, allow_negative_numbers = true)]
    angle: f32,
    /// The engine that runs the cells.
    #[arg(long, value_enum, default_value_t = Backend::Cpu)]
    backend: Backend,
    /// Store 16 bits per value (half precision); GPU only.
    #[arg(long)]
    half: bool,
    /// Zero cells before a tick: circle:x,y,r@TICK or rect:x0,y0,x1,y1@TICK, in cells. May be repeated.
    #[arg(long = "wound", value_name = "SHAPE@TICK")]
    wounds: Vec<Timed>,
    /// Let cells follow the model's overgrowth from a tick on; shapes as for --wound. May be repeated.
    #[arg(long = "paint", value_name = "SHAPE@TICK")]
    paints: Vec<Timed>,
    /// Change to a form of the model before a tick, by its name: NAME@TICK. May be repeated.
    #[arg(long = "form", value_name = "NAME@TICK", value_parser = form)]
    forms: Vec<(String, u32)>,
    /// The file to write: .png (the last frame), .gif or .apng (an animation), .safetensors (tensor `state`,
    /// [H, W, C] f32).
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Ticks between the frames of an animation.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Pixels per side of a cell [default: 4 for animations, else 1], or of a pixel of the skin [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    scale: Option<u32>,
    /// The background color, as RRGGBB [default: none; 16181d for GIF, which has no semi-transparent pixels].
    #[arg(long, value_name = "RRGGBB", value_parser = color)]
    background: Option<[u8; 3]>,
}

#[derive(Clone, Copy, ValueEnum, PartialEq)]
enum Backend {
    Cpu,
    Gpu,
}

#[derive(Clone, Copy)]
struct Grid([u32; 2]);

impl FromStr for Grid {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected = || format!("expected WxH with sizes of 1 to 1024, as 72x72, found `{text}`");
        crate::pair(text, &Rule::SIDES).map(Self).ok_or_else(expected)
    }
}

/// A shape in cells, and the tick before which it applies.
#[derive(Clone)]
struct Timed {
    shape: Shape,
    tick: u32,
}

impl FromStr for Timed {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected = || format!("expected circle:x,y,r@TICK or rect:x0,y0,x1,y1@TICK, found `{text}`");
        let (shape, tick) = text.split_once('@').ok_or_else(expected)?;
        let (kind, numbers) = shape.split_once(':').ok_or_else(expected)?;
        let numbers =
            numbers.split(',').map(|number| number.trim().parse()).collect::<std::result::Result<Vec<f32>, _>>();
        let shape = match (kind, numbers.map_err(|_| expected())?.as_slice()) {
            ("circle", &[x, y, radius]) => Shape::circle(x, y, radius),
            ("rect", &[x0, y0, x1, y1]) => Shape::rect(x0, y0, x1, y1),
            _ => return Err(expected()),
        };
        if !shape.is_valid() {
            return Err(format!("expected finite numbers, a radius above 0, x0 < x1 and y0 < y1, found `{text}`"));
        }
        Ok(Self { shape, tick: tick.parse().map_err(|_| expected())? })
    }
}

fn form(text: &str) -> std::result::Result<(String, u32), String> {
    let found = text.rsplit_once('@').and_then(|(name, tick)| Some((name.to_owned(), tick.parse().ok()?)));
    found.ok_or_else(|| format!("expected NAME@TICK, found `{text}`"))
}

fn color(text: &str) -> std::result::Result<[u8; 3], String> {
    let number = u32::from_str_radix(text.trim_start_matches('#'), 16).ok().filter(|_| text.is_ascii());
    match number {
        Some(rgb) if text.trim_start_matches('#').len() == 6 => Ok([(rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8]),
        _ => Err(format!("expected six hexadecimal digits, found `{text}`")),
    }
}

/// The kind of output, by the file's extension.
enum Output {
    Picture(PictureFormat),
    Cells,
}

impl Run {
    fn expected(&self) -> Result<Output> {
        if self.output.extension().is_some_and(|extension| extension == "safetensors") {
            return Ok(Output::Cells);
        }
        let wrong = || format!("{}: expected the extension .png, .gif, .apng or .safetensors", self.output.display());
        Ok(Output::Picture(PictureFormat::of(&self.output).ok_or_else(wrong)?))
    }

    /// The model, and the frames of its skin if it has one.
    fn model_and_skin(&self) -> Result<(Model, Vec<SkinArt>)> {
        let model = self.model.as_ref().map(Model::read).transpose()?;
        let Some(skin) = &self.skin else {
            if self.sheet.is_given() {
                return Err("--frames, --tile and --uv need --skin".into());
            }
            return Ok((model.ok_or("expected a model")?, Vec::new()));
        };
        if self.angle != 0.0 {
            return Err("--angle is for a sprite without a skin".into());
        }
        let (frames, uvs) = Target::read_frames_and_uv(skin, self.sheet.uv.as_deref(), self.sheet.frames())?;
        let (model, art) = match model {
            Some(model) => (model, frames.first().cloned().map(SkinArt::new)),
            None => {
                let (model, art) = GenericBody::for_frames(&frames, &uvs)?;
                (model, Some(art))
            }
        };
        let skin = |(index, frame): (usize, Target)| {
            let art = art.as_ref()?.with_picture(frame);
            Some(match uvs.get(index) {
                Some(uv) => art.with_uv(uv.clone()),
                None => art,
            })
        };
        Ok((model, frames.into_iter().enumerate().filter_map(skin).collect()))
    }

    pub fn run(&self) -> Result {
        let expected = self.expected()?;
        let (model, skin) = self.model_and_skin()?;
        let rule = model.rule();
        let ticks = self.ticks.unwrap_or(rule.mature_ticks.saturating_mul(2));
        let grid = self.grid.map_or(rule.grid, |grid| grid.0);
        if !self.paints.is_empty() && model.overgrowth().is_none() {
            return Err("--paint is for a model with an overgrowth; `nca overgrow` writes one".into());
        }
        for (name, _) in &self.forms {
            if !rule.forms.contains(name) {
                return Err(format!("--form: expected one of the forms {:?}, found `{name}`", rule.forms).into());
            }
        }
        for (name, tick) in self.forms.iter().filter(|(_, tick)| *tick >= ticks) {
            eprintln!("nca: the form {name} at tick {tick} never comes: the run ends before tick {ticks}");
        }
        for (what, timed) in [("wound", &self.wounds), ("paint", &self.paints)] {
            for late in timed.iter().filter(|timed| timed.tick >= ticks) {
                eprintln!("nca: a {what} at tick {} never comes: the run ends before tick {ticks}", late.tick);
            }
        }
        let animated = matches!(expected, Output::Picture(PictureFormat::Gif | PictureFormat::Apng));
        let mut recording = Recording::default()
            .with_scale(self.scale.unwrap_or(if animated && skin.is_empty() { 4 } else { 1 }))
            // The default clock runs 60 ticks per second.
            .with_frame_millis((self.every.saturating_mul(1000) / 60).clamp(20, 10_000) as u16);
        let gif = matches!(expected, Output::Picture(PictureFormat::Gif));
        if let Some(color) = self.background.or(gif.then_some(Recording::DARK)) {
            recording = recording.with_background(color);
        }

        let bar = ProgressBar::new(u64::from(ticks));
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} ticks, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        let gpu = match (self.backend, self.half) {
            (Backend::Cpu, false) => None,
            (Backend::Cpu, true) => return Err("--half is for --backend gpu: the CPU keeps 32 bits".into()),
            (Backend::Gpu, false) => Some(NcaPrecision::Full),
            (Backend::Gpu, true) => Some(NcaPrecision::Half),
        };
        let mut simulation = Simulation::new(&model, grid, self.seed, self.angle.to_radians(), gpu)?;
        // The picture of coordinates is that of their form.
        let in_form = |name: Option<&str>| {
            let form = rule.forms.iter().position(|form| Some(form.as_str()) == name).unwrap_or(0);
            model.in_form(form)
        };
        let mut shown = in_form(None)?;
        let record = |recording: &mut Recording, shown: &Model, tick: u32, state: &State| match skin.as_slice() {
            [] => recording.push(shown, state),
            frames => {
                let frame = (tick / TICKS_OF_FRAME) as usize % frames.len();
                recording.push_skin(&frames[frame], &model, state);
            }
        };
        let mut tick = 0;
        loop {
            if animated && (tick == ticks || tick % self.every == 0) {
                record(&mut recording, &shown, tick, &simulation.state()?);
            }
            if tick == ticks {
                break;
            }
            for wound in self.wounds.iter().filter(|wound| wound.tick == tick) {
                simulation.wound(&wound.shape);
            }
            for paint in self.paints.iter().filter(|paint| paint.tick == tick) {
                simulation.paint(&paint.shape);
            }
            for (name, _) in self.forms.iter().filter(|(_, at)| *at == tick) {
                simulation.set_form(&model, name);
                shown = in_form(Some(name))?;
            }
            // Advance to the next wound, paint, form, frame or end, by at most 64 ticks.
            let timed = self.wounds.iter().chain(&self.paints).map(|timed| timed.tick);
            let timed = timed.chain(self.forms.iter().map(|(_, tick)| *tick)).filter(|at| *at > tick);
            let frame = animated.then(|| (tick / self.every + 1) * self.every);
            let next = timed.chain(frame).chain([tick + 64, ticks]).min().unwrap_or(ticks);
            simulation.advance(next - tick);
            tick = next;
            bar.set_position(u64::from(tick));
        }
        bar.finish_and_clear();

        match expected {
            Output::Cells => simulation.state()?.write(&self.output)?,
            Output::Picture(_) => {
                if !animated {
                    record(&mut recording, &shown, tick, &simulation.state()?);
                }
                recording.write(&self.output)?;
            }
        }
        println!("{}: tick {ticks}", self.output.display());
        Ok(())
    }
}
