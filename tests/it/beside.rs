//! Sprites that stand whole beside their place, as some that grow from a small piece do.

use std::f32::consts::TAU;

use bevy::prelude::*;
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Model, Output, Rule, Shape, State, Target, mix},
};

use crate::{
    pieces::{cut, settle, sprites_of},
    plugin::{add_model, app_with, cells, unchanging},
    screen::Screen,
    support::{on_each_backend, on_the_gpu},
};

const GRID: [usize; 2] = [24, 20];
/// How far beside its place the sprite stands, right and down, in cells.
const BESIDE: [i32; 2] = [3, -2];

/// A picture that is no mirror image of itself.
fn picture() -> Target {
    let pixel = |index: usize| {
        let (x, y) = (index % 12, index / 12);
        [(x * 20) as u8, (y * 25) as u8, 90, if x < 4 || y > 5 { 255 } else { 0 }]
    };
    Target { width: 12, height: 10, rgba: (0..12 * 10).flat_map(pixel).collect() }
}

/// A model of the picture whose cells change only when they are wounded.
fn still(output: Output) -> Model {
    let rule =
        Rule { grid: GRID.map(|side| side as u32), channels: 8, hidden: 16, output, version: 2, ..Rule::default() };
    unchanging(rule, Some(picture()))
}

/// The cells of a grown sprite so far beside its place.
fn grown(model: &Model, [right, down]: [i32; 2]) -> State {
    let [width, height] = GRID;
    let home = picture().cells(model.rule().output, width, height);
    let mut values = vec![0.0; width * height * 8];
    for (cell, grown) in home.as_chunks::<4>().0.iter().enumerate() {
        let at = [(cell % width) as i32 + right, (cell / width) as i32 + down];
        if grown[3] > 0.0 {
            let first = (at[1] as usize * width + at[0] as usize) * 8;
            values[first..][..4].copy_from_slice(grown);
        }
    }
    State::from_values(width, height, 8, values).unwrap()
}

#[test]
fn a_sprite_beside_its_place_is_whole_and_falls_asleep() {
    on_each_backend(|backend| {
        for output in [Output::Coordinates, Output::PremultipliedAlpha] {
            let model = still(output);
            let (mut app, entity) = app_with(backend, &model, |texture| texture);
            app.world_mut().resource_mut::<NcaClock>().sleep_after = Some(8);
            app.world_mut().entity_mut(entity).insert(NcaAliveMask::default());
            let write = |app: &mut App, state: State| {
                app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
                cells(app, entity);
                headless::step(app, 4);
                settle(app);
                headless::step(app, 4);
                settle(app);
                *app.world().get::<NcaVitals>(entity).unwrap()
            };
            let home = write(&mut app, grown(&model, [0; 2]));
            let there = write(&mut app, grown(&model, BESIDE));
            assert_eq!((there.condition, there.has_grown), (NcaCondition::Whole, true), "{backend:?} {output:?}");
            assert_eq!((there.integrity, there.live_cells), (home.integrity, home.live_cells));
            let moved = Vec2::from(BESIDE.map(|axis| axis as f32));
            assert!(there.centroid.abs_diff_eq(home.centroid + moved, 1e-5), "{backend:?} {output:?}: {there:?}");
            assert_eq!(there.bounds.as_irect().min, home.bounds.as_irect().min + IVec2::from(BESIDE));
            assert_eq!(there.bounds.size(), home.bounds.size());
            let mask = app.world().get::<NcaAliveMask>(entity).unwrap().cells.clone().unwrap();
            let frame = picture().cells(Output::PremultipliedAlpha, GRID[0], GRID[1]);
            let shows = |&cell: &usize| {
                let at = [(cell % GRID[0]) as i32 - BESIDE[0], (cell / GRID[0]) as i32 - BESIDE[1]];
                at[0] >= 0
                    && frame.get((at[1] * GRID[0] as i32 + at[0]) as usize * 4 + 3).is_some_and(|alpha| *alpha > 0.1)
            };
            assert_eq!(mask, CellMask::from_fn(GRID[0], GRID[1], shows), "{backend:?} {output:?}");
            headless::step(&mut app, 16);
            settle(&mut app);
            assert!(app.world().get::<NcaSleeping>(entity).is_some(), "{backend:?} {output:?}");

            // Without a third of its cells it is wounded there, not whole elsewhere.
            cut(&mut app, entity, Shape::rect(0.0, 0.0, 11.0, 20.0));
            headless::step(&mut app, 8);
            settle(&mut app);
            let wounded = app.world().get::<NcaVitals>(entity).unwrap();
            assert_eq!(wounded.condition, NcaCondition::Wounded, "{backend:?} {output:?}: {wounded:?}");
            // Cells that are written, or none, are at home.
            assert_eq!(write(&mut app, grown(&model, [0; 2])), home, "{backend:?} {output:?}");
        }
    });
}

