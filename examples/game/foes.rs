//! Waves of foes.

use std::time::Duration;

use bevy::prelude::*;
use bevy_nca::prelude::*;

use crate::{
    ARENA,
    art::{self, Gallery, Sheet},
    play::{Drop, Ship, Side, bar, drop_at, living, shoot},
    screens::{Score, Screen},
};

/// The number of waves.
pub const WAVES: usize = 5;

/// A foe.
#[derive(Component, Clone)]
pub struct Foe {
    home: Vec2,
    sway: f32,
    /// The speed at which it is pushed aside.
    push: Vec2,
    pub points: u32,
    /// Times its shots once it has grown; `None` if it never fires.
    fire: Option<Timer>,
}

/// A foe that repairs the others.
#[derive(Component)]
struct Repairs;

/// A foe that must not grow up: in its last form it fires.
#[derive(Component)]
struct GrowsUp {
    /// Seconds until its next form.
    next: Timer,
    form: usize,
}

/// The forms of a plant.
const AGES: [&str; 4] = ["seed", "sprout", "bush", "bloom"];

/// A foe that rages after a bad wound, until it is whole again.
#[derive(Component)]
struct Rages {
    mood: &'static str,
}

/// A kind of foe.
struct Kind {
    art: &'static Sheet,
    /// The side of its square, in world units.
    size: f32,
    points: u32,
    /// It dies below this integrity.
    dies_below: f32,
    /// Seconds between its shots.
    fires_every: Option<f32>,
    gift: Gift,
}

/// What a kind of foe can do.
#[derive(Clone, Copy, PartialEq)]
enum Gift {
    None,
    /// It repairs the others.
    Repairs,
    /// What is cut off from it lives on.
    Parts,
    /// It does not fire before it has grown up.
    Growth,
    /// Wounded badly, it fires twice as fast.
    Rage,
}

const JELLYFISH: Kind =
    Kind { art: &art::JELLYFISH, size: 110.0, points: 100, dies_below: 0.7, fires_every: Some(2.6), gift: Gift::None };
const PLANT: Kind =
    Kind { art: &art::PLANT, size: 120.0, points: 150, dies_below: 0.75, fires_every: Some(0.9), gift: Gift::Growth };
const SLIME: Kind =
    Kind { art: &art::SLIME, size: 190.0, points: 500, dies_below: 0.6, fires_every: Some(1.2), gift: Gift::Rage };
const MACHINE: Kind =
    Kind { art: &art::MACHINE, size: 120.0, points: 200, dies_below: 0.8, fires_every: None, gift: Gift::Repairs };
const WORM: Kind =
    Kind { art: &art::WORM, size: 190.0, points: 250, dies_below: 0.4, fires_every: Some(3.2), gift: Gift::Parts };
const BOSS: Kind =
    Kind { art: &art::BOSS, size: 230.0, points: 1000, dies_below: 0.88, fires_every: Some(0.8), gift: Gift::None };

fn wave(number: usize) -> Vec<(Kind, Vec2)> {
    match number {
        1 => [-240.0, -80.0, 80.0, 240.0].map(|x| (JELLYFISH, Vec2::new(x, 200.0))).into(),
        2 => {
            let mut wave: Vec<_> = [-270.0, -90.0, 90.0, 270.0].map(|x| (JELLYFISH, Vec2::new(x, 120.0))).into();
            wave.extend([-180.0, 0.0, 180.0].map(|x| (PLANT, Vec2::new(x, 220.0))));
            wave
        }
        3 => [(-190.0, 110.0), (0.0, 220.0), (190.0, 110.0)].map(|(x, y)| (WORM, Vec2::new(x, y))).into(),
        4 => {
            vec![(SLIME, Vec2::new(0.0, 190.0)), (PLANT, Vec2::new(-230.0, 150.0)), (PLANT, Vec2::new(230.0, 150.0))]
        }
        _ => {
            vec![(BOSS, Vec2::new(0.0, 170.0)), (MACHINE, Vec2::new(-240.0, 150.0)), (MACHINE, Vec2::new(240.0, 150.0))]
        }
    }
}

pub fn plugin(app: &mut App) {
    app.add_systems(Update, (advance, sway, grow_up, fire, repair).chain().run_if(in_state(Screen::Play)))
        .add_observer(on_died)
        .add_observer(on_wounded)
        .add_observer(on_regrown)
        .add_observer(on_severed);
}

/// Starts the next wave when no foe is left.
fn advance(
    foes: Query<(), With<Foe>>,
    mut score: ResMut<Score>,
    mut next: ResMut<NextState<Screen>>,
    mut gallery: Gallery,
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
        let fire = kind.fires_every.map(timer);
        let foe = Foe { home, sway: index as f32, push: Vec2::ZERO, points: kind.points, fire };
        let body = living(&mut gallery, kind.art, Side::Foes, home, kind.size);
        let mut spawned = commands.spawn((body, foe, NcaKillBelow(kind.dies_below)));
        match kind.gift {
            Gift::None => {}
            Gift::Repairs => _ = spawned.insert(Repairs),
            Gift::Parts => _ = spawned.insert(NcaSever { fewest_cells: 20, most_pieces: 3, ..default() }),
            Gift::Growth => _ = spawned.insert(GrowsUp { next: timer(5.0), form: 0 }),
            Gift::Rage => _ = spawned.insert(Rages { mood: "calm" }),
        }
        let entity = spawned.id();
        // Worms are flat.
        let above = if kind.gift == Gift::Parts { 0.2 } else { 0.5 };
        commands.spawn(bar(entity, kind.size * above + 8.0));
    }
}

