//! A game's own art, alive without training: click to shoot. The knight walks back and forth, and heals as it walks.

use bevy::{prelude::*, sprite::Anchor};
use bevy_nca::prelude::*;

/// Frames a second.
const RATE: f32 = 10.0;
/// How far the knight walks to each side.
const REACH: f32 = 560.0;
/// The ground.
const GROUND: f32 = -180.0;

/// Sheets of `assets/art`: the side of a frame, columns and rows, the place on the ground, and the size.
const SHEETS: [(&str, u32, UVec2, f32, f32); 4] = [
    ("jellyfish", 160, UVec2::new(12, 1), -430.0, 240.0),
    ("boss", 256, UVec2::new(8, 1), -110.0, 384.0),
    ("plant", 160, UVec2::new(8, 1), 210.0, 240.0),
    ("machine", 160, UVec2::new(8, 1), 450.0, 240.0),
];

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins.set(ImagePlugin::default_nearest()), NcaPlugin::default()))
        .insert_resource(ClearColor(Color::srgb_u8(22, 24, 29)))
        .add_systems(Startup, spawn)
        .add_systems(Update, (shoot, animate, walk))
        .run()
}

/// The frames that a sprite plays, and the first of them.
#[derive(Component)]
struct Frames {
    first: usize,
    count: usize,
}

/// The knight, and where it walks.
#[derive(Component)]
struct Knight {
    velocity: f32,
    /// It stands still until then, in seconds.
    rests_until: f32,
}

fn spawn(mut commands: Commands, assets: Res<AssetServer>, mut layouts: ResMut<Assets<TextureAtlasLayout>>) {
    commands.spawn(Camera2d);
    let mut sheet = |name: &str, side: u32, grid: UVec2, size: f32| {
        let layout = layouts.add(TextureAtlasLayout::from_grid(UVec2::splat(side), grid.x, grid.y, None, None));
        let atlas = TextureAtlas { layout, index: 0 };
        let sprite = Sprite::from_atlas_image(assets.load(format!("art/{name}.png")), atlas);
        // An animated sprite stays what it was. Only the skin is new.
        (
            NcaSkin::default(),
            Sprite { custom_size: Some(Vec2::splat(size)), ..sprite },
            Anchor::BOTTOM_CENTER,
            Frames { first: 0, count: grid.x as usize },
        )
    };
    for (index, (name, side, grid, x, size)) in (0_u32..).zip(SHEETS) {
        let place = Transform::from_xyz(x, GROUND, 0.0);
        commands.spawn((sheet(name, side, grid, size), NcaTexture::default().with_seed(index), place));
    }
    let knight = sheet("knight", 144, UVec2::new(8, 2), 216.0);
    // The edges of its wounds follow its pixels, and what is lost glows. A wound stays in the arm that swings.
    let skin = NcaSkin::default()
        .with_pixelated()
        .with_lost(Srgba::new(1.0, 0.5, 0.1, 0.8))
        .with_uv(assets.load("art/knight_uv.png"));
    let place = Transform::from_xyz(-REACH, GROUND - 60.0, 1.0);
    commands.spawn((knight, place, Knight { velocity: 140.0, rests_until: 2.0 })).insert(skin);
}

fn shoot(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    if let Some(point) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) {
        commands.trigger(NcaBlast::circle(point, 50.0));
    }
}

/// Plays the frames.
fn animate(mut sprites: Query<(&mut Sprite, &Frames)>, time: Res<Time>) {
    for (mut sprite, frames) in &mut sprites {
        if let Some(atlas) = &mut sprite.texture_atlas {
            atlas.index = frames.first + (time.elapsed_secs() * RATE) as usize % frames.count;
        }
    }
}

/// Row 0 of the sheet stands, row 1 walks.
fn walk(knight: Single<(&mut Transform, &mut Sprite, &mut Frames, &mut Knight)>, time: Res<Time>) {
    let (mut transform, mut sprite, mut frames, mut knight) = knight.into_inner();
    let rests = time.elapsed_secs() < knight.rests_until;
    frames.first = if rests { 0 } else { frames.count };
    if rests {
        return;
    }
    transform.translation.x += knight.velocity * time.delta_secs();
    sprite.flip_x = knight.velocity < 0.0;
    if transform.translation.x.abs() > REACH && transform.translation.x * knight.velocity > 0.0 {
        knight.velocity = -knight.velocity;
        knight.rests_until = time.elapsed_secs() + 2.0;
    }
}