/// It looks as at its place: its picture, and the art of a skin, to the pixel.
#[test]
fn a_sprite_beside_its_place_looks_the_same() {
    on_the_gpu(|| {
        for (backend, output) in [NcaBackend::Cpu, NcaBackend::Gpu]
            .into_iter()
            .flat_map(|backend| [Output::Coordinates, Output::PremultipliedAlpha].map(|output| (backend, output)))
        {
            for has_skin in [false, true] {
                let model = still(output);
                let mut screen = Screen::new(backend, 240, 200);
                let handle = add_model(&mut screen.app, &model);
                screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
                let size = Vec2::new(GRID[0] as f32, GRID[1] as f32) * 10.0;
                // The art covers the picture's rectangle.
                let shown = if has_skin { Vec2::new(120.0, 100.0) } else { size };
                let bundle = (NcaTexture::new(handle), Sprite::sized(shown), NcaAliveMask::default());
                let entity = screen.app.world_mut().spawn(bundle).id();
                if has_skin {
                    let image = screen.add_image(crate::skin::art(UVec2::new(60, 50), 40));
                    screen.app.world_mut().entity_mut(entity).insert(NcaSkin::new(image));
                }
                screen.pixels();
                let mut look = |beside: [i32; 2]| {
                    let state = grown(&model, beside);
                    screen.app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
                    for _ in 0..3 {
                        screen.step(2);
                        settle(&mut screen.app);
                    }
                    screen.pixels()
                };
                let (home, there) = (look([0; 2]), look(BESIDE));
                let seen = home.iter().filter(|pixel| pixel[3] > 0).count();
                assert!(seen > 4_000, "{seen}");
                let expected = |index: usize| {
                    let [x, y] = [(index % 240) as i32 - BESIDE[0] * 10, (index / 240) as i32 - BESIDE[1] * 10];
                    let inside = (0..240).contains(&x) && (0..200).contains(&y);
                    if inside { home[(y * 240 + x) as usize] } else { [0; 4] }
                };
                let differs = |index: &usize| (0..4).any(|at| there[*index][at].abs_diff(expected(*index)[at]) > 2);
                let wrong = (0..there.len()).filter(differs).count();
                assert_eq!(wrong, 0, "{backend:?} {output:?}, skin {has_skin}: of {seen}");
            }
        }
    });
}

/// Whatever is cut from a sprite ends whole or dead, and at rest.
#[test]
fn every_piece_falls_asleep() {
    const SPRITES: u32 = 64;
    let mut pieces = 0;
    for name in ["slime", "bodies/very_wide"] {
        let path = format!("{}/assets/models/{name}.nca", env!("CARGO_MANIFEST_DIR"));
        let (mut app, first) = app_with(NcaBackend::Cpu, &Model::read(path).unwrap(), |texture| texture);
        app.world_mut().resource_mut::<NcaClock>().sleep_after = Some(60);
        let texture = app.world().get::<NcaTexture>(first).unwrap().clone();
        app.world_mut().despawn(first);
        let spawn = |seed| (texture.clone().with_seed(seed), Sprite::default(), NcaSever::default());
        let wholes: Vec<Entity> = (0..SPRITES).map(|seed| app.world_mut().spawn(spawn(seed)).id()).collect();
        app.update();
        headless::step(&mut app, 300);
        let home = *app.world().get::<NcaVitals>(wholes[0]).unwrap();
        let (least, most) = (home.bounds.min.as_vec2(), home.bounds.max.as_vec2());
        for (index, whole) in (0..).zip(&wholes) {
            // Two lines at right angles through a point of the body.
            let random = |salt: u32| (mix(index * 4 + salt) % 1000) as f32 / 1000.0;
            let middle = least + (most - least) * Vec2::new(random(0), random(1));
            let along = Vec2::from_angle(random(2) * TAU) * 99.0;
            for along in [along, along.perp()] {
                cut(&mut app, *whole, Shape::capsule((middle - along).into(), (middle + along).into(), 0.75));
            }
        }
        headless::step(&mut app, 600);
        for sprite in wholes.iter().flat_map(|whole| sprites_of(&app, *whole)) {
            let vitals = *app.world().get::<NcaVitals>(sprite).unwrap();
            let is_done = matches!(vitals.condition, NcaCondition::Whole | NcaCondition::Dead);
            assert!(is_done && app.world().get::<NcaSleeping>(sprite).is_some(), "{name}: {vitals:?}");
            pieces += 1;
        }
    }
    assert!(pieces > 250, "{pieces}");
}
