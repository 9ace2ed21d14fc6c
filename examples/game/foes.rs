//! Waves of foes.

use std::time::Duration;

use bevy::prelude::*;
use bevy_nca::prelude::*;

use crate::{
    ARENA,
    play::{Drop, Ship, Side, bar, drop_at, living, shoot},
    screens::{Score, Screen},
};

/// The number of waves.
pub const WAVES: usize = 3;

/// A foe.
#[derive(Component)]
pub struct Foe {
    home: Vec2,
    sway: f32,
    pub points: u32,
    /// Times its shots once it has grown; `None` if it never fires.
    fire: Option<Timer>,
}

/// A kind of foe.
struct Kind {
    model: &'static str,
    scale: f32,
    points: u32,
    /// It dies below this integrity.
    dies_below: f32,
    /// Seconds between its shots.
    fires_every: Option<f32>,
}

const SLIME: Kind = Kind { model: "slime", scale: 3.4, points: 100, dies_below: 0.65, fires_every: Some(2.6) };
const MUSHROOM: Kind = Kind { model: "mushroom", scale: 2.8, points: 150, dies_below: 0.65, fires_every: Some(2.0) };
const POTION: Kind = Kind { model: "potion", scale: 2.6, points: 200, dies_below: 0.6, fires_every: None };
const TREE: Kind = Kind { model: "tree", scale: 4.2, points: 1000, dies_below: 0.5, fires_every: Some(0.8) };

fn wave(number: usize) -> Vec<(Kind, Vec2)> {
    match number {
        1 => [-240.0, -80.0, 80.0, 240.0].map(|x| (SLIME, Vec2::new(x, 200.0))).into(),
        2 => {
            let mut wave: Vec<_> = [-270.0, -90.0, 90.0, 270.0].map(|x| (SLIME, Vec2::new(x, 120.0))).into();
            wave.extend([-180.0, 0.0, 180.0].map(|x| (MUSHROOM, Vec2::new(x, 220.0))));
            wave
        }
        _ => vec![(TREE, Vec2::new(0.0, 190.0)), (POTION, Vec2::new(-220.0, 150.0)), (POTION, Vec2::new(220.0, 150.0))],
    }
}

pub fn plugin(app: &mut App) {
    app.add_systems(Update, (advance, sway, fire, potions_heal).chain().run_if(in_state(Screen::Play)))
        .add_observer(on_died);
}

/// Starts the next wave when no foe is left.
fn advance(
    foes: Query<(), With<Foe>>,
    mut score: ResMut<Score>,
    mut next: ResMut<NextState<Screen>>,
    assets: Res<AssetServer>,
    mut commands: Commands,
) {
    if !foes.is_empty() {
        return;
    }
    if score.wave == WAVES {
        next.set(Screen::Won);
        return;
    }
    score.wave += 1;
    for (index, (kind, home)) in wave(score.wave).into_iter().enumerate() {
        let timer = |seconds: f32| {
            let mut timer = Timer::from_seconds(seconds, TimerMode::Repeating);
            timer.set_elapsed(Duration::from_secs_f32(seconds * (index as f32 * 0.37).fract()));
            timer
        };
        let foe = Foe { home, sway: index as f32, points: kind.points, fire: kind.fires_every.map(timer) };
        let body = living(&assets, kind.model, Side::Foes, home, kind.scale);
        let entity = commands.spawn((body, foe, NcaKillBelow(kind.dies_below))).id();
        commands.spawn(bar(entity, 15.0));
    }
}

/// Makes foes sway and descend. The game is lost when one comes down to the ship.
fn sway(mut foes: Query<(&mut Foe, &mut Transform)>, time: Res<Time>, mut next: ResMut<NextState<Screen>>) {
    for (mut foe, mut transform) in &mut foes {
        foe.sway += time.delta_secs() * 0.8;
        foe.home.y -= time.delta_secs() * 4.0;
        let offset = Vec2::new(foe.sway.sin() * 50.0, (foe.sway * 1.7).sin() * 10.0);
        transform.translation = (foe.home + offset).extend(0.0);
        if foe.home.y < -ARENA.y * 0.6 {
            next.set(Screen::Lost);
        }
    }
}

/// Grown foes fire at the ship.
fn fire(
    mut foes: Query<(&mut Foe, &Transform, &NcaVitals)>,
    ship: Single<&Transform, With<Ship>>,
    time: Res<Time>,
    mut commands: Commands,
) {
    for (mut foe, transform, vitals) in &mut foes {
        let Some(timer) = foe.fire.as_mut().filter(|_| vitals.has_grown) else { continue };
        if timer.tick(time.delta()).just_finished() {
            let at = transform.translation.truncate() - Vec2::new(0.0, 20.0);
            let direction = (ship.translation.truncate() - at).normalize_or(Vec2::NEG_Y);
            shoot(&mut commands, Side::Foes, at, direction * 230.0);
        }
    }
}

/// While a potion is alive, foes grow and heal about three times as fast.
fn potions_heal(
    foes: Query<(Entity, &NcaTexture, Option<&NcaPace>), With<Foe>>,
    assets: Res<AssetServer>,
    mut commands: Commands,
) {
    let is_potion = |texture: &NcaTexture| {
        assets
            .get_path(&texture.model)
            .is_some_and(|path| path.path().file_stem().is_some_and(|stem| stem == POTION.model))
    };
    let speed = if foes.iter().any(|(_, texture, _)| is_potion(texture)) { 1.0 } else { 0.35 };
    for (entity, _, pace) in &foes {
        if pace.is_none_or(|pace| pace.speed != speed) {
            commands.entity(entity).try_insert(NcaPace { speed, paused: false });
        }
    }
}

/// Scores points for a dead foe, which drops a coin or a heart.
fn on_died(
    died: On<NcaDied>,
    foes: Query<(&Foe, &Transform)>,
    assets: Res<AssetServer>,
    mut score: ResMut<Score>,
    mut commands: Commands,
) {
    let Ok((foe, transform)) = foes.get(died.entity) else { return };
    score.points += foe.points;
    let drop = if (score.points / 50).is_multiple_of(3) { Drop::Heart } else { Drop::Coin };
    drop_at(&mut commands, &assets, drop, transform.translation.truncate());
    commands.entity(died.entity).try_despawn();
}
