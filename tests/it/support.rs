//! Helpers that several test modules share.

use std::{
    io::Write,
    path::PathBuf,
    sync::{Mutex, Once, OnceLock, PoisonError},
};

use bevy_nca::{
    NcaBackend,
    cpu::Tick,
    headless::find_gpu,
    rule::{CellMask, Model, Shape, State},
};
use safetensors::SafeTensors;
use serde::Deserialize;

pub fn golden_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The rules that have golden frames in `tests/golden`.
pub const GOLDEN: [&str; 8] = ["standard", "small", "wrap", "rotated", "synchronous", "rare", "texture", "material"];

/// A golden run: 24 ticks, with a wound before tick 12.
pub struct Golden {
    pub model: Model,
    pub seed: u32,
    pub angle: f32,
    pub wound: Shape,
    /// The state at tick 0: the seed, or noise for a texture.
    pub start: State,
    /// `(tick, state)`, in order.
    pub frames: Vec<(u32, State)>,
    /// The state at tick 12, after the wound.
    pub wounded: State,
}

pub const WOUND_TICK: u32 = 12;

#[derive(Deserialize)]
struct Case {
    seed: u32,
    angle: f32,
    wound: (String, f32, f32, f32, Option<f32>),
}

impl Golden {
    pub fn read(name: &str) -> Self {
        let model = Model::read(golden_folder().join(format!("{name}.nca"))).unwrap();
        let bytes = std::fs::read(golden_folder().join(format!("{name}.frames.safetensors"))).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let json = header.metadata().as_ref().unwrap()["case"].clone();
        // A circle has three numbers, a rectangle four: pad the circle.
        let json = json.replace("]", if json.contains("circle") { ", null]" } else { "]" });
        let case: Case = serde_json::from_str(&json).unwrap();
        let wound = match case.wound {
            (_, x, y, radius, None) => Shape::circle(x, y, radius),
            (_, x0, y0, x1, Some(y1)) => Shape::rect(x0, y0, x1, y1),
        };
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let state = |name: &str| {
            let view = tensors.tensor(name).unwrap();
            let [h, w, c] = view.shape().try_into().unwrap();
            let values = view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            State::from_values(w, h, c, values).unwrap()
        };
        Self {
            start: state("tick.0"),
            frames: [1, 2, 12, 24].map(|tick| (tick, state(&format!("tick.{tick}")))).into(),
            wounded: state("wounded.12"),
            model,
            seed: case.seed,
            angle: case.angle,
            wound,
        }
    }

    pub fn tick(&self, tick: u32) -> Tick {
        Tick { tick, seed: self.seed, angle: self.angle }
    }

    /// The wound before this tick, if there is one.
    pub fn wound_at(&self, tick: u32) -> Option<CellMask> {
        (tick == WOUND_TICK).then(|| CellMask::of(&self.wound, self.start.width(), self.start.height()))
    }
}

/// The largest absolute difference between two values.
pub fn distance(a: &State, b: &State) -> f32 {
    assert_eq!((a.width(), a.height(), a.channels()), (b.width(), b.height(), b.channels()));
    a.values().iter().zip(b.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Runs a test on the CPU, and on the GPU where there is one.
pub fn on_each_backend(test: impl Fn(NcaBackend)) {
    test(NcaBackend::Cpu);
    on_the_gpu(|| test(NcaBackend::Gpu));
}

/// Runs a test if there is a GPU. Otherwise skips it and prints a warning, or fails if `NCA_REQUIRE_GPU` is 1.
/// Tests run one at a time, because software drivers share state that they should not.
pub fn on_the_gpu(test: impl FnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    static GPU: OnceLock<Option<String>> = OnceLock::new();
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    match GPU.get_or_init(find_gpu) {
        Some(_) => test(),
        None if std::env::var_os("NCA_REQUIRE_GPU").is_some_and(|value| value == "1") => {
            panic!("NCA_REQUIRE_GPU is set, but there is no GPU adapter")
        }
        None => {
            static LOUD: Once = Once::new();
            // Bypass the test harness, which captures the output of passing tests.
            LOUD.call_once(|| {
                let line = "##### NO GPU ADAPTER: ALL GPU TESTS ARE SKIPPED (NCA_REQUIRE_GPU=1 makes them fail) #####";
                std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
            });
        }
    }
}
