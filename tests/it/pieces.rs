//! Sprites that come apart: pieces, what is held, and cells that are shed.

use std::{collections::BTreeMap, time::Duration};

use bevy::{prelude::*, time::TimeUpdateStrategy};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Model, Shape, State, mix},
};

use crate::{
    plugin::{add_model, app_with, cells, dead, full, some, still_model},
    screen::Screen,
    skin::art,
    support::{on_each_backend, on_the_gpu},
};

/// What has happened.
#[derive(Resource, Default)]
pub struct Diary {
    severed: Vec<NcaSevered>,
    pub shed: Vec<NcaShed>,
}

/// A paused app with a sprite of living cells that never change by themselves.
pub fn still_app(backend: NcaBackend, living: &State, bundle: impl Bundle) -> (App, Entity) {
    let model = still_model(living.width() as u32, living.height() as u32);
    let (mut app, entity) = app_with(backend, &model, |texture| texture);
    app.init_resource::<Diary>()
        .add_observer(|severed: On<NcaSevered>, mut diary: ResMut<Diary>| diary.severed.push(severed.event().clone()))
        .add_observer(|shed: On<NcaShed>, mut diary: ResMut<Diary>| diary.shed.push(shed.event().clone()));
    app.world_mut().entity_mut(entity).insert(bundle);
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: living.clone() });
    cells(&mut app, entity);
    headless::step(&mut app, 1);
    settle(&mut app);
    (app, entity)
}

/// Lets what the GPU reads back arrive.
pub fn settle(app: &mut App) {
    (0..6).for_each(|_| app.update());
}

pub fn cut(app: &mut App, entity: Entity, shape: Shape) {
    app.world_mut().trigger(NcaDamage::new(entity, shape).in_cells());
}

pub fn pieces_of(app: &App, entity: Entity) -> Vec<Entity> {
    app.world().get::<NcaPieces>(entity).map(|pieces| pieces.iter().collect()).unwrap_or_default()
}

/// A sprite and its pieces.
pub fn sprites_of(app: &App, whole: Entity) -> Vec<Entity> {
    [whole].into_iter().chain(pieces_of(app, whole)).collect()
}

/// A random line through a grid of 40x30 cells.
pub fn random_blade(strike: u32, radius: f32) -> Shape {
    let side = |salt: u32| (mix(strike * 4 + salt) % 1000) as f32 / 1000.0;
    let [from, to] = match strike % 2 {
        0 => [[side(0) * 40.0, 0.0], [side(1) * 40.0, 30.0]],
        _ => [[0.0, side(2) * 30.0], [40.0, side(3) * 30.0]],
    };
    Shape::capsule(from, to, radius)
}

/// The living cells of a sprite.
fn living(app: &mut App, entity: Entity) -> CellMask {
    let state = cells(app, entity).1;
    let dead = dead(&state);
    CellMask::from_fn(state.width(), state.height(), |cell| !dead.contains(cell))
}

/// Checks that sprites have no cell in common, and returns their cells.
pub fn union_of(app: &mut App, sprites: &[Entity]) -> CellMask {
    let mut all: Option<CellMask> = None;
    for sprite in sprites {
        let cells = living(app, *sprite);
        match &mut all {
            None => all = Some(cells),
            Some(all) => {
                assert!(cells.iter().all(|cell| !all.contains(cell)), "two sprites have the same cell");
                all.union(&cells);
            }
        }
    }
    all.unwrap()
}

