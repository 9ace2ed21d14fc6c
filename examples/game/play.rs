//! The ship, the crystals that shield it, shots and what they hit, and drops.

use bevy::{prelude::*, sprite::Anchor};
use bevy_nca::{prelude::*, rule::Shape};

use crate::{
    ARENA,
    art::{self, Gallery, Sheet},
    controls::Controls,
    screens::{Score, Screen},
};

/// The side that an entity is on. Shots hit every side but their own.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Player,
    Foes,
    /// Crystals, which block the shots of both sides.
    Nobody,
}

/// The player's ship.
#[derive(Component)]
pub struct Ship {
    reload: Timer,
}

/// A shot in flight.
#[derive(Component)]
struct Shot {
    velocity: Vec2,
    /// The radius of the hole it makes.
    hole: f32,
}

/// What a dead foe drops.
#[derive(Component, Clone, Copy, PartialEq)]
pub enum Drop {
    Coin,
    Heart,
}

/// The health bar of a sprite.
#[derive(Component)]
struct Bar(Entity);

/// A tint that fades.
#[derive(Component)]
struct Flash(Color, f32);

/// A spark that fades.
#[derive(Component)]
struct Spark(Vec2, f32);

pub fn plugin(app: &mut App) {
    app.add_systems(OnEnter(Screen::Play), spawn)
        .add_systems(Update, (steer, fire, hit, fly, collect, sink).chain().run_if(in_state(Screen::Play)))
        .add_systems(Update, (fade, sparkle, show_bars))
        .add_observer(on_wounded)
        .add_observer(on_regrown)
        .add_observer(on_died);
}

/// The components that ships, crystals and foes share.
pub fn living(gallery: &mut Gallery, sheet: &Sheet, side: Side, at: Vec2, size: f32) -> impl Bundle + use<> {
    (
        DespawnOnExit(Screen::Play),
        gallery.living(sheet, size, (at.x as i32 * 31 + at.y as i32) as u32),
        NcaAliveMask::default(),
        Transform::from_translation(at.extend(0.0)),
        side,
    )
}

/// A bar that shows the integrity of `owner`, `above` its center.
pub fn bar(owner: Entity, above: f32) -> impl Bundle {
    (
        Bar(owner),
        ChildOf(owner),
        Sprite::from_color(Color::WHITE, Vec2::new(80.0, 5.0)),
        Anchor::CENTER_LEFT,
        Transform::from_xyz(-40.0, above, 1.0),
    )
}

fn spawn(mut commands: Commands, mut gallery: Gallery) {
    let mut reload = Timer::from_seconds(0.14, TimerMode::Once);
    reload.finish();
    let ship = commands
        .spawn((
            living(&mut gallery, &art::SHIP, Side::Player, Vec2::new(0.0, -225.0), 100.0),
            Ship { reload },
            NcaKillBelow(0.4),
            NcaPace { speed: 0.5, paused: false },
        ))
        .id();
    commands.spawn(bar(ship, -58.0));
    for x in [-230.0, 0.0, 230.0] {
        commands.spawn((
            living(&mut gallery, &art::CRYSTAL, Side::Nobody, Vec2::new(x, -110.0), 84.0),
            NcaPace { speed: 0.35, paused: false },
        ));
    }
}

fn steer(controls: Controls, time: Res<Time>, mut ship: Single<&mut Transform, With<Ship>>) {
    let x = ship.translation.x + controls.step(ship.translation.x, 340.0 * time.delta_secs());
    ship.translation.x = x.clamp(40.0 - ARENA.x, ARENA.x - 40.0);
}

