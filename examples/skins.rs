//! A game's own art, alive without training: click to shoot. On the right, an animated sheet heals while it plays.

use bevy::prelude::*;
use bevy_nca::prelude::*;

/// Frames of the animated sheet, in one row.
const FRAMES: u32 = 12;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins.set(ImagePlugin::default_nearest()), NcaPlugin::default()))
        .insert_resource(ClearColor(Color::srgb_u8(22, 24, 29)))
        .add_systems(Startup, spawn)
        .add_systems(Update, (shoot, animate))
        .run()
}

fn spawn(mut commands: Commands, assets: Res<AssetServer>, mut layouts: ResMut<Assets<TextureAtlasLayout>>) {
    commands.spawn(Camera2d);
    let monster = || NcaSkin::new(assets.load("targets/monster.png"));
    let skins = [
        // Any picture lives in a generic body.
        (monster(), NcaTexture::default()),
        // The edges of its wounds follow its pixels, and lost tissue glows.
        (monster().with_pixelated().with_lost(Srgba::new(1.0, 0.4, 0.1, 0.7)), NcaTexture::default()),
        // A body of its own grows along its silhouette.
        (monster(), NcaTexture::new(assets.load("models/monster.nca"))),
    ];
    for (index, (skin, texture)) in (0..).zip(skins) {
        let place = Transform::from_xyz(index as f32 * 250.0 - 480.0, 0.0, 0.0).with_scale(Vec3::splat(8.0));
        commands.spawn((skin, texture.with_seed(index), place));
    }
    // An animated sprite stays what it was. Only the skin is new.
    let layout = TextureAtlasLayout::from_grid(UVec2::splat(160), FRAMES, 1, None, None);
    let atlas = TextureAtlas { layout: layouts.add(layout), index: 0 };
    let sprite = Sprite::from_atlas_image(assets.load("art/jellyfish.png"), atlas);
    let sprite = Sprite { custom_size: Some(Vec2::splat(320.0)), ..sprite };
    commands.spawn((NcaSkin::default(), sprite, Transform::from_xyz(350.0, 0.0, 0.0)));
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

/// Plays the sheet, 12 frames a second.
fn animate(mut sprites: Query<&mut Sprite>, time: Res<Time>) {
    for mut sprite in &mut sprites {
        if let Some(atlas) = &mut sprite.texture_atlas {
            atlas.index = (time.elapsed_secs() * 12.0) as usize % FRAMES as usize;
        }
    }
}