#[test]
fn a_cut_makes_two_of_one() {
    on_each_backend(|backend| {
        let placed = Transform::from_xyz(30.0, -7.0, 2.0).with_rotation(Quat::from_rotation_z(0.3));
        let (mut app, whole) = still_app(backend, &full(20, 9), (NcaSever::default(), placed, Name::new("slime")));
        let age = cells(&mut app, whole).0;
        cut(&mut app, whole, Shape::rect(12.0, 0.0, 13.0, 9.0));
        headless::step(&mut app, 1);
        let [piece] = pieces_of(&app, whole)[..] else { panic!("{backend:?}: expected one piece") };
        let diary = &app.world().resource::<Diary>().severed;
        assert_eq!(diary[..], [NcaSevered { entity: whole, pieces: vec![piece] }]);
        assert_eq!(app.world().get::<NcaPieceOf>(piece), Some(&NcaPieceOf(whole)));
        // A copy at the same place, with the living cells known at once.
        assert_eq!(app.world().get::<Transform>(piece), Some(&placed));
        assert_eq!(app.world().get::<Name>(piece).map(Name::as_str), Some("slime"));
        let mask = app.world().get::<NcaAliveMask>(piece).unwrap().cells.clone().unwrap();
        assert_eq!(mask, CellMask::of(&Shape::rect(13.0, 0.0, 20.0, 9.0), 20, 9));
        let [own, theirs] = [whole, piece].map(|sprite| living(&mut app, sprite));
        assert_eq!(own, CellMask::of(&Shape::rect(0.0, 0.0, 12.0, 9.0), 20, 9), "{backend:?}");
        assert_eq!(theirs, mask, "{backend:?}");
        // The same age, another seed, the same cells to the bit.
        let (tick, state) = cells(&mut app, piece);
        assert_eq!(tick, age + 1);
        assert!(state.values().iter().all(|value| [0.0, 0.75].contains(value)));
        let [a, b] = [whole, piece].map(|sprite| app.world().get::<NcaTexture>(sprite).unwrap().seed);
        assert_ne!(a, b);
        settle(&mut app);
        let [a, b] = [whole, piece].map(|sprite| app.world().get::<NcaVitals>(sprite).unwrap().live_cells);
        assert_eq!([a, b], [12 * 9, 7 * 9], "{backend:?}");
        // A piece of a piece is one of the whole too, and a wound of a piece is its own.
        cut(&mut app, piece, Shape::rect(16.0, 0.0, 17.0, 9.0));
        headless::step(&mut app, 2);
        let all = pieces_of(&app, whole);
        assert_eq!(all.len(), 2);
        let sprites = sprites_of(&app, whole);
        let gone = CellMask::from_fn(20, 9, |cell| [12, 16].contains(&(cell % 20)));
        assert_eq!(union_of(&mut app, &sprites), gone.complement(), "{backend:?}");
    });
}

#[test]
fn each_cell_is_in_one_piece_or_dead() {
    on_each_backend(|backend| {
        let sever = NcaSever { fewest_cells: 5, most_pieces: 40, ..default() };
        let (mut app, whole) = still_app(backend, &full(40, 30), sever);
        let mut expected = CellMask::full(40, 30);
        for strike in 0..16 {
            let blade = random_blade(strike, 0.8);
            expected.subtract(&CellMask::of(&blade, 40, 30));
            // A blade strikes everything that it touches. Each frame has a tick, before anything was read back.
            sprites_of(&app, whole).into_iter().for_each(|sprite| cut(&mut app, sprite, blade.clone()));
            headless::step(&mut app, 1);
        }
        let sprites = sprites_of(&app, whole);
        assert!(sprites.len() > 8, "{backend:?}: {} pieces", sprites.len());
        let found = union_of(&mut app, &sprites);
        assert!(found.iter().all(|cell| expected.contains(cell)), "{backend:?}: a dead cell lives");
        // What is missing were crumbs of fewer than five cells.
        expected.subtract(&found);
        let crumbs = expected.components(false);
        assert!(crumbs.iter().all(|crumb| crumb.count() < 5), "{backend:?}: {crumbs:?}");
        // No two pieces that touch were parted.
        for sprite in sprites {
            // The blade may have struck all of the whole's.
            assert!(living(&mut app, sprite).components(false).len() <= 1, "{backend:?}");
        }
    });
}

#[test]
fn islands_stay_together_until_they_are_cut() {
    on_each_backend(|backend| {
        let islands = CellMask::from_fn(20, 9, |cell| cell % 20 != 9);
        let (mut app, whole) = still_app(backend, &some(&islands), NcaSever { fewest_cells: 1, ..default() });
        cut(&mut app, whole, Shape::rect(2.0, 0.0, 5.0, 5.0));
        headless::step(&mut app, 1);
        assert!(pieces_of(&app, whole).is_empty(), "{backend:?}");
        cut(&mut app, whole, Shape::rect(2.0, 0.0, 3.0, 9.0));
        headless::step(&mut app, 1);
        let [piece] = pieces_of(&app, whole)[..] else { panic!("{backend:?}: expected one piece") };
        assert_eq!(living(&mut app, piece).count(), 18, "{backend:?}");
    });
}

