//! Hours of simulated fire in minutes.
//!
//! `cargo test --release --features full soak -- --ignored --nocapture --test-threads 1` runs each backend for
//! `NCA_SOAK_SECONDS` of wall-clock time (default 600), then cuts sprites for a minute of game time, and prints statistics.
//! One after another, because they watch the memory of the process.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bevy::prelude::*;
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Shape, mix},
};

use crate::{
    pieces::{Diary, cut, pieces_of, random_blade, settle, sprites_of, still_app, union_of},
    plugin::{add_model, full},
    support::on_the_gpu,
    vitals::slime,
};

const SPRITES: u32 = 200;
/// Wounds per second of game time.
const WOUNDS_A_SECOND: u64 = 1000;
/// The most frames that may pass until a death is reported.
const LATEST: u32 = 120;
/// The distance between sprites, which stand in rows of twenty.
const STEP: f32 = 34.0;

/// The events so far.
#[derive(Resource, Default)]
struct Log {
    frame: u32,
    wounded: u64,
    regrown: u64,
    died: u64,
    /// Sprites that were killed outright, and the frame in which they were.
    doomed: HashMap<Entity, u32>,
    /// The most frames that passed until a death was reported.
    latest: u32,
    /// Sprites that have died since the last frame.
    dead: Vec<Entity>,
}

/// Resident memory in KiB, or `None` without Linux's `/proc`.
fn memory() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse::<u64>().ok()?;
    Some(pages * 4)
}

/// Checks samples of the resident memory in KiB: a single increase is not a leak; continuous growth is.
fn assert_flat(backend: NcaBackend, memories: &[u64]) {
    if let (Some(early), Some(late)) = (memories.get(memories.len() / 4), memories.last()) {
        assert!(*late < early + 16 * 1024, "{backend:?}: memory grows: {memories:?} KiB");
    }
}

fn soak(backend: NcaBackend) {
    let seconds = std::env::var("NCA_SOAK_SECONDS").map_or(600, |seconds| seconds.parse().unwrap());
    let mut app = headless::app(backend).unwrap();
    app.init_resource::<Log>()
        .add_observer(|_: On<NcaWounded>, mut log: ResMut<Log>| log.wounded += 1)
        .add_observer(|_: On<NcaRegrown>, mut log: ResMut<Log>| log.regrown += 1)
        .add_observer(|died: On<NcaDied>, mut log: ResMut<Log>| {
            log.died += 1;
            log.dead.push(died.entity);
            if let Some(doomed) = log.doomed.remove(&died.entity) {
                log.latest = log.latest.max(log.frame - doomed);
            }
        });
    let model = add_model(&mut app, &slime());
    let spawn = |app: &mut App, index: u32| {
        let at = Vec3::new((index % 20) as f32, (index / 20) as f32, 0.0) * STEP;
        let texture = NcaTexture::new(model.clone()).with_seed(index);
        app.world_mut().spawn((texture, Sprite::default(), Transform::from_translation(at), NcaKillBelow(0.3))).id()
    };
    let mut sprites: Vec<Entity> = (0..SPRITES).map(|index| spawn(&mut app, index)).collect();
    let (began, mut random) = (Instant::now(), 0u32);
    let mut next = || {
        random = random.wrapping_add(1);
        mix(random)
    };
    let (mut wounds, mut memories) = (0u64, Vec::new());
    while began.elapsed() < Duration::from_secs(seconds) {
        let frame = {
            let mut log = app.world_mut().resource_mut::<Log>();
            log.frame += 1;
            log.frame
        };
        let due = |frame: u32| WOUNDS_A_SECOND * u64::from(frame) / 60;
        for _ in due(frame - 1)..due(frame) {
            let [x, y] = [20, 10].map(|count| next() as f32 / u32::MAX as f32 * count as f32 * STEP);
            let radius = 0.5 + (next() % 16) as f32 / 8.0;
            app.world_mut().trigger(NcaBlast::circle(Vec2::new(x, y) - STEP / 2.0, radius));
            wounds += 1;
        }
        // About once a second, kill a living sprite outright.
        let victim = sprites[(next() % SPRITES) as usize];
        let lives = app.world().get::<NcaVitals>(victim).is_some_and(|vitals| vitals.live_cells > 0);
        if frame.is_multiple_of(60) && lives && !app.world().resource::<Log>().doomed.contains_key(&victim) {
            let all = NcaDamage::rect(victim, Rect::new(0.0, 0.0, 100.0, 100.0));
            app.world_mut().trigger(all.in_cells());
            app.world_mut().resource_mut::<Log>().doomed.insert(victim, frame);
        }
        app.update();
        let dead = std::mem::take(&mut app.world_mut().resource_mut::<Log>().dead);
        for entity in dead {
            let index = sprites.iter().position(|sprite| *sprite == entity).expect("each dies once");
            app.world_mut().despawn(entity);
            sprites[index] = spawn(&mut app, index as u32);
        }
        let missed = app.world().resource::<Log>().doomed.iter().find(|(_, doomed)| frame - **doomed > LATEST);
        assert_eq!(missed, None, "{backend:?}: a death was missed");
        if memories.len() as u64 * seconds < began.elapsed().as_secs() * 20 {
            memories.extend(memory());
        }
    }
    let log = app.world().resource::<Log>();
    let Log { frame, wounded, regrown, died, latest, .. } = log;
    println!(
        "{backend:?}: {frame} frames in {seconds} s, {wounds} wounds, of which {wounded} sprites a frame lost cells, \
         {regrown} regrown, {died} dead; a death was heard of within {latest} frames; memory in MiB: {:?}",
        memories.iter().map(|kib| kib / 1024).collect::<Vec<_>>()
    );
    assert!(*wounded > 0 && *died > 0);
    assert_flat(backend, &memories);
}

