//! Hours of simulated fire in minutes.
//!
//! `cargo test --release --features full soak -- --ignored --nocapture` runs each backend for `NCA_SOAK_SECONDS` of
//! wall-clock time (default 600) and prints statistics.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bevy::prelude::*;
use bevy_nca::{headless, prelude::*, rule::mix};

use crate::{plugin::add_model, support::on_the_gpu, vitals::slime};

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
    // A single increase is not a leak; continuous growth is.
    if let (Some(early), Some(late)) = (memories.get(memories.len() / 4), memories.last()) {
        assert!(*late < early + 16 * 1024, "{backend:?}: memory grows: {memories:?} KiB");
    }
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