#[test]
fn fates_and_limits() {
    on_each_backend(|backend| {
        let bars = |app: &mut App, whole| {
            // Five bars of 2, 3, 4, 5 and 2 columns.
            for x in [2.0, 6.0, 11.0, 17.0] {
                cut(app, whole, Shape::rect(x, 0.0, x + 1.0, 9.0));
            }
            headless::step(app, 1);
        };
        let count = |sever: NcaSever| {
            let (mut app, whole) = still_app(backend, &full(20, 9), sever);
            bars(&mut app, whole);
            let pieces = pieces_of(&app, whole);
            let own = living(&mut app, whole).count();
            (pieces.len(), own)
        };
        let sever = NcaSever::default();
        assert_eq!(count(sever), (4, 5 * 9), "{backend:?}");
        assert_eq!(count(NcaSever { fewest_cells: 19, ..sever }), (2, 5 * 9), "{backend:?}: the small ones die");
        assert_eq!(count(NcaSever { most_pieces: 1, ..sever }), (1, 12 * 9), "{backend:?}: the others stay");
        assert_eq!(count(NcaSever { fate: NcaPieceFate::Die, ..sever }), (0, 5 * 9), "{backend:?}");

        // In a frame.
        let (mut app, whole) = still_app(backend, &full(20, 9), sever);
        app.insert_resource(NcaPieceLimit { most_at_once: 3 });
        bars(&mut app, whole);
        assert_eq!(pieces_of(&app, whole).len(), 3);

        // Debris rests, and a lifetime ends.
        let lifetime = Some(Duration::from_millis(500));
        let debris = NcaSever { fate: NcaPieceFate::Debris, lifetime, ..sever };
        let (mut app, whole) = still_app(backend, &full(20, 9), debris);
        bars(&mut app, whole);
        let pieces = pieces_of(&app, whole);
        let (age, state) = cells(&mut app, pieces[0]);
        assert_eq!(state.values().iter().filter(|value| **value != 0.0).count(), 4 * 9 * 8, "{backend:?}");
        assert!(app.world().get::<NcaSleeping>(pieces[0]).is_some());
        headless::step(&mut app, 3);
        assert_eq!(cells(&mut app, pieces[0]).0, age, "{backend:?}: it does not tick");
        (0..40).for_each(|_| app.update());
        assert!(pieces.iter().all(|piece| app.world().get_entity(*piece).is_err()));
        assert!(pieces_of(&app, whole).is_empty());

        // Pieces go with the whole only if it asks for it.
        for despawns_pieces in [false, true] {
            let (mut app, whole) = still_app(backend, &full(20, 9), NcaSever { despawns_pieces, ..sever });
            bars(&mut app, whole);
            let pieces = pieces_of(&app, whole);
            app.world_mut().despawn(whole);
            app.update();
            let exists = |piece: &Entity| app.world().get_entity(*piece).is_ok();
            assert_eq!(pieces.iter().filter(|piece| exists(piece)).count(), if despawns_pieces { 0 } else { 4 });
        }
    });
}

#[test]
fn what_hangs_on_nothing_drops() {
    on_each_backend(|backend| {
        let held = NcaHeld::new(Shape::rect(0.0, 8.0, 20.0, 9.0));
        let (mut app, whole) = still_app(backend, &full(20, 9), (NcaSever::default(), held));
        // The larger part above the cut hangs on nothing.
        cut(&mut app, whole, Shape::rect(0.0, 6.0, 20.0, 7.0));
        headless::step(&mut app, 1);
        let [piece] = pieces_of(&app, whole)[..] else { panic!("{backend:?}: expected one piece") };
        assert_eq!([whole, piece].map(|sprite| living(&mut app, sprite).count()), [2 * 20, 6 * 20], "{backend:?}");
        assert!(app.world().get::<NcaHeld>(piece).is_none());
    });
}