fn fire(controls: Controls, time: Res<Time>, ship: Single<(&Transform, &mut Ship)>, mut commands: Commands) {
    let (transform, mut ship) = ship.into_inner();
    ship.reload.tick(time.delta());
    if !controls.fires() || !ship.reload.is_finished() {
        return;
    }
    ship.reload.reset();
    let muzzle = transform.translation.truncate() + Vec2::new(0.0, 34.0);
    let aim = controls.aim();
    let direction = aim.map_or(Vec2::Y, |aim| (aim - muzzle).normalize_or(Vec2::Y));
    shoot(&mut commands, Side::Player, muzzle, direction * 620.0);
}

/// Fires a shot.
pub fn shoot(commands: &mut Commands, side: Side, at: Vec2, velocity: Vec2) {
    let (color, hole) = match side {
        Side::Player => (Color::srgb_u8(255, 225, 120), 30.0),
        _ => (Color::srgb_u8(255, 90, 150), 16.0),
    };
    commands.spawn((
        DespawnOnExit(Screen::Play),
        Shot { velocity, hole },
        side,
        Sprite::from_color(color, Vec2::new(4.0, 14.0)),
        Transform::from_translation(at.extend(2.0))
            .with_rotation(Quat::from_rotation_z(velocity.to_angle() - std::f32::consts::FRAC_PI_2)),
    ));
}

/// A shot makes a hole at the first living cell on its way. It passes through holes, and through sprites that have
/// not grown yet.
fn hit(
    shots: Query<(Entity, &Transform, &Shot, &Side)>,
    things: Query<(Entity, &Side, &NcaVitals), With<NcaAliveMask>>,
    probe: NcaProbe,
    time: Res<Time>,
    mut commands: Commands,
) {
    for (shot_entity, transform, shot, side) in &shots {
        let from = transform.translation.truncate();
        let to = from + shot.velocity * time.delta_secs();
        if from.abs().cmpgt(ARENA * 1.2).any() {
            commands.entity(shot_entity).despawn();
            continue;
        }
        let targets = things.iter().filter(|(_, other, vitals)| *other != side && vitals.has_grown);
        let hits = targets.filter_map(|(entity, ..)| probe.first_hit_of(entity, from, to));
        if let Some(hit) = hits.min_by(|a, b| a.fraction.total_cmp(&b.fraction)) {
            // It bursts inside.
            let center = hit.point + shot.velocity.normalize_or_zero() * shot.hole * 0.6;
            let wound = NcaWound::circle(center, shot.hole).with_softness(6.0);
            commands.trigger(NcaDamage::new(hit.entity, wound));
            commands.entity(shot_entity).despawn();
            sparks(&mut commands, hit.point, 5, Color::srgb_u8(255, 240, 190));
        }
    }
}

fn fly(mut shots: Query<(&mut Transform, &Shot)>, time: Res<Time>) {
    for (mut transform, shot) in &mut shots {
        transform.translation += (shot.velocity * time.delta_secs()).extend(0.0);
    }
}

/// The ship collects coins and hearts that are near.
fn collect(
    drops: Query<(Entity, &Transform, &Drop)>,
    ship: Single<(Entity, &Transform), With<Ship>>,
    mut score: ResMut<Score>,
    mut commands: Commands,
) {
    for (entity, transform, drop) in &drops {
        if transform.translation.truncate().distance(ship.1.translation.truncate()) > 55.0 {
            continue;
        }
        match drop {
            Drop::Coin => score.points += 50,
            // Seeds at the ship's core regrow it faster than the edges of its wounds do.
            Drop::Heart => commands.trigger(NcaHeal::new(ship.0, Shape::circle(0.5, 0.5, 0.2)).in_uv()),
        }
        commands.entity(entity).despawn();
    }
}

fn sink(mut drops: Query<(Entity, &mut Transform), With<Drop>>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut transform) in &mut drops {
        transform.translation.y -= 70.0 * time.delta_secs();
        if transform.translation.y < -ARENA.y * 1.2 {
            commands.entity(entity).despawn();
        }
    }
}

