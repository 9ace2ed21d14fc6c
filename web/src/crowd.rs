//! How many sprites this machine affords: more and more, until frames take longer.

use bevy::prelude::*;
use bevy_nca::prelude::*;

use super::stage::{Seat, Stage};

/// Seconds in which the sprites grow, and those in which frames are timed.
const GROWING: f32 = 2.5;
const TIMED: f32 = 1.0;
/// The frames that are timed at least.
const LEAST_FRAMES: u32 = 12;
/// A frame that takes longer than this many seconds says that the page was hidden.
const HIDDEN: f32 = 1.5;
/// The most sprites.
const MOST: u32 = 4096;
/// A frame may take this much longer than one without sprites, or than a sixtieth of a second.
const TOLERANCE: f32 = 1.15;
/// The models of the sprites.
const MODELS: [&str; 4] = ["slime", "heart", "mushroom", "crystal"];

/// The count so far.
#[derive(Resource, Default)]
pub struct Count {
    /// The most sprites that kept the frame rate.
    pub afforded: u32,
    /// Whether more or fewer are to be tried.
    pub is_counting: bool,
    /// The fewest sprites that did not keep it.
    too_many: Option<u32>,
    /// The seconds of a frame that may not be exceeded, once an empty stage was timed.
    limit: Option<f32>,
    /// The sprites that are being tried.
    tried: u32,
    /// Seconds since they came, and those and the number of the frames that were timed.
    waited: f32,
    timed: f32,
    frames: u32,
}

impl Count {
    /// The number to try next; `None` if the most is known, or nearly.
    fn next(&self) -> Option<u32> {
        match self.too_many {
            None if self.afforded == MOST => None,
            None => Some((self.afforded * 2).clamp(4, MOST)),
            // An eighth is near enough.
            Some(too_many) if too_many - self.afforded <= (too_many / 8).max(1) => None,
            Some(too_many) => Some((self.afforded + too_many) / 2),
        }
    }
}

/// A member of the crowd.
#[derive(Component)]
#[require(NcaSleepingDisabled)]
pub struct Member;

/// Begins with an empty stage.
pub fn begin(mut count: ResMut<Count>, mut stage: ResMut<Stage>) {
    *count = Count { is_counting: true, ..default() };
    stage.seats = 1;
}

/// Times frames, and tries other numbers.
pub fn count(
    mut commands: Commands,
    mut count: ResMut<Count>,
    mut stage: ResMut<Stage>,
    time: Res<Time<Real>>,
    assets: Res<AssetServer>,
    members: Query<(Entity, &Seat), With<Member>>,
) {
    if stage.show != Some(super::Show::Crowd) {
        count.is_counting = false;
        return;
    }
    if !count.is_counting {
        return;
    }
    let frame = time.delta_secs();
    if frame > HIDDEN {
        (count.waited, count.timed, count.frames) = (0.0, 0.0, 0);
        return;
    }
    count.waited += frame;
    let growing = if count.limit.is_some() { GROWING } else { 0.5 };
    if count.waited < growing {
        return;
    }
    count.timed += frame;
    count.frames += 1;
    if count.timed < TIMED || count.frames < LEAST_FRAMES {
        return;
    }
    let mean = count.timed / count.frames as f32;
    match count.limit {
        None => count.limit = Some(mean.max(1.0 / 60.0) * TOLERANCE),
        Some(limit) if mean <= limit => count.afforded = count.tried,
        Some(_) => count.too_many = Some(count.tried),
    }
    let next = count.next();
    count.is_counting = next.is_some();
    let next = next.unwrap_or(count.afforded);
    (count.tried, count.waited, count.timed, count.frames) = (next, 0.0, 0.0, 0);
    stage.seats = next.max(1);
    for (member, _) in members.iter().filter(|(_, seat)| seat.0 >= next) {
        commands.entity(member).despawn();
    }
    for seat in members.iter().count() as u32..next {
        let model = assets.load(format!("models/{}.nca", MODELS[seat as usize % MODELS.len()]));
        commands.spawn((Member, Seat(seat), NcaTexture::new(model).with_seed(seat), Sprite::sized(Vec2::ONE)));
    }
}