#[test]
fn pieces_keep_scars_and_what_waits_for_them() {
    on_each_backend(|backend| {
        let (mut app, whole) = still_app(backend, &full(20, 9), NcaSever::default());
        let scar = NcaWound::rect(Rect::new(14.0, 0.0, 15.0, 4.0)).with_scars();
        app.world_mut().trigger(NcaDamage::new(whole, scar).in_cells());
        headless::step(&mut app, 1);
        settle(&mut app);
        cut(&mut app, whole, Shape::rect(9.0, 0.0, 10.0, 9.0));
        headless::step(&mut app, 1);
        let [piece] = pieces_of(&app, whole)[..] else { panic!("{backend:?}: expected one piece") };
        // Scars do not grow even where seeds are sown, in either.
        for sprite in [whole, piece] {
            app.world_mut().trigger(NcaWriteCells { entity: sprite, tick: 0, state: full(20, 9) });
            headless::step(&mut app, 1);
            assert_eq!(dead(&cells(&mut app, sprite).1), [14, 34, 54, 74], "{backend:?}");
        }
        // A snapshot of a piece restores it.
        app.world_mut().trigger(NcaDamage::rect(piece, Rect::new(0.0, 0.0, 3.0, 9.0)).in_cells());
        headless::step(&mut app, 1);
        let before = cells(&mut app, piece);
        let saved = crate::snapshot::save(&mut app, piece);
        app.world_mut().trigger(NcaDamage::rect(piece, Rect::new(0.0, 0.0, 20.0, 9.0)).in_cells());
        headless::step(&mut app, 1);
        app.world_mut().trigger(NcaRestore { entity: piece, snapshot: saved });
        assert_eq!(cells(&mut app, piece), before, "{backend:?}");
    });
}

/// Wounds that come before the cells of the GPU were read back even once sever later.
#[test]
fn an_early_wound_severs_once_the_cells_are_known() {
    on_each_backend(|backend| {
        let (mut app, whole) = app_with(backend, &still_model(20, 9), |texture| texture);
        app.world_mut().entity_mut(whole).insert(NcaSever::default());
        app.world_mut().trigger(NcaWriteCells { entity: whole, tick: 0, state: full(20, 9) });
        cut(&mut app, whole, Shape::rect(9.0, 0.0, 10.0, 9.0));
        headless::step(&mut app, 1);
        settle(&mut app);
        headless::step(&mut app, 1);
        assert_eq!(pieces_of(&app, whole).len(), 1, "{backend:?}");
    });
}

#[test]
fn killed_cells_are_shed_where_they_were() {
    on_each_backend(|backend| {
        let placed = Transform::from_xyz(100.0, 50.0, 3.0).with_scale(Vec3::splat(2.0));
        let bundle = (NcaShedding, NcaSever { fewest_cells: 30, ..default() }, placed);
        let (mut app, whole) = still_app(backend, &full(20, 10), bundle);
        // A cut that leaves a crumb of 2 x 10 cells on the right.
        cut(&mut app, whole, Shape::rect(17.0, 0.0, 18.0, 10.0));
        headless::step(&mut app, 1);
        let shed = std::mem::take(&mut app.world_mut().resource_mut::<Diary>().shed);
        let [NcaShed { entity, cell_size, z, cells: shed }] = &shed[..] else { panic!("{backend:?}: {shed:?}") };
        assert_eq!((*entity, *cell_size, *z, shed.len()), (whole, Vec2::splat(2.0), 3.0, 30));
        // The upper left cell of the cut.
        assert!(shed[0].position.distance(Vec2::new(115.0, 59.0)) < 1e-3, "{:?}", shed[0]);
        assert!(shed.iter().all(|cell| cell.direction.x > 0.0 && (cell.direction.length() - 1.0).abs() < 1e-3));
        settle(&mut app);
        // A wound of dead cells sheds nothing, and neither does one without the component.
        cut(&mut app, whole, Shape::rect(17.0, 0.0, 18.0, 10.0));
        headless::step(&mut app, 1);
        app.world_mut().entity_mut(whole).remove::<NcaShedding>();
        cut(&mut app, whole, Shape::rect(1.0, 1.0, 3.0, 3.0));
        headless::step(&mut app, 1);
        assert!(app.world().resource::<Diary>().shed.is_empty(), "{backend:?}");
    });
}

