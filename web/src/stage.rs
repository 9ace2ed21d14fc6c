//! What is shown, and where.

use bevy::prelude::*;
use bevy_nca::prelude::*;

use super::Show;

/// The share of its seat that a sprite fills.
const FILLED: f32 = 0.92;
/// What seats are worth if the last row is not full.
const RAGGED: f32 = 0.85;

/// Frames of art per second.
const RATE: f32 = 10.0;

/// What is shown.
#[derive(Resource)]
pub struct Stage {
    /// `None` until the page has wished for something.
    pub show: Option<Show>,
    /// The number of seats.
    pub seats: u32,
    /// Whether the pointer pours moss.
    pub pours: bool,
    /// The cuts across the stage that have been wished for.
    pub slashes: u32,
}

impl Default for Stage {
    fn default() -> Self {
        Self { show: None, seats: 1, pours: false, slashes: 0 }
    }
}

/// Everything that leaves the stage with a show.
#[derive(Component, Clone, Copy, Default)]
pub struct Exhibit;

/// The seat of a sprite, counted row by row.
#[derive(Component, Clone, Copy)]
#[require(Exhibit)]
pub struct Seat(pub u32);

/// The number of frames of a sheet.
#[derive(Component)]
pub struct Sheet(pub u32);

/// Gives each sprite its place, for a window of any size.
pub fn seat(
    window: Single<&Window>,
    stage: Res<Stage>,
    models: Res<Assets<NcaModel>>,
    mut sprites: Query<(&Seat, &mut Transform, &mut Sprite, &NcaTexture, Has<NcaSkin>)>,
) {
    let size = window.size();
    let (columns, side) = seats(stage.seats, size);
    for (&Seat(seat), mut transform, mut sprite, texture, has_skin) in &mut sprites {
        // The last row is centered.
        let row = seat / columns;
        let in_row = columns.min(stage.seats - row * columns);
        let column = (seat % columns) as f32 - (in_row - 1) as f32 / 2.0;
        let rows = stage.seats.div_ceil(columns);
        let at = Vec2::new(column * side, ((rows - 1) as f32 / 2.0 - row as f32) * side);
        let wanted = Transform::from_translation(at.extend(0.0)).with_scale(Vec3::splat(side * FILLED));
        transform.set_if_neq(wanted);
        // The body fills the seat. Around it, the grid has empty cells.
        if let Some(model) = models.get(&texture.model).filter(|_| !has_skin) {
            let grid = UVec2::from(model.rule().grid).as_vec2();
            let body = model.target().map_or(grid.max_element(), |target| target.width.max(target.height) as f32 + 2.0);
            let size = Some(grid / body);
            if sprite.custom_size != size {
                sprite.custom_size = size;
            }
        }
    }
}

/// The number of columns, and the side of a seat, that give `count` sprites the most room. Full rows are worth some.
fn seats(count: u32, size: Vec2) -> (u32, f32) {
    let side = |columns: u32| (size.x / columns as f32).min(size.y / count.div_ceil(columns) as f32);
    let worth = |columns: u32| side(columns) * if count.is_multiple_of(columns) { 1.0 } else { RAGGED };
    let best = (1..=count.max(1)).max_by(|a, b| worth(*a).total_cmp(&worth(*b)));
    best.map_or((1, 1.0), |columns| (columns, side(columns).max(1.0)))
}

/// Plays the frames of art.
pub fn play(mut sprites: Query<(&mut Sprite, &Sheet)>, time: Res<Time>) {
    for (mut sprite, &Sheet(frames)) in &mut sprites {
        let index = (time.elapsed_secs() * RATE) as usize % frames as usize;
        if sprite.texture_atlas.as_ref().is_some_and(|atlas| atlas.index != index)
            && let Some(atlas) = &mut sprite.texture_atlas
        {
            atlas.index = index;
        }
    }
}
