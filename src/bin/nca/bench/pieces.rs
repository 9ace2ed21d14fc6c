//! Benchmark of pieces: what sprites that were cut off cost a game while they sleep, beside as many that were never cut.

use bevy::prelude::*;
use bevy_nca::{
    NcaClock, NcaDamage, NcaModel, NcaPieceFate, NcaPieces, NcaPrecision, NcaSever, NcaSleeping, NcaTexture,
    rule::{Model, Shape},
};
use serde::Serialize;

use super::{
    scenes::{CAST, Stage, Times, frame, plain, stage, stages, time},
    spread,
};
use crate::Result;

/// Sprites that are cut in four, each with three pieces.
const WHOLES: u32 = 50;
/// Updates in which sprites grow before they are cut, and in which their pieces begin to.
const GROWTH: u32 = 120;
const REGROWTH: u32 = 10;
/// Rounds in which the scenes are timed in turn.
const ROUNDS: usize = 7;

/// Sprites of which three quarters are pieces, and as many sprites that were never cut. All of them are put to sleep.
#[derive(Serialize)]
pub struct Pieces {
    backend: &'static str,
    /// What becomes of the pieces: `regrow` or `debris`.
    fate: &'static str,
    sprites: u32,
    /// Milliseconds per frame, in the main and in the render world together, beyond as many plain Bevy sprites: median,
    /// minimum and maximum over the rounds. First with pieces, then without.
    pieces_ms: [f64; 3],
    uncut_ms: [f64; 3],
}

/// Measures pieces on each backend.
pub fn measure(precision: NcaPrecision) -> Result<Vec<Pieces>> {
    let mut all = Vec::new();
    for backend in stages() {
        for (fate, name) in [(NcaPieceFate::Regrow, "regrow"), (NcaPieceFate::Debris, "debris")] {
            let mut cut = scene(backend, precision, WHOLES, Some(fate))?;
            let sprites = cut.world_mut().query::<&NcaTexture>().iter(cut.world()).count() as u32;
            let mut scenes = [cut, scene(backend, precision, sprites, None)?, plain(backend, sprites)?];
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push(scenes.each_mut().map(|app| {
                    let Times { main, render, .. } = time(app);
                    main[0] + render[0]
                }));
            }
            let beyond_plain = |scene: usize| spread(rounds.iter().map(|round| round[scene] - round[2]));
            let (pieces_ms, uncut_ms) = (beyond_plain(0), beyond_plain(1));
            all.push(Pieces { backend: backend.name(), fate: name, sprites, pieces_ms, uncut_ms });
        }
    }
    Ok(all)
}

/// An app with so many sprites. If there is a fate for their pieces, they grow and are cut. Then all of them fall asleep.
fn scene(backend: Stage, precision: NcaPrecision, sprites: u32, fate: Option<NcaPieceFate>) -> Result<App> {
    let mut app = stage(backend, precision)?;
    app.world_mut().resource_mut::<NcaClock>().sleep_after = None;
    let [_, _, slime, _] = CAST;
    let model = Model::from_bytes(slime)?;
    let [width, height] = model.rule().grid.map(|side| side as f32);
    let model = app.world_mut().resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model));
    let mut spawn = |seed| {
        let mut sprite = app.world_mut().spawn((NcaTexture::new(model.clone()).with_seed(seed), Sprite::default()));
        if let Some(fate) = fate {
            sprite.insert(NcaSever { fate, ..default() });
        }
        sprite.id()
    };
    let all: Vec<Entity> = (0..sprites).map(&mut spawn).collect();
    (0..if fate.is_some() { GROWTH } else { REGROWTH }).for_each(|_| _ = frame(&mut app));
    if fate.is_some() {
        let (x, y) = (width / 2.0, height / 2.0);
        let blades = [([x, 0.0], [x, height]), ([0.0, y], [width, y])];
        // One after another: only so many pieces are made at once.
        for sprite in all {
            for (from, to) in blades {
                app.world_mut().trigger(NcaDamage::new(sprite, Shape::capsule(from, to, 1.0)).in_cells());
            }
            frame(&mut app);
        }
        let pieces: usize = app.world_mut().query::<&NcaPieces>().iter(app.world()).map(NcaPieces::len).sum();
        if pieces != 3 * sprites as usize {
            return Err(format!("expected three pieces of each of {sprites} sprites, found {pieces}").into());
        }
        (0..REGROWTH).for_each(|_| _ = frame(&mut app));
    }
    let awake: Vec<Entity> = app.world_mut().query_filtered::<Entity, With<NcaTexture>>().iter(app.world()).collect();
    awake.into_iter().for_each(|sprite| _ = app.world_mut().entity_mut(sprite).insert(NcaSleeping));
    Ok(app)
}

impl Pieces {
    pub const HEAD: &str = "pieces       fate      sprites   pieces, ms   uncut, ms";
}

impl std::fmt::Display for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { backend, fate, sprites, pieces_ms, uncut_ms } = self;
        write!(f, "{backend:<13}{fate:<8}{sprites:>9}{:>13.3}{:>12.3}", pieces_ms[0], uncut_ms[0])
    }
}
