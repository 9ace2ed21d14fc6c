//! Vitals: health bars, a log of events, pace, armor and death.
//!
//! Click to shoot. The left sprite heals slowly, the middle one has an invulnerable core, and the right one dies
//! when less than half of it is left.

use std::collections::VecDeque;

use bevy::{prelude::*, sprite::Anchor};
use bevy_nca::{prelude::*, rule::Shape};

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NcaPlugin::default()))
        .init_resource::<Log>()
        .add_systems(Startup, spawn)
        .add_systems(Update, (shoot, show_bars, show_log))
        .add_observer(|event: On<NcaWounded>, names: Query<&Name>, mut log: ResMut<Log>| {
            log.add(names.get(event.entity), &format!("lost {} cells", event.lost_cells));
        })
        .add_observer(|event: On<NcaRegrown>, names: Query<&Name>, mut log: ResMut<Log>| {
            log.add(names.get(event.entity), "is whole again");
        })
        .add_observer(|event: On<NcaDied>, names: Query<&Name>, mut log: ResMut<Log>| {
            log.add(names.get(event.entity), "died");
        })
        .run()
}

/// The last eight events.
#[derive(Resource, Default)]
struct Log(VecDeque<String>);

impl Log {
    fn add<E>(&mut self, name: Result<&Name, E>, what: &str) {
        let name = name.map_or("somebody", Name::as_str);
        self.0.push_back(format!("{name} {what}"));
        if self.0.len() > 8 {
            self.0.pop_front();
        }
    }
}

/// The health bar of a sprite.
#[derive(Component)]
struct Bar(Entity);

fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
    commands.spawn(Camera2d);
    commands.spawn((Text::default(), Node { left: px(16), top: px(16), ..default() }));
    let living = |name: &'static str, model: &'static str, x: f32| {
        (
            Name::new(name),
            NcaTexture::new(assets.load(model)),
            Sprite::default(),
            Transform::from_xyz(x, -40.0, 0.0).with_scale(Vec3::splat(6.0)),
        )
    };
    let slow =
        commands.spawn((living("the slow one", "models/slime.nca", -320.0), NcaPace { speed: 0.2, ..default() }));
    let slow = slow.id();
    let core = NcaArmor::default().with_plate(Shape::circle(19.0, 18.0, 5.0), 1.0);
    let tough = commands.spawn((living("the tough one", "models/heart.nca", 0.0), core)).id();
    let frail = commands.spawn((living("the frail one", "models/mushroom.nca", 320.0), NcaKillBelow(0.5))).id();
    for owner in [slow, tough, frail] {
        let sprite = Sprite::from_color(Color::WHITE, Vec2::new(30.0, 1.5));
        let place = (Anchor::CENTER_LEFT, Transform::from_xyz(-15.0, 18.0, 1.0));
        commands.spawn((Bar(owner), ChildOf(owner), sprite, place));
    }
}

fn shoot(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    if let Some(point) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) {
        commands.trigger(NcaBlast::circle(point, 40.0));
    }
}

fn show_bars(mut bars: Query<(&Bar, &mut Transform, &mut Sprite)>, vitals: Query<&NcaVitals>) {
    for (bar, mut transform, mut sprite) in &mut bars {
        let Ok(vitals) = vitals.get(bar.0) else { continue };
        transform.scale.x = vitals.integrity;
        sprite.color = Color::hsl(120.0 * vitals.integrity, 0.75, 0.55);
    }
}

fn show_log(log: Res<Log>, mut text: Single<&mut Text>) {
    if log.is_changed() {
        let lines: Vec<&str> = log.0.iter().map(String::as_str).collect();
        text.0 = format!("click to shoot\n\n{}", lines.join("\n"));
    }
}
