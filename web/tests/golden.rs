//! The golden frames of the reference implementation, on the CPU engine of a browser: in node, whose engine is Chrome's.
//!
//! `CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner` runs it.

#![cfg(target_arch = "wasm32")]

use bevy_nca::{
    cpu::{Engine, Isa, Scratch, Tick},
    rule::{Model, ModelErrorKind, State},
};
use wasm_bindgen_test::wasm_bindgen_test;

#[path = "../../tests/it/golden_frames.rs"]
mod golden_frames;

macro_rules! cases {
    ($($name:literal),*) => {
        [$((
            $name,
            include_bytes!(concat!("../../tests/golden/", $name, ".nca")).as_slice(),
            include_bytes!(concat!("../../tests/golden/", $name, ".frames.safetensors")).as_slice(),
        )),*]
    };
}

#[wasm_bindgen_test]
fn the_cpu_engine_gives_the_golden_frames() {
    for (name, model, frames) in
        cases!["standard", "small", "wrap", "rotated", "synchronous", "rare", "texture", "material", "forms"]
    {
        let golden = golden_frames::Golden::of(model, frames);
        golden.check_wound(name);
        golden.check_engine(name, Isa::Portable);
    }
}

/// A page has no files: an error says so, and names the file.
#[wasm_bindgen_test]
fn a_file_cannot_be_read() {
    let error = Model::read("models/slime.nca").unwrap_err();
    assert!(matches!(error.kind, ModelErrorKind::Io(_)), "{error}");
    assert!(error.to_string().starts_with("models/slime.nca: "), "{error}");
}

/// Not a check: prints the time of a tick, to compare with the native one.
#[wasm_bindgen_test]
fn speed() {
    let model = Model::from_bytes(include_bytes!("../../assets/models/slime.nca")).unwrap();
    let [width, height] = model.rule().grid.map(|side| side as usize);
    let engine = Engine::new(&model);
    let mut grid = engine.grid(State::seed(model.rule(), width, height)).unwrap();
    let mut scratch = Scratch::default();
    let mut run = |ticks: std::ops::Range<u32>| {
        ticks.for_each(|tick| engine.step(&mut grid, &mut scratch, Tick { tick, seed: 1, angle: 0.0 }, None));
    };
    run(0..500);
    let mut best = f64::INFINITY;
    for round in 1..11 {
        let began = bevy::platform::time::Instant::now();
        run(round * 500..(round + 1) * 500);
        best = best.min(began.elapsed().as_secs_f64() * 1e3 / 500.0);
    }
    wasm_bindgen_test::console_log!("slime: {best:.3} ms a tick");
}
