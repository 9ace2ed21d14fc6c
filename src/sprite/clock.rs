//! When the cells tick.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow},
    prelude::*,
    window::RequestRedraw,
};

use super::{
    NcaTexture,
    populations::Populations,
    texture::{NcaSlot, Occupants},
};

/// The clock of all sprites.
///
/// Ticks are counted in the main world from fixed time, so that the same inputs give the same cells
/// at any frame rate. A model whose shaders are still being compiled does not tick, so on the GPU its
/// first sprite starts a few frames late.
#[derive(Resource, Reflect, Clone, Debug, PartialEq)]
#[reflect(Resource, Clone, Debug, Default, PartialEq)]
pub struct NcaClock {
    /// Ticks in a second of game time; default 60.
    pub ticks_per_second: f32,
    /// Multiplies the rate; default 1.
    pub speed: f32,
    /// No ticks but those of [`NcaClock::steps`]; default false. Wounds wait for the next tick.
    pub paused: bool,
    /// The most ticks in a frame; default 16, which at 60 ticks a second is enough for the longest
    /// frame that Bevy's [`Time<Virtual>`] counts, a quarter of a second. A machine that is too slow
    /// for its ticks slows the sprites down rather than the game. A step of slower fixed time may hold this many for
    /// each 60th of a second that it lasts.
    pub max_ticks_per_frame: u32,
    /// A whole or dead sprite to which nothing has happened for so many of its own ticks falls asleep;
    /// see [`NcaSleeping`](super::NcaSleeping). Default 600, ten seconds, by when it is known how a
    /// trained sprite is. `None`: they never do. Textures, which have no life mask, never do either.
    pub sleep_after: Option<u32>,
    /// Ticks to do besides, paused or not, as soon as the frames' cap allows and every sprite is ready: its model is
    /// loaded and compiled, and it is known what a grown one looks like; default 0. The clock counts it down. While
    /// Bevy's [`Time<Virtual>`] is paused, fixed time stands still, and this waits too.
    pub steps: u32,
    /// The part of the next tick that has passed, 0 to 1; default 0. With it, a copy of the clock goes on exactly as
    /// the original, as rollback wants.
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

/// How fast one sprite lives, beside an [`NcaTexture`]. Without it, at the pace of the clock.
///
/// ```
/// # use bevy_nca::prelude::*;
/// // Heals at a quarter of the speed.
/// let slow = NcaPace { speed: 0.25, ..Default::default() };
/// ```
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
pub struct NcaPace {
    /// Ticks for each tick of the [`NcaClock`], 0 to 16; default 1. A fraction lets it miss ticks.
    pub speed: f32,
    /// No ticks; default false. Wounds wait for the next one.
    pub paused: bool,
}

impl Default for NcaPace {
    fn default() -> Self {
        Self { speed: 1.0, paused: false }
    }
}

impl NcaPace {
    /// Ticks for each tick of the clock.
    pub(super) fn rate(&self) -> f64 {
        let stands_still = self.paused || self.speed.is_nan();
        if stands_still { 0.0 } else { f64::from(self.speed.clamp(0.0, 16.0)) }
    }
}

/// Who has another pace, or another place.
type Paced<'w, 's> =
    Query<'w, 's, (&'static NcaPace, &'static NcaSlot), (Or<(Changed<NcaPace>, Changed<NcaSlot>)>, Allow<Disabled>)>;

/// Sprites follow what was changed.
pub(super) fn follow_pace(sprites: Paced, mut populations: ResMut<Populations>) {
    for (pace, slot) in &sprites {
        if let Some(occupant) = slot.place.and_then(|place| populations.occupant_mut(place)) {
            occupant.set_pace(*pace);
        }
    }
}

pub(super) fn on_pace_removed(removed: On<Remove, NcaPace>, mut occupants: Occupants) {
    if let Some(occupant) = occupants.get_mut(removed.entity) {
        occupant.set_pace(NcaPace::default());
    }
}

/// Frames for which a redraw is asked after the last sprite has come to rest: what is read from the GPU comes late.
const AFTERGLOW: u32 = 8;

/// Asks for another frame while something grows, for apps that draw only when something happens.
pub(super) fn redraw(
    clock: Res<NcaClock>,
    time: Option<Res<Time<Virtual>>>,
    mut populations: ResMut<Populations>,
    homeless: Query<(&NcaTexture, &NcaSlot)>,
    assets: Res<AssetServer>,
    requests: Option<MessageWriter<RequestRedraw>>,
    mut left: Local<u32>,
) {
    let Some(mut requests) = requests else { return };
    let (ticks, works) = populations.bypass_change_detection().is_busy();
    let is_paused = time.is_some_and(|time| time.is_paused());
    let runs = !is_paused && (clock.steps > 0 || !clock.paused && clock.ticks_per_second * clock.speed > 0.0);
    let loads = populations.homeless.iter().filter_map(|entity| homeless.get(*entity).ok());
    let mut loads = loads.filter(|(_, slot)| slot.place.is_none());
    if ticks && runs || works || loads.any(|(texture, _)| assets.load_state(&texture.model).is_loading()) {
        *left = AFTERGLOW;
    }
    if *left > 0 {
        *left -= 1;
        requests.write(RequestRedraw);
    }
}

/// How many ticks the clock has had in this frame.
#[derive(Resource, Default)]
pub(super) struct ClockHand {
    this_frame: u32,
}

impl ClockHand {
    pub(super) fn begin_frame(mut hand: ResMut<Self>) {
        hand.this_frame = 0;
    }

