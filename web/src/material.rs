//! A living material, as large as the window.

use bevy::{prelude::*, sprite::Anchor};
use bevy_nca::prelude::*;

use super::stage::Exhibit;

/// The side of a cell in logical pixels.
const CELL: f32 = 4.0;
/// How fast it grows and heals, relative to 60 ticks per second.
const PACE: f32 = 0.7;
/// The radius of a wound, and of moss, relative to that of sprites.
const TORN: f32 = 1.8;
const POURED: f32 = 2.5;

/// A material: the upper left corner of its first repetition in the world, and the side of each.
#[derive(Component)]
pub struct Wall {
    corner: Vec2,
    side: Vec2,
}

/// The sprite that repeats the material.
#[derive(Component)]
pub struct Tiles(Entity);

pub fn spawn(In(name): In<String>, mut commands: Commands, assets: Res<AssetServer>, images: Res<Assets<Image>>) {
    let tiling = NcaTiling::new(&images);
    let image_mode = SpriteImageMode::Tiled { tile_x: true, tile_y: true, stretch_value: CELL };
    let sprite = Sprite { image_mode, ..Sprite::from_image(tiling.image.clone()) };
    let texture = NcaTexture::new(assets.load(format!("materials/{name}.nca"))).with_smooth();
    let wall = Wall { corner: Vec2::ZERO, side: Vec2::splat(CELL) };
    let wall = commands.spawn((Exhibit, wall, texture, tiling, NcaPace { speed: PACE, ..default() })).id();
    commands.spawn((Exhibit, Tiles(wall), sprite, Anchor::TOP_LEFT));
}

/// Covers the window, for a window of any size.
pub fn lay(
    window: Single<&Window>,
    models: Res<Assets<NcaModel>>,
    mut walls: Query<(&mut Wall, &NcaTexture)>,
    mut tiles: Query<(&Tiles, &mut Sprite, &mut Transform)>,
) {
    let size = window.size();
    for (Tiles(wall), mut sprite, mut transform) in &mut tiles {
        let Ok((mut wall, texture)) = walls.get_mut(*wall) else { continue };
        let Some(model) = models.get(&texture.model) else { continue };
        wall.side = UVec2::from(model.rule().grid).as_vec2() * CELL;
        wall.corner = size * Vec2::new(-0.5, 0.5);
        transform.set_if_neq(Transform::from_translation(wall.corner.extend(0.0)));
        // Whole repetitions: Bevy would squeeze one into a window that is smaller.
        let size = Some((size / wall.side).ceil() * wall.side);
        if sprite.custom_size != size {
            sprite.custom_size = size;
        }
    }
}

/// Wounds a material, or pours its second rule, along a line in the world.
pub fn touch(commands: &mut Commands, entity: Entity, wall: &Wall, line: [Vec2; 2], radius: f32, pours: bool) {
    let [from, to] = line.map(|point| (point - wall.corner) * Vec2::new(1.0, -1.0) / wall.side);
    let first = from.floor();
    let width = if pours { POURED } else { TORN };
    let (from, to, radius) = (from - first, to - first, radius * width / wall.side.min_element());
    if pours {
        let shape = Shape::Capsule { from: from.into(), to: to.into(), radius };
        commands.trigger(NcaPaint::new(entity, shape).in_uv());
    } else {
        commands.trigger(NcaDamage::new(entity, NcaWound::capsule(from, to, radius)).in_uv());
    }
}
