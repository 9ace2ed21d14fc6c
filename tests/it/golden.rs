//! The golden frames of the reference implementation, on the oracle and the CPU engine. The GPU is in `plugin`.

use bevy_nca::cpu::{Engine, Ground, Isa, Scratch, oracle_step};

use crate::support::{GOLDEN, Golden, WOUND_TICK, distance};

const TOLERANCE: f32 = 1e-5;

#[test]
fn wounds_hit_the_same_cells() {
    for name in GOLDEN {
        let golden = Golden::read(name);
        let (_, mut state) = golden.frames[2].clone();
        state.wound(&golden.wound_at(WOUND_TICK).unwrap());
        assert_eq!(state, golden.wounded, "{name}");
    }
}

#[test]
fn the_oracle_gives_the_golden_frames() {
    for name in GOLDEN {
        let golden = Golden::read(name);
        let mut state = golden.start.clone();
        for tick in 0..24 {
            if let Some(wound) = golden.wound_at(tick) {
                state.wound(&wound);
            }
            state = oracle_step(&golden.model, &state, golden.tick(tick), Ground::default());
            for (_, frame) in golden.frames.iter().filter(|(at, _)| *at == tick + 1) {
                let distance = distance(&state, frame);
                assert!(distance < TOLERANCE, "{name}: {distance} at tick {}", tick + 1);
            }
        }
    }
}

#[test]
fn the_cpu_engine_gives_the_golden_frames() {
    for (name, isa) in GOLDEN.into_iter().flat_map(|name| Isa::available().into_iter().map(move |isa| (name, isa))) {
        let golden = Golden::read(name);
        let engine = Engine::with_isa(&golden.model, isa);
        let mut grid = engine.grid(golden.start.clone()).unwrap();
        let mut scratch = Scratch::default();
        for tick in 0..24 {
            engine.step(&mut grid, &mut scratch, golden.tick(tick), golden.wound_at(tick).as_ref());
            for (_, frame) in golden.frames.iter().filter(|(at, _)| *at == tick + 1) {
                let distance = distance(grid.state(), frame);
                assert!(distance < TOLERANCE, "{name}, {isa:?}: {distance} at tick {}", tick + 1);
            }
        }
    }
}