#[test]
#[ignore = "takes ten minutes"]
fn soak_on_the_cpu() {
    soak(NcaBackend::Cpu);
}

#[test]
#[ignore = "takes ten minutes"]
fn soak_on_the_gpu() {
    on_the_gpu(|| soak(NcaBackend::Gpu));
}

/// Cuts per minute of game time.
const CUTS: u32 = 1000;

/// So many cuts of sprites that do not change by themselves, one a tick: each cell is in one piece, or was shed once. Every
/// fiftieth cut, all begins anew.
fn count_cut_cells(backend: NcaBackend) {
    let (width, height) = (40, 30);
    let sever = NcaSever { fewest_cells: 5, most_pieces: 60, ..default() };
    let (mut app, whole) = still_app(backend, &full(width, height), (sever, NcaShedding));
    let mut most = 0;
    for strike in 0..CUTS {
        let blade = random_blade(strike, 0.6);
        sprites_of(&app, whole).into_iter().for_each(|sprite| cut(&mut app, sprite, blade.clone()));
        headless::step(&mut app, 1);
        (0..3).for_each(|_| app.update());
        if strike % 50 != 49 {
            continue;
        }
        let sprites = sprites_of(&app, whole);
        let mut found = union_of(&mut app, &sprites);
        for cell in
            std::mem::take(&mut app.world_mut().resource_mut::<Diary>().shed).iter().flat_map(|shed| &shed.cells)
        {
            let [x, y] = [cell.position.x + width as f32 / 2.0, height as f32 / 2.0 - cell.position.y];
            let cell = y as usize * width + x as usize;
            assert!(
                !found.contains(cell),
                "{backend:?}, cut {strike}: cell {cell} was shed, but lives or was shed before"
            );
            found.insert(cell);
        }
        assert_eq!(found, CellMask::full(width, height), "{backend:?}, cut {strike}");
        most = most.max(sprites.len());
        sprites[1..].iter().for_each(|piece| app.world_mut().entity_mut(*piece).despawn());
        app.world_mut().trigger(NcaWriteCells { entity: whole, tick: 0, state: full(width, height) });
        headless::step(&mut app, 1);
        settle(&mut app);
    }
    assert!(most > 20, "{backend:?}: {most} sprites");
}

/// The number of pieces that were severed.
#[derive(Resource, Default)]
struct Severed(usize);

/// A minute of game time with [`CUTS`] cuts of slimes, whose pieces live for a second.
fn cut_slimes(backend: NcaBackend) {
    let mut app = headless::app_with(backend, |app| _ = app.add_plugins(NcaDiagnosticsPlugin)).unwrap();
    app.init_resource::<Severed>().add_observer(|severed: On<NcaSevered>, mut count: ResMut<Severed>| {
        count.0 += severed.pieces.len();
    });
    let model = add_model(&mut app, &slime());
    let sever = NcaSever { lifetime: Some(Duration::from_secs(1)), most_pieces: 16, ..default() };
    let spawn =
        |seed| app.world_mut().spawn((NcaTexture::new(model.clone()).with_seed(seed), Sprite::default(), sever)).id();
    let slimes: Vec<Entity> = (0..20).map(spawn).collect();
    (0..240).for_each(|_| app.update());
    let (mut memories, mut most) = (Vec::new(), 0);
    for frame in 0..3600u32 {
        for strike in (frame * CUTS / 3600..(frame + 1) * CUTS / 3600).map(|strike| strike * 8) {
            let part = |salt: u32| mix(strike + salt) as f32 / u32::MAX as f32;
            let slime = slimes[mix(strike) as usize % slimes.len()];
            let along = Vec2::from_angle(part(1) * std::f32::consts::TAU) * 100.0;
            let middle = Vec2::new(10.0 + 20.0 * part(2), 10.0 + 20.0 * part(3));
            let blade = Shape::capsule((middle - along).into(), (middle + along).into(), 1.0);
            sprites_of(&app, slime).into_iter().for_each(|sprite| cut(&mut app, sprite, blade.clone()));
        }
        app.update();
        most = most.max(slimes.iter().map(|slime| pieces_of(&app, *slime).len()).sum());
        if frame % 200 == 199 {
            memories.extend(memory());
        }
    }
    (0..70).for_each(|_| app.update());
    let severed = app.world().resource::<Severed>().0;
    println!(
        "{backend:?}: {CUTS} cuts of {} slimes, {severed} pieces, at most {most} at a time; memory in MiB: {:?}",
        slimes.len(),
        memories.iter().map(|kib| kib / 1024).collect::<Vec<_>>()
    );
    assert!(severed > 500 && most > 20);
    let sprites = app.world().resource::<bevy::diagnostic::DiagnosticsStore>().get(&NcaDiagnosticsPlugin::SPRITES);
    assert_eq!(sprites.and_then(|sprites| sprites.value()), Some(slimes.len() as f64), "{backend:?}: slots");
    assert_eq!(app.world_mut().query::<&NcaTexture>().iter(app.world()).count(), slimes.len(), "{backend:?}: entities");
    assert_flat(backend, &memories);
}

#[test]
#[ignore = "takes minutes"]
fn soak_of_cuts_on_the_cpu() {
    count_cut_cells(NcaBackend::Cpu);
    cut_slimes(NcaBackend::Cpu);
}

#[test]
#[ignore = "takes minutes"]
fn soak_of_cuts_on_the_gpu() {
    on_the_gpu(|| {
        count_cut_cells(NcaBackend::Gpu);
        cut_slimes(NcaBackend::Gpu);
    });
}
