//! When the cells tick.

use bevy::prelude::*;

/// The clock of all sprites.
///
/// Ticks are counted in the main world from fixed time, so that the same inputs give the same cells
/// at any frame rate.
#[derive(Resource, Reflect, Clone, Debug, PartialEq)]
#[reflect(Resource, Clone, Debug, Default, PartialEq)]
pub struct NcaClock {
    /// Ticks in a second of game time; default 60.
    pub ticks_per_second: f32,
    /// Multiplies the rate; default 1.
    pub speed: f32,
    /// No ticks but those of [`NcaClock::step`]; default false. Wounds wait for the next tick.
    pub paused: bool,
    /// The most ticks in a frame; default 8. A machine that is too slow for its ticks slows the
    /// sprites down rather than the game.
    pub max_ticks_per_frame: u32,
    owed: f64,
    steps: u32,
    this_frame: u32,
}

impl Default for NcaClock {
    fn default() -> Self {
        Self {
            ticks_per_second: 60.0,
            speed: 1.0,
            paused: false,
            max_ticks_per_frame: 8,
            owed: 0.0,
            steps: 0,
            this_frame: 0,
        }
    }
}

impl NcaClock {
    /// Ticks so many times as soon as the frames' cap allows, paused or not.
    pub fn step(&mut self, ticks: u32) {
        self.steps = self.steps.saturating_add(ticks);
    }

    pub(super) fn begin_frame(mut clock: ResMut<Self>) {
        clock.bypass_change_detection().this_frame = 0;
    }

    /// Lets so many seconds pass, and says how many ticks are due.
    pub(super) fn advance(&mut self, seconds: f64) -> u32 {
        let rate = f64::from(self.ticks_per_second) * f64::from(self.speed);
        if !self.paused && rate.is_finite() && rate > 0.0 {
            self.owed += seconds * rate;
        }
        let due = self.owed.floor();
        self.owed -= due;
        let room = self.max_ticks_per_frame.saturating_sub(self.this_frame);
        let running = (due as u32).min(room);
        let stepped = self.steps.min(room - running);
        self.steps -= stepped;
        self.this_frame += running + stepped;
        running + stepped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(clock: &mut NcaClock, seconds: f64) -> u32 {
        clock.this_frame = 0;
        clock.advance(seconds)
    }

    #[test]
    fn the_rate_is_kept_and_capped() {
        let mut clock = NcaClock::default();
        let ticks: u32 = (0..64).map(|_| frame(&mut clock, 1.0 / 64.0)).sum();
        assert_eq!(ticks, 60);
        assert_eq!(frame(&mut clock, 1.0), 8, "what is beyond the cap is dropped");
        assert_eq!(frame(&mut clock, 0.0), 0);
        clock.speed = f32::NAN;
        assert_eq!(frame(&mut clock, 1.0), 0);
    }

    #[test]
    fn steps_are_never_dropped() {
        let mut clock = NcaClock { paused: true, ..default() };
        clock.step(11);
        assert_eq!([1.0; 3].map(|seconds| frame(&mut clock, seconds)), [8, 3, 0]);
    }
}