/// Spawns a drop for the ship to collect.
pub fn drop_at(commands: &mut Commands, assets: &AssetServer, drop: Drop, at: Vec2) {
    let name = match drop {
        Drop::Coin => "coin",
        Drop::Heart => "heart",
    };
    commands.spawn((
        DespawnOnExit(Screen::Play),
        drop,
        NcaTexture::new(assets.load(format!("models/{name}.nca"))),
        NcaPace { speed: 3.0, paused: false },
        Sprite::default(),
        Transform::from_translation(at.extend(-0.5)).with_scale(Vec3::splat(1.3)),
    ));
}

fn on_wounded(wounded: On<NcaWounded>, sides: Query<(), With<Side>>, mut commands: Commands) {
    if sides.contains(wounded.entity) {
        commands.entity(wounded.entity).try_insert(Flash(Color::linear_rgb(4.0, 4.0, 4.0), 0.07));
    }
}

fn on_regrown(regrown: On<NcaRegrown>, sides: Query<(), With<Side>>, mut commands: Commands) {
    if sides.contains(regrown.entity) {
        commands.entity(regrown.entity).try_insert(Flash(Color::linear_rgb(0.6, 2.0, 0.8), 0.25));
    }
}

/// Anything that dies bursts into sparks. The ship's death ends the game.
fn on_died(
    died: On<NcaDied>,
    things: Query<(&Transform, &Side, Has<Ship>)>,
    mut next: ResMut<NextState<Screen>>,
    screen: Res<State<Screen>>,
    mut commands: Commands,
) {
    let Ok((transform, side, is_ship)) = things.get(died.entity) else { return };
    if *screen.get() != Screen::Play {
        return;
    }
    let color = if *side == Side::Foes { Color::srgb_u8(150, 255, 160) } else { Color::srgb_u8(255, 160, 90) };
    sparks(&mut commands, transform.translation.truncate(), 36, color);
    if is_ship {
        next.set(Screen::Lost);
    }
}

/// A burst of sparks.
pub fn sparks(commands: &mut Commands, at: Vec2, count: u32, color: Color) {
    for index in 0..count {
        let random = |salt: u32| {
            let hash = bevy_nca::rule::mix(at.x.to_bits() ^ bevy_nca::rule::mix(at.y.to_bits() ^ (index * 2 + salt)));
            hash as f32 / u32::MAX as f32
        };
        let velocity = Vec2::from_angle(random(0) * std::f32::consts::TAU) * (40.0 + 160.0 * random(1));
        commands.spawn((
            Spark(velocity, 0.5),
            Sprite::from_color(color, Vec2::splat(4.0)),
            Transform::from_translation(at.extend(3.0)),
        ));
    }
}

fn sparkle(mut sparks: Query<(Entity, &mut Spark, &mut Transform)>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut spark, mut transform) in &mut sparks {
        spark.1 -= time.delta_secs();
        transform.translation += (spark.0 * time.delta_secs()).extend(0.0);
        transform.scale = Vec3::splat((spark.1 * 2.0).max(0.0));
        if spark.1 <= 0.0 {
            commands.entity(entity).despawn();
        }
    }
}

fn fade(mut flashes: Query<(Entity, &mut Flash, &mut Sprite)>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut flash, mut sprite) in &mut flashes {
        flash.1 -= time.delta_secs();
        sprite.color = if flash.1 > 0.0 { flash.0 } else { Color::WHITE };
        if flash.1 <= 0.0 {
            commands.entity(entity).remove::<Flash>();
        }
    }
}

/// Scales each bar by the integrity of its owner.
fn show_bars(mut bars: Query<(&Bar, &mut Transform, &mut Sprite)>, vitals: Query<&NcaVitals>) {
    for (bar, mut transform, mut sprite) in &mut bars {
        let Ok(vitals) = vitals.get(bar.0) else { continue };
        transform.scale.x = vitals.integrity.max(0.001);
        sprite.color = Color::hsl(120.0 * vitals.integrity, 0.75, 0.55);
    }
}