/// Plants grow from form to form.
fn grow_up(mut plants: Query<(Entity, &mut GrowsUp, &NcaVitals)>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut plant, vitals) in &mut plants {
        let is_young = vitals.has_grown && plant.form + 1 < AGES.len();
        if is_young && plant.next.tick(time.delta()).just_finished() {
            plant.form += 1;
            commands.entity(entity).insert(NcaForm::new(AGES[plant.form]));
        }
    }
}

/// Makes foes sway and descend. The game is lost when one comes down to the ship.
fn sway(mut foes: Query<(&mut Foe, &mut Transform)>, time: Res<Time>, mut next: ResMut<NextState<Screen>>) {
    for (mut foe, mut transform) in &mut foes {
        foe.sway += time.delta_secs() * 0.8;
        foe.home.y -= time.delta_secs() * 4.0;
        foe.home.x = (foe.home.x + foe.push.x * time.delta_secs()).clamp(60.0 - ARENA.x, ARENA.x - 60.0);
        foe.push *= (-time.delta_secs()).exp();
        let offset = Vec2::new(foe.sway.sin() * 50.0, (foe.sway * 1.7).sin() * 10.0);
        transform.translation = (foe.home + offset).extend(0.0);
        if foe.home.y < -ARENA.y * 0.6 {
            next.set(Screen::Lost);
        }
    }
}

/// A wound hurts a slime, and a bad one enrages it.
fn on_wounded(wounded: On<NcaWounded>, mut slimes: Query<(&mut Rages, &NcaVitals)>, mut commands: Commands) {
    let Ok((mut slime, vitals)) = slimes.get_mut(wounded.entity) else { return };
    let mood = if vitals.integrity > 0.9 && slime.mood != "enraged" { "hurt" } else { "enraged" };
    if slime.mood != mood {
        slime.mood = mood;
        commands.entity(wounded.entity).insert(NcaForm::new(mood));
    }
}

/// A slime that is whole again calms down.
fn on_regrown(regrown: On<NcaRegrown>, mut slimes: Query<&mut Rages>, mut commands: Commands) {
    if let Ok(mut slime) = slimes.get_mut(regrown.entity) {
        slime.mood = "calm";
        commands.entity(regrown.entity).insert(NcaForm::new("calm"));
    }
}

type Armed<'w> = (&'w mut Foe, &'w Transform, &'w NcaVitals, Option<&'w GrowsUp>, Option<&'w Rages>);

/// Grown foes fire at the ship. A slime in a rage fires twice as fast.
fn fire(mut foes: Query<Armed>, ship: Single<&Transform, With<Ship>>, time: Res<Time>, mut commands: Commands) {
    for (mut foe, transform, vitals, plant, rages) in &mut foes {
        let is_ready = vitals.has_grown && plant.is_none_or(|plant| plant.form + 1 == AGES.len());
        let Some(timer) = foe.fire.as_mut().filter(|_| is_ready) else { continue };
        let haste = if rages.is_some_and(|slime| slime.mood == "enraged") { 2 } else { 1 };
        if timer.tick(time.delta() * haste).just_finished() {
            let at = transform.translation.truncate() - Vec2::new(0.0, 20.0);
            let direction = (ship.translation.truncate() - at).normalize_or(Vec2::NEG_Y);
            shoot(&mut commands, Side::Foes, at, direction * 230.0);
        }
    }
}

/// While a machine is alive, foes grow and heal twice as fast.
fn repair(
    foes: Query<(Entity, Option<&NcaPace>), With<Foe>>,
    machines: Query<(), With<Repairs>>,
    mut commands: Commands,
) {
    let speed = if machines.is_empty() { 0.35 } else { 0.7 };
    for (entity, pace) in &foes {
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

/// The parts of a foe move away from each other, and fire at times of their own.
fn on_severed(severed: On<NcaSevered>, mut foes: Query<(&mut Foe, &NcaAliveMask)>, mut commands: Commands) {
    let parts = || [severed.entity].into_iter().chain(severed.pieces.iter().copied());
    // In cells: the column in which the middle of a part lies.
    let column = |(_, mask): (&Foe, &NcaAliveMask)| {
        let cells = mask.cells.as_ref().filter(|cells| !cells.is_empty())?;
        let columns: usize = cells.iter().map(|cell| cell % cells.width()).sum();
        Some(columns as f32 / cells.count() as f32)
    };
    let columns: Vec<f32> = parts().filter_map(|part| column(foes.get(part).ok()?)).collect();
    let middle = columns.iter().sum::<f32>() / columns.len().max(1) as f32;
    for (index, (part, column)) in parts().zip(columns).enumerate() {
        let Ok((mut foe, _)) = foes.get_mut(part) else { continue };
        foe.push = Vec2::X * (column - middle).signum() * 90.0;
        foe.sway += index as f32;
        if let Some(timer) = &mut foe.fire {
            timer.set_elapsed(timer.duration().mul_f32((index as f32 * 0.37).fract()));
        }
        if index > 0 {
            commands.spawn(bar(part, WORM.size * 0.2 + 8.0));
        }
    }
}