    /// Lets so many seconds pass, of fixed time or not, and says how many ticks are due. Steps wait unless
    /// `all_ready`.
    pub(super) fn advance(&mut self, clock: &mut NcaClock, seconds: f64, is_fixed: bool, all_ready: bool) -> u32 {
        let rate = f64::from(clock.ticks_per_second) * f64::from(clock.speed);
        if !clock.paused && rate.is_finite() && rate > 0.0 {
            clock.fraction += seconds * rate;
        }
        if !clock.fraction.is_finite() {
            clock.fraction = 0.0;
        }
        let due = clock.fraction.floor();
        clock.fraction = (clock.fraction - due).clamp(0.0, 1.0);
        let frames = if is_fixed { (seconds * 60.0).max(1.0) } else { 1.0 };
        // A float cast saturates.
        let most = (f64::from(clock.max_ticks_per_frame) * frames) as u32;
        let room = most.saturating_sub(self.this_frame);
        let running = (due as u32).min(room);
        let stepped = if all_ready { clock.steps.min(room - running) } else { 0 };
        clock.steps -= stepped;
        self.this_frame += running + stepped;
        running + stepped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(hand: &mut ClockHand, clock: &mut NcaClock, seconds: f64) -> u32 {
        hand.this_frame = 0;
        hand.advance(clock, seconds, false, true)
    }

    /// The cap is against stalls, and not against a slow schedule.
    #[test]
    fn a_slow_schedule_loses_no_tick() {
        for (hertz, speed) in [(2, 1.0), (2, 8.0), (10, 1.0), (64, 1.0), (1, 1.0)] {
            let (mut hand, mut clock) = (ClockHand::default(), NcaClock { speed, ..default() });
            let ticks: u32 = (0..10 * hertz)
                .map(|_| {
                    hand.this_frame = 0;
                    hand.advance(&mut clock, 1.0 / f64::from(hertz), true, true)
                })
                .sum();
            assert_eq!(ticks, (600.0 * speed) as u32, "{hertz} Hz");
        }
        // Many steps in one frame are a stall.
        let (mut hand, mut clock) = (ClockHand::default(), NcaClock::default());
        let ticks: u32 = (0..100).map(|_| hand.advance(&mut clock, 1.0 / 64.0, true, true)).sum();
        assert_eq!(ticks, 16);
    }

    #[test]
    fn the_rate_is_kept_and_capped() {
        let (mut hand, mut clock) = (ClockHand::default(), NcaClock::default());
        let ticks: u32 = (0..64).map(|_| frame(&mut hand, &mut clock, 1.0 / 64.0)).sum();
        assert_eq!(ticks, 60);
        assert_eq!(frame(&mut hand, &mut clock, 1.0), 16, "what is beyond the cap is dropped");
        assert_eq!(frame(&mut hand, &mut clock, 0.0), 0);
        clock.speed = f32::NAN;
        assert_eq!(frame(&mut hand, &mut clock, 1.0), 0);
    }

    #[test]
    fn steps_are_never_dropped() {
        let mut hand = ClockHand::default();
        let mut clock = NcaClock { paused: true, steps: 19, ..default() };
        assert_eq!(hand.advance(&mut clock, 1.0, false, false), 0, "not everyone is ready");
        assert_eq!([1.0; 3].map(|seconds| frame(&mut hand, &mut clock, seconds)), [16, 3, 0]);
        assert_eq!(clock.steps, 0);
    }
}
