//! The golden frames of the reference implementation, which a browser's test reads too.

use bevy_nca::{
    cpu::{Engine, Isa, Scratch, Tick},
    rule::{CellMask, Model, Shape, State},
};
use safetensors::SafeTensors;
use serde::Deserialize;

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
    /// The shares of the forms at each tick; empty for a rule without forms.
    pub forms: Vec<Vec<f32>>,
}

/// The largest distance from a frame.
pub const TOLERANCE: f32 = 1e-5;
pub const WOUND_TICK: u32 = 12;

#[derive(Deserialize)]
struct Case {
    seed: u32,
    angle: f32,
    /// The name of a shape, and its numbers.
    wound: Vec<serde_json::Value>,
    /// For each tick, the number of a form or the share of each. Empty for a rule without forms.
    #[serde(default)]
    forms: Vec<Form>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Number(usize),
    Shares(Vec<f32>),
}

impl Golden {
    /// From the bytes of a model and of its frames.
    pub fn of(model: &[u8], frames: &[u8]) -> Self {
        let model = Model::from_bytes(model).unwrap();
        let (_, header) = SafeTensors::read_metadata(frames).unwrap();
        let case: Case = serde_json::from_str(&header.metadata().as_ref().unwrap()["case"]).unwrap();
        let numbers: Vec<f32> = case.wound.iter().filter_map(|value| Some(value.as_f64()? as f32)).collect();
        let wound = match numbers[..] {
            [x, y, radius] => Shape::circle(x, y, radius),
            [x0, y0, x1, y1] => Shape::rect(x0, y0, x1, y1),
            _ => panic!("{:?}", case.wound),
        };
        let count = model.rule().forms.len();
        let shares = |form| match form {
            Form::Number(number) => (0..count).map(|form| f32::from(u8::from(form == number))).collect(),
            Form::Shares(shares) => shares,
        };
        let tensors = SafeTensors::deserialize(frames).unwrap();
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
            forms: case.forms.into_iter().map(shares).collect(),
        }
    }

    /// Checks the cells that the wound leaves.
    pub fn check_wound(&self, name: &str) {
        let (_, mut state) = self.frames[2].clone();
        state.wound(&self.wound_at(WOUND_TICK).unwrap());
        assert_eq!(state, self.wounded, "{name}");
    }

    /// Checks the CPU engine with these instructions against all frames.
    pub fn check_engine(&self, name: &str, isa: Isa) {
        let engine = Engine::with_isa(&self.model, isa);
        let mut grid = engine.grid(self.start.clone()).unwrap();
        let mut scratch = Scratch::default();
        for tick in 0..24 {
            engine.set_form(&mut grid, self.form(tick));
            engine.step(&mut grid, &mut scratch, self.tick(tick), self.wound_at(tick).as_ref());
            for (_, frame) in self.frames.iter().filter(|(at, _)| *at == tick + 1) {
                let distance = distance(grid.state(), frame);
                assert!(distance < TOLERANCE, "{name}, {isa:?}: {distance} at tick {}", tick + 1);
            }
        }
    }

    pub fn tick(&self, tick: u32) -> Tick {
        Tick { tick, seed: self.seed, angle: self.angle }
    }

    /// The shares of the forms at a tick.
    pub fn form(&self, tick: u32) -> &[f32] {
        self.forms.get(tick as usize).map_or(&[1.0], Vec::as_slice)
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
