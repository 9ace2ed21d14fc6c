//! The speed of sprites.

use bevy::prelude::*;

/// The clock of all sprites.
///
/// Ticks follow fixed time in the main world. The same inputs therefore give the same cells at any frame rate. A model
/// does not tick while its shaders compile: on the GPU, its first sprite starts a few frames late.
#[derive(Resource, Reflect, Clone, Debug, PartialEq)]
#[reflect(Resource, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaClock {
    /// Ticks per second of game time; default 60.
    pub ticks_per_second: f32,
    /// Multiplies [`ticks_per_second`](Self::ticks_per_second); default 1.
    pub speed: f32,
    /// Stops all ticks except those of [`NcaClock::steps`]; default false. Wounds wait for the next tick.
    pub paused: bool,
    /// The maximum number of ticks per frame; default 16. At 60 ticks per second, that covers a quarter of a second,
    /// the longest frame that Bevy's [`Time<Virtual>`] counts. Further ticks are dropped: on a slow machine, the
    /// sprites slow down instead of the game. If fixed time is slower than 60 Hz, the maximum grows in proportion to
    /// the step.
    pub max_ticks_per_frame: u32,
    /// A whole or dead sprite falls asleep after this many of its own ticks without a change; see
    /// [`NcaSleeping`](super::NcaSleeping). Default 600, ten seconds: a trained sprite is stable by then. With `None`,
    /// no sprite falls asleep. A sprite without a life mask never falls asleep.
    pub sleep_after: Option<u32>,
    /// Extra ticks to run, paused or not; default 0. They run within the maximum per frame, once all models are loaded,
    /// their shaders are compiled, and their grown shapes are known. The clock counts them down. They wait while Bevy's
    /// [`Time<Virtual>`] is paused.
    pub steps: u32,
    /// The elapsed fraction of the next tick, 0 to 1; default 0. Rollback needs it: a copy of the clock continues
    /// exactly where the original was.
    pub fraction: f64,
}

impl Default for NcaClock {
    fn default() -> Self {
        Self {
            ticks_per_second: 60.0,
            speed: 1.0,
            paused: false,
            max_ticks_per_frame: 16,
            sleep_after: Some(600),
            steps: 0,
            fraction: 0.0,
        }
    }
}

/// The speed of one sprite, beside an [`NcaTexture`](super::NcaTexture). A sprite without it follows the clock.
///
/// ```
/// # use bevy_nca::prelude::*;
/// // Heals at a quarter of the speed.
/// let slow = NcaPace { speed: 0.25, ..Default::default() };
/// ```
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaPace {
    /// Ticks per tick of the [`NcaClock`], 0 to 16; default 1. Below 1, the sprite skips ticks.
    pub speed: f32,
    /// Stops the sprite; default false. Wounds wait for its next tick.
    pub paused: bool,
}

impl Default for NcaPace {
    fn default() -> Self {
        Self { speed: 1.0, paused: false }
    }
}

impl NcaPace {
    /// Ticks per tick of the clock.
    pub(crate) fn rate(&self) -> f64 {
        let stands_still = self.paused || self.speed.is_nan();
        if stands_still { 0.0 } else { f64::from(self.speed.clamp(0.0, 16.0)) }
    }
}
