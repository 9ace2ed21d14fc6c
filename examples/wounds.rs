//! The kinds of wounds: press 1 to 8 to choose one, 0 to heal, and click.

use bevy::prelude::*;
use bevy_nca::{prelude::*, rule::Shape};

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NcaPlugin::default()))
        .init_resource::<Weapon>()
        .add_systems(Startup, spawn)
        .add_systems(Update, (choose, strike))
        .run()
}

/// What a click does.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
enum Weapon {
    #[default]
    Bullet,
    /// A rotated rectangle.
    Plank,
    /// A capsule.
    Sword,
    /// A convex polygon.
    Shard,
    /// An image.
    Stamp,
    /// A circle with a soft edge: cells far from its center are likely to survive.
    Blast,
    /// A low strength, applied in every frame while the button is held.
    Acid,
    /// Leaves a scar: the killed cells do not grow back until they are healed.
    Brand,
    Medicine,
}

const KEYS: [(KeyCode, Weapon); 9] = [
    (KeyCode::Digit1, Weapon::Bullet),
    (KeyCode::Digit2, Weapon::Plank),
    (KeyCode::Digit3, Weapon::Sword),
    (KeyCode::Digit4, Weapon::Shard),
    (KeyCode::Digit5, Weapon::Stamp),
    (KeyCode::Digit6, Weapon::Blast),
    (KeyCode::Digit7, Weapon::Acid),
    (KeyCode::Digit8, Weapon::Brand),
    (KeyCode::Digit0, Weapon::Medicine),
];

/// The image for [`Weapon::Stamp`].
#[derive(Resource)]
struct Stamp(Handle<Image>);

fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
    commands.spawn(Camera2d);
    commands.spawn((Text::default(), Node { left: px(16), top: px(16), ..default() }));
    commands.spawn((
        NcaTexture::new(assets.load("models/tree.nca")),
        Sprite::default(),
        Transform::from_scale(Vec3::splat(12.0)),
    ));
    commands.insert_resource(Stamp(assets.load("targets/heart.png")));
}

fn choose(keys: Res<ButtonInput<KeyCode>>, mut weapon: ResMut<Weapon>, mut text: Single<&mut Text>) {
    if let Some((_, chosen)) = KEYS.iter().find(|(key, _)| keys.just_pressed(*key)) {
        *weapon = *chosen;
    }
    let names: Vec<String> = KEYS
        .iter()
        .zip("123456780".chars())
        .map(|((_, each), digit)| format!("{} {digit} {each:?}", if each == &*weapon { '>' } else { ' ' }))
        .collect();
    text.set_if_neq(Text::new(names.join("\n")));
}

fn strike(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    tree: Single<Entity, With<NcaTexture>>,
    (weapon, stamp, images): (Res<Weapon>, Res<Stamp>, Res<Assets<Image>>),
) {
    let held = *weapon == Weapon::Acid && mouse.pressed(MouseButton::Left);
    let cursor = window.cursor_position().filter(|_| held || mouse.just_pressed(MouseButton::Left));
    let Some(at) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) else { return };
    let wound = match *weapon {
        Weapon::Bullet => NcaWound::circle(at, 40.0),
        Weapon::Plank => NcaWound::rotated_rect(at, Vec2::new(220.0, 50.0), 0.6),
        Weapon::Sword => NcaWound::capsule(at - Vec2::new(160.0, 110.0), at + Vec2::new(160.0, 110.0), 10.0),
        Weapon::Shard => {
            NcaWound::polygon([(-20.0, 90.0), (-50.0, -40.0), (60.0, -70.0)].map(|(x, y)| at + Vec2::new(x, y)))
        }
        Weapon::Stamp => {
            let picture = images.get(&stamp.0).and_then(|image| NcaWound::stencil(image, at, Vec2::splat(180.0), 0.0));
            let Some(wound) = picture else { return };
            wound
        }
        Weapon::Blast => NcaWound::circle(at, 60.0).with_softness(80.0),
        Weapon::Acid => NcaWound::circle(at, 60.0).with_strength(0.05),
        Weapon::Brand => NcaWound::circle(at, 30.0).with_scars(),
        Weapon::Medicine => {
            commands.trigger(NcaHeal::new(*tree, Shape::circle(at.x, at.y, 60.0)));
            return;
        }
    };
    commands.trigger(NcaDamage::new(*tree, wound));
}
