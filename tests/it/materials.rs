//! The shipped materials.

use std::path::{Path, PathBuf};

use bevy_nca::{
    cpu::{Engine, Scratch, Tick},
    rule::{Boundary, Model, ReadOptions, State, Target, picture},
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
        assert_eq!((model.rule().boundary, model.rule().alive), (Boundary::Wrap, None), "{}", path.display());
        let MaterialReport { grown, healed, .. } = MaterialReport::of(&model, &grown(&model, 5));
        assert!(grown < 0.03 && healed < 1.1 * grown, "{}: {grown}, then {healed}", path.display());
    }
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