/// All sprites of an app after half of a second of fixed time with some cuts, by their order.
fn cleaved(rate: u32) -> BTreeMap<usize, (u32, State)> {
    let mut app = headless::app(NcaBackend::Cpu).unwrap();
    let model = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca")).unwrap();
    let model = add_model(&mut app, &model);
    let sever = NcaSever { fewest_cells: 20, most_pieces: 30, ..default() };
    app.world_mut().spawn((NcaTexture::new(model).with_seed(5), Sprite::sized(Vec2::splat(200.0)), sever));
    #[derive(Resource, Default)]
    struct Step(u32);
    app.init_resource::<Step>().add_systems(
        FixedUpdate,
        |mut commands: Commands, mut step: ResMut<Step>, mut clock: ResMut<NcaClock>| {
            step.0 += 1;
            let blade = |angle: f32| {
                let along = Vec2::from_angle(angle) * 300.0;
                NcaBlast::new(NcaWound::capsule(-along, along, 8.0))
            };
            match step.0 {
                130 => commands.trigger(blade(0.4)),
                150 => commands.trigger(blade(1.9)),
                175 => commands.trigger(blade(1.2)),
                200 => clock.paused = true,
                _ => {}
            }
        },
    );
    for _ in 0..rate * 4 {
        app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs_f64(1.0 / f64::from(rate))));
        app.update();
    }
    let mut sprites: Vec<Entity> =
        app.world_mut().query_filtered::<Entity, With<NcaTexture>>().iter(app.world()).collect();
    sprites.sort();
    sprites.into_iter().enumerate().map(|(index, sprite)| (index, cells(&mut app, sprite))).collect()
}

#[test]
fn the_same_cuts_give_the_same_pieces_at_any_frame_rate() {
    let expected = cleaved(60);
    assert!(expected.len() > 4, "{} sprites", expected.len());
    assert!(cleaved(30) == expected && cleaved(144) == expected);
}

/// A timed walk through forms goes on in a piece.
#[test]
fn a_piece_is_in_the_form_of_its_sprite() {
    on_each_backend(|backend| {
        let model = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/forms/moods.nca")).unwrap();
        let forms = model.rule().forms.len();
        assert!(forms > 1);
        let (mut app, whole) = app_with(backend, &model, |texture| texture);
        app.world_mut().entity_mut(whole).insert((NcaSever::default(), NcaForm::new("enraged")));
        cells(&mut app, whole);
        headless::step(&mut app, 200);
        settle(&mut app);
        let [width, height] = model.rule().grid.map(|side| side as f32);
        cut(&mut app, whole, Shape::rect(width / 2.0 - 1.5, 0.0, width / 2.0 + 1.5, height));
        headless::step(&mut app, 1);
        let [piece] = pieces_of(&app, whole)[..] else { panic!("{backend:?}: expected one piece") };
        headless::step(&mut app, 400);
        settle(&mut app);
        for sprite in [whole, piece] {
            let vitals = app.world().get::<NcaVitals>(sprite).unwrap();
            let possible = vitals.integrity;
            assert!(possible > 0.95 || vitals.live_cells == 0, "{backend:?}: {vitals:?}");
        }
    });
}

/// Many cuts leave no instance, no entity and no memory behind.
#[test]
fn pieces_leave_nothing_behind() {
    on_each_backend(|backend| {
        let sever = NcaSever { fewest_cells: 2, most_pieces: 200, ..default() };
        let mut app = headless::app_with(backend, |app| _ = app.add_plugins(NcaDiagnosticsPlugin)).unwrap();
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        let model = add_model(&mut app, &still_model(32, 32));
        let whole = app.world_mut().spawn((NcaTexture::new(model), Sprite::default(), sever)).id();
        for round in 0..3 {
            app.world_mut().trigger(NcaWriteCells { entity: whole, tick: 0, state: full(32, 32) });
            settle(&mut app);
            headless::step(&mut app, 1);
            settle(&mut app);
            (0..16).for_each(|line| {
                let at = line as f32 * 2.0;
                cut(&mut app, whole, Shape::rect(at, 0.0, at + 1.0, 32.0));
            });
            headless::step(&mut app, 1);
            let mut pieces = pieces_of(&app, whole);
            assert_eq!(pieces.len(), 15, "{backend:?}, round {round}");
            for piece in pieces.clone() {
                cut(&mut app, piece, Shape::rect(0.0, 15.0, 32.0, 16.0));
            }
            headless::step(&mut app, 1);
            pieces = pieces_of(&app, whole);
            assert_eq!(pieces.len(), 30, "{backend:?}, round {round}");
            pieces.iter().for_each(|piece| {
                app.world_mut().despawn(*piece);
            });
            settle(&mut app);
            assert_eq!(app.world_mut().query::<&NcaTexture>().iter(app.world()).count(), 1);
            let sprites = app.world().resource::<bevy::diagnostic::DiagnosticsStore>();
            let sprites = sprites.get(&NcaDiagnosticsPlugin::SPRITES).and_then(|sprites| sprites.value());
            assert_eq!(sprites, Some(1.0), "{backend:?}, round {round}");
        }
    });
}

