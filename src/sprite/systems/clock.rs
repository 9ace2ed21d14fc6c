//! The clock advances, and sprites tick.

use bevy::{
    ecs::{entity_disabling::Disabled, intern::Interned, query::Allow, schedule::ScheduleLabel},
    prelude::*,
    window::RequestRedraw,
};

use super::{instances::Instances, lifecycle::LoadingTextures};
use crate::sprite::{
    components::{NcaClock, NcaPace, Placement},
    populations::Populations,
    sets::NcaSystems,
};

/// Lets sprites tick.
pub(crate) struct ClockPlugin {
    /// The schedule in which sprites tick.
    pub(crate) schedule: Interned<dyn ScheduleLabel>,
}

impl Plugin for ClockPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaClock>()
            .register_type::<NcaPace>()
            .init_resource::<NcaClock>()
            .init_resource::<FrameTicks>()
            .add_observer(on_pace_removed)
            .add_systems(First, FrameTicks::reset.in_set(NcaSystems::Receive))
            .add_systems(self.schedule, (follow_pace, advance, tick).chain().in_set(NcaSystems::Tick))
            .add_systems(Last, redraw.in_set(NcaSystems::Redraw));
    }
}

/// Sprites whose pace or instance has changed.
type ChangedPaces<'w, 's> = Query<
    'w,
    's,
    (&'static NcaPace, &'static Placement),
    (Or<(Changed<NcaPace>, Changed<Placement>)>, Allow<Disabled>),
>;

fn follow_pace(sprites: ChangedPaces, mut populations: ResMut<Populations>) {
    let populations = populations.bypass_change_detection();
    for (pace, placement) in &sprites {
        if let Some(instance) = placement.id.and_then(|id| populations.instance_mut(id)) {
            instance.set_pace(pace.rate());
        }
    }
}

fn on_pace_removed(removed: On<Remove, NcaPace>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(removed.entity) {
        instance.set_pace(NcaPace::default().rate());
    }
}

/// Advances the clock.
pub(super) fn advance(
    time: Res<Time>,
    fixed: Option<Res<Time<Fixed>>>,
    mut clock: ResMut<NcaClock>,
    mut frame: ResMut<FrameTicks>,
    populations: Res<Populations>,
    loading: LoadingTextures,
) {
    let clock = clock.bypass_change_detection();
    let all_ready = clock.steps > 0 && populations.all_ready() && !loading.any();
    // A long step is a stall, except in fixed time.
    let is_fixed = fixed.is_some_and(|fixed| fixed.timestep() == time.delta());
    frame.due = frame.advance(clock, time.delta_secs_f64(), is_fixed, all_ready);
}

/// Lets sprites tick.
pub(super) fn tick(clock: Res<NcaClock>, frame: Res<FrameTicks>, mut populations: ResMut<Populations>) {
    let populations = populations.bypass_change_detection();
    populations.iter_mut().for_each(|population| population.tick(frame.due, clock.sleep_after));
}

/// Frames to request after the last sprite has come to rest. Read-backs from the GPU arrive late.
const LINGER_FRAMES: u32 = 8;

/// Requests another frame while something grows, for apps that draw only on demand.
fn redraw(
    clock: Res<NcaClock>,
    time: Option<Res<Time<Virtual>>>,
    mut populations: ResMut<Populations>,
    loading: LoadingTextures,
    requests: Option<MessageWriter<RequestRedraw>>,
    mut left: Local<u32>,
) {
    let Some(mut requests) = requests else { return };
    let (ticks, works) = populations.bypass_change_detection().is_busy();
    let is_paused = time.is_some_and(|time| time.is_paused());
    let runs = !is_paused && (clock.steps > 0 || !clock.paused && clock.ticks_per_second * clock.speed > 0.0);
    if ticks && runs || works || loading.any() {
        *left = LINGER_FRAMES;
    }
    if *left > 0 {
        *left -= 1;
        requests.write(RequestRedraw);
    }
}

/// The number of ticks in this frame.
#[derive(Resource, Default)]
pub(super) struct FrameTicks {
    this_frame: u32,
    /// The number of ticks that are due now.
    pub(super) due: u32,
    /// Ticks beyond the maximum, which are dropped.
    dropped: u32,
}

impl FrameTicks {
    /// The ticks of this frame, and those that were dropped.
    pub(super) fn counts(&self) -> (u32, u32) {
        (self.this_frame, self.dropped)
    }

    fn reset(mut ticks: ResMut<Self>) {
        *ticks = Self::default();
    }

    /// Advances the clock by `seconds`, and returns the number of ticks that are due. `is_fixed` is whether this is a
    /// step of fixed time. [`NcaClock::steps`] wait unless `all_ready`.
    fn advance(&mut self, clock: &mut NcaClock, seconds: f64, is_fixed: bool, all_ready: bool) -> u32 {
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
        self.dropped = self.dropped.saturating_add(due as u32 - running);
        let stepped = if all_ready { clock.steps.min(room - running) } else { 0 };
        clock.steps -= stepped;
        self.this_frame += running + stepped;
        running + stepped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(frame_ticks: &mut FrameTicks, clock: &mut NcaClock, seconds: f64) -> u32 {
        frame_ticks.this_frame = 0;
        frame_ticks.advance(clock, seconds, false, true)
    }

    /// The maximum limits stalls, not a slow schedule.
    #[test]
    fn a_slow_schedule_loses_no_tick() {
        for (hertz, speed) in [(2, 1.0), (2, 8.0), (10, 1.0), (64, 1.0), (1, 1.0)] {
            let (mut frame_ticks, mut clock) = (FrameTicks::default(), NcaClock { speed, ..default() });
            let ticks: u32 = (0..10 * hertz)
                .map(|_| {
                    frame_ticks.this_frame = 0;
                    frame_ticks.advance(&mut clock, 1.0 / f64::from(hertz), true, true)
                })
                .sum();
            assert_eq!(ticks, (600.0 * speed) as u32, "{hertz} Hz");
        }
        // Many steps in one frame are a stall.
        let (mut frame_ticks, mut clock) = (FrameTicks::default(), NcaClock::default());
        let ticks: u32 = (0..100).map(|_| frame_ticks.advance(&mut clock, 1.0 / 64.0, true, true)).sum();
        assert_eq!(ticks, 16);
    }

    #[test]
    fn the_rate_is_kept_and_capped() {
        let (mut frame_ticks, mut clock) = (FrameTicks::default(), NcaClock::default());
        let ticks: u32 = (0..64).map(|_| frame(&mut frame_ticks, &mut clock, 1.0 / 64.0)).sum();
        assert_eq!(ticks, 60);
        assert_eq!(frame(&mut frame_ticks, &mut clock, 1.0), 16, "what is beyond the cap is dropped");
        assert_eq!(frame(&mut frame_ticks, &mut clock, 0.0), 0);
        clock.speed = f32::NAN;
        assert_eq!(frame(&mut frame_ticks, &mut clock, 1.0), 0);
    }

    #[test]
    fn steps_are_never_dropped() {
        let mut frame_ticks = FrameTicks::default();
        let mut clock = NcaClock { paused: true, steps: 19, ..default() };
        assert_eq!(frame_ticks.advance(&mut clock, 1.0, false, false), 0, "not everyone is ready");
        assert_eq!([1.0; 3].map(|seconds| frame(&mut frame_ticks, &mut clock, seconds)), [16, 3, 0]);
        assert_eq!(clock.steps, 0);
    }
}
