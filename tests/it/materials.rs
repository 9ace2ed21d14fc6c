//! The shipped materials.

use std::path::{Path, PathBuf};

use bevy_nca::{
    cpu::{Engine, Scratch, Tick},
    rule::{Boundary, CellMask, Model, ReadOptions, Shape, State, Target, picture},
    train::MaterialReport,
};

fn materials() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/materials");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "nca")).collect()
}

/// A picture of the grown material.
fn grown(model: &Model, seed: u32) -> Target {
    let [width, height] = model.rule().grid.map(|side| side as usize);
    let engine = Engine::new(model);
    let mut grid = engine.grid(State::seed(model.rule(), width, height)).unwrap();
    let mut scratch = Scratch::default();
    for tick in 0..model.rule().mature_ticks {
        engine.step(&mut grid, &mut scratch, Tick { tick, seed, angle: 0.0 }, None);
    }
    Target { width, height, rgba: picture(model, grid.state()).into_flattened() }
}

/// After 200 ticks, what grew over a wound of a fifth is as close to the material as what it was before.
#[test]
fn every_material_grows_over_its_wounds() {
    let materials = materials();
    assert!(materials.len() >= 6, "{materials:?}");
    for path in materials {
        let model = Model::read(&path).unwrap();
        if model.overgrowth().is_some() {
            // Each of its rules is that of another.
            continue;
        }
        assert_eq!((model.rule().boundary, model.rule().alive), (Boundary::Wrap, None), "{}", path.display());
        let MaterialReport { grown, healed, .. } = MaterialReport::of(&model, &grown(&model, 5));
        assert!(grown < 0.03 && healed < 1.1 * grown, "{}: {grown}, then {healed}", path.display());
    }
}

/// The shipped models with two rules are made of the others.
#[test]
fn moss_grows_over_shipped_materials() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/materials");
    let read = |name: &str| Model::read(folder.join(format!("{name}.nca"))).unwrap();
    for name in ["bricks", "cobbles"] {
        let mossy = format!("mossy_{name}");
        assert_eq!(read(&mossy), read(name).with_overgrowth(&read("moss")).unwrap());
    }
}

/// What is painted becomes moss, what is not stays a wall, and both stay so.
#[test]
fn painted_moss_stays_within_its_bounds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/materials");
    let model = Model::read(folder.join("mossy_bricks.nca")).unwrap();
    let [width, height] = model.rule().grid.map(|side| side as usize);
    let engine = Engine::new(&model);
    let mut grid = engine.grid(State::seed(model.rule(), width, height)).unwrap();
    let mut scratch = Scratch::default();
    let disc = CellMask::of(&Shape::circle(60.0, 50.0, 30.0), width, height);
    for tick in 0..1600 {
        if tick == 600 {
            engine.set_overgrown(&mut grid, disc.clone());
        }
        engine.step(&mut grid, &mut scratch, Tick { tick, seed: 2, angle: 0.0 }, None);
    }
    let pixels = picture(&model, grid.state());
    let mean = |inside: bool| {
        let shown = pixels.iter().enumerate().filter(|(cell, _)| disc.contains(*cell) == inside);
        let [mut red, mut green, mut count] = [0.0; 3];
        for (_, [r, g, _, _]) in shown {
            (red, green, count) = (red + f64::from(*r), green + f64::from(*g), count + 1.0);
        }
        [red / count, green / count]
    };
    let ([moss_red, moss_green], [wall_red, wall_green]) = (mean(true), mean(false));
    assert!(
        moss_green > 1.5 * moss_red && wall_red > 1.5 * wall_green,
        "{moss_red} {moss_green} {wall_red} {wall_green}"
    );
}

#[test]
fn trained_materials_are_like_their_pictures() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    for name in ["cobbles", "bricks", "magma"] {
        let model = Model::read(assets.join(format!("materials/{name}.nca"))).unwrap();
        let read = |name: &str| {
            Target::read(assets.join(format!("targets/materials/{name}.png")), ReadOptions::default()).unwrap()
        };
        let report = MaterialReport::of(&model, &read(name));
        assert!(report.grown < 0.2 && report.healed < 1.1 * report.grown, "{name}: {report:?}");
        // The others are farther away, although all consist of tiles.
        for other in ["cobbles", "bricks", "magma"].into_iter().filter(|other| *other != name) {
            let apart = MaterialReport::of(&model, &read(other)).grown;
            assert!(apart > 1.5 * report.grown, "{name} is {apart} from {other}, and {} from itself", report.grown);
        }
    }
}
