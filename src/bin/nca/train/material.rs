//! `nca train --material`: a texture that tiles.

use std::{path::Path, process::ExitCode, time::Instant};

use bevy_nca::{
    rule::{ReadOptions, Target},
    train::{MaterialConfig, MaterialReport, MaterialTrainer},
};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Size, Train, file_stem, source};
use crate::{Result, signals::Signals};

/// The longer side of a picture, unless `--size` says otherwise, in pixels.
const MOST_PIXELS: u32 = 128;
/// Without a progress bar, the steps between two lines.
const STEPS_OF_A_LINE: u32 = 250;

/// Trains a material with the options of `nca train`, and writes it. A signal ends training early.
pub fn train(options: &Train, image: &Path) -> Result<ExitCode> {
    let picture = read(options, image)?;
    let defaults = MaterialConfig::default();
    let config = MaterialConfig {
        name: file_stem(&options.output),
        source: source(image),
        channels: options.channels.unwrap_or(defaults.channels),
        hidden: options.hidden.unwrap_or(defaults.hidden),
        iterations: options.iterations.unwrap_or(defaults.iterations),
        seed: options.seed.unwrap_or(defaults.seed),
        ..defaults
    };
    let output = options.output.display();
    let iterations = config.iterations;
    let [width, height] = [picture.width, picture.height];
    let mut trainer = MaterialTrainer::new(config, picture)?;
    let signals = Signals::listen()?;
    let began = Instant::now();
    // The first step also warms up, and both count.
    let mut step = trainer.step()?;
    if iterations > 1 {
        let warm = Instant::now();
        step = trainer.step()?;
        let minutes = warm.elapsed().as_secs_f64() * f64::from(iterations) / 60.0;
        eprintln!("{output}: a material that tiles, from {width}x{height} pixels; about {} minutes", minutes.ceil());
    }
    let bar = ProgressBar::new(u64::from(iterations));
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent}% {msg}, {eta} left") {
        bar.set_style(style);
    }
    let mut average = step.distance;
    while trainer.iteration() < iterations && signals.received().is_none() {
        let step = trainer.step()?;
        average += (step.distance - average) * 0.02;
        bar.set_position(u64::from(step.iteration));
        let rate = f64::from(step.iteration) / began.elapsed().as_secs_f64();
        let line = format!("step {}, distance {average:.4}, {rate:.1} steps/s", step.iteration);
        if bar.is_hidden() && step.iteration.is_multiple_of(STEPS_OF_A_LINE) {
            eprintln!("{line}");
        }
        bar.set_message(line);
    }
    bar.finish_and_clear();
    trainer.model()?.write(&options.output)?;
    print(trainer.report()?);
    println!("{output}: {} steps in {:.1} minutes", trainer.iteration(), began.elapsed().as_secs_f64() / 60.0);
    Ok(if signals.received().is_some() { signals.exit_code() } else { ExitCode::SUCCESS })
}

/// Prints how far a material is from a picture.
pub fn print(MaterialReport { grown, healed, itself }: MaterialReport) {
    println!("distance to the picture, by filters that are not trained on (the picture from itself: {itself:.4}):");
    println!("{:<26}{grown:>10.4}", "grown");
    println!("{:<26}{healed:>10.4}", "200 ticks after a wound");
}

/// Reads the picture. A large one is scaled down.
fn read(options: &Train, image: &Path) -> Result<Target> {
    let reading = ReadOptions { filter: options.filter.unwrap_or_default(), ..options.sheet.reading() };
    let size = match options.size {
        Some(Size::Own) => None,
        Some(Size::Pixels(pixels)) => Some(pixels),
        None => {
            let picture = Target::read(image, reading)?;
            (picture.width.max(picture.height) > MOST_PIXELS as usize).then_some(MOST_PIXELS)
        }
    };
    Ok(Target::read(image, ReadOptions { size, ..reading })?)
}
