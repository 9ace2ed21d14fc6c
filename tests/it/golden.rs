//! The golden frames of the reference implementation, on the oracle and the CPU engine. The GPU is in `plugin`.

use bevy_nca::cpu::{Ground, Isa, oracle_step};

use crate::support::{GOLDEN, Golden, TOLERANCE, distance};

#[test]
fn wounds_hit_the_same_cells() {
    for name in GOLDEN {
        Golden::read(name).check_wound(name);
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
            let ground = Ground { form: Some(golden.form(tick)), ..Ground::default() };
            state = oracle_step(&golden.model, &state, golden.tick(tick), ground);
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
        Golden::read(name).check_engine(name, isa);
    }
}