/// Where sprites are cut, they look as before, but for the cut: pictures of cells, and art.
#[test]
fn nothing_jumps() {
    on_the_gpu(|| {
        for (backend, has_skin) in
            [NcaBackend::Cpu, NcaBackend::Gpu].into_iter().flat_map(|backend| [(backend, false), (backend, true)])
        {
            let mut screen = Screen::new(backend, 400, 400);
            let model = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca")).unwrap();
            let model = add_model(&mut screen.app, &model);
            let image = screen.add_image(art(UVec2::new(120, 110), 40));
            screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
            let bundle = (NcaTexture::new(model), Sprite::sized(Vec2::splat(300.0)), NcaSever::default());
            let whole = screen.app.world_mut().spawn(bundle).id();
            if has_skin {
                screen.app.world_mut().entity_mut(whole).insert(NcaSkin::new(image));
            }
            screen.pixels();
            screen.step(300);
            let before = screen.pixels();
            let blade = NcaWound::capsule(Vec2::new(20.0, -300.0), Vec2::new(20.0, 300.0), 10.0);
            screen.app.world_mut().trigger(NcaDamage::new(whole, blade));
            screen.step(1);
            let after = screen.pixels();
            let [piece] = pieces_of(&screen.app, whole)[..] else { panic!("{backend:?}: expected one piece") };
            let seen = |pixels: &[[u8; 4]]| pixels.iter().filter(|pixel| pixel[3] > 0).count();
            let far_from_cut = |index: usize| (index % 400).abs_diff(220) > 30;
            let differs = |index: &usize| {
                let pair = before[*index].iter().zip(after[*index]);
                far_from_cut(*index) && pair.clone().any(|(a, b)| a.abs_diff(b) > 24)
            };
            let changed = (0..before.len()).filter(differs).count();
            assert!(seen(&before) > 20_000);
            assert!(changed < seen(&before) / 100, "{backend:?}, skin {has_skin}: {changed} of {}", seen(&before));
            // The piece is drawn by itself.
            screen.app.world_mut().entity_mut(piece).insert(Visibility::Hidden);
            let without = screen.pixels();
            let right = |pixels: &[[u8; 4]]| {
                pixels.iter().enumerate().filter(|(index, pixel)| index % 400 > 250 && pixel[3] > 0).count()
            };
            assert!(right(&after) > 2_000 && right(&without) == 0, "{backend:?}, skin {has_skin}");
        }
    });
}

#[test]
fn debris_flies_and_fades() {
    on_the_gpu(|| {
        for backend in [NcaBackend::Cpu, NcaBackend::Gpu] {
            let mut screen = Screen::new(backend, 200, 200);
            let model = add_model(&mut screen.app, &still_model(10, 10));
            let debris = NcaDebris { speed: 200.0, gravity: Vec2::ZERO, ..default() };
            let bundle = (NcaTexture::new(model), Sprite::sized(Vec2::splat(40.0)), debris);
            let sprite = screen.app.world_mut().spawn(bundle).id();
            screen.app.world_mut().trigger(NcaWriteCells { entity: sprite, tick: 0, state: full(10, 10) });
            let outside = |pixels: Vec<[u8; 4]>| {
                let is_outside = |index: usize| (index % 200).abs_diff(100).max((index / 200).abs_diff(100)) > 22;
                pixels.iter().enumerate().filter(|(index, pixel)| is_outside(*index) && pixel[3] > 0).count()
            };
            assert_eq!(outside(screen.pixels()), 0, "{backend:?}");
            let count = |screen: &mut Screen| {
                let mut meshes = screen.app.world_mut().query::<&Mesh2d>();
                meshes.iter(screen.app.world()).count()
            };
            assert_eq!(count(&mut screen), 0);
            cut(&mut screen.app, sprite, Shape::rect(0.0, 0.0, 10.0, 5.0));
            let found = outside(screen.pixels());
            assert!(found > 50, "{backend:?}: {found}");
            assert_eq!(count(&mut screen), 1, "one draw call");
            (0..60).for_each(|_| screen.app.update());
            assert_eq!(count(&mut screen), 0, "{backend:?}: nothing is left");
        }
    });
}
