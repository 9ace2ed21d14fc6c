//! Vitals and the events about them, on both backends.

use std::{collections::HashMap, time::Duration};

use bevy::{prelude::*, time::TimeUpdateStrategy};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{Model, State, Target},
};

use crate::{
    engines::sparse_state,
    plugin::{app_with, cells, still_model},
    support::on_each_backend,
};

/// The events so far, in order.
#[derive(Resource, Default, Debug, PartialEq)]
struct Diary(Vec<Event>);

#[derive(Debug, PartialEq)]
enum Event {
    Wounded(u32),
    Regrown,
    Died,
}

fn keep_diary(app: &mut App) {
    app.init_resource::<Diary>()
        .add_observer(|e: On<NcaWounded>, mut diary: ResMut<Diary>| diary.0.push(Event::Wounded(e.lost_cells)))
        .add_observer(|_: On<NcaRegrown>, mut diary: ResMut<Diary>| diary.0.push(Event::Regrown))
        .add_observer(|_: On<NcaDied>, mut diary: ResMut<Diary>| diary.0.push(Event::Died));
}

/// Waits for the vitals of the sprite's last tick.
pub fn vitals(app: &mut App, entity: Entity) -> NcaVitals {
    let (tick, _) = cells(app, entity);
    for _ in 0..100 {
        let vitals = *app.world().get::<NcaVitals>(entity).unwrap();
        if vitals.tick == tick {
            return vitals;
        }
        app.update();
    }
    panic!("no vitals of tick {tick} have come")
}

/// A body of colors. The one of coordinates is trained again more often.
pub fn slime() -> Model {
    Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/colors/slime.nca")).unwrap()
}

#[test]
fn a_sprite_is_born_wounded_healed_and_killed() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &slime(), |texture| texture);
        keep_diary(&mut app);
        headless::step(&mut app, 3);
        let young = vitals(&mut app, entity);
        assert_eq!((young.condition, young.tick), (NcaCondition::Growing, 3));
        assert!(young.live_cells > 0 && young.integrity < 0.5, "{young:?}");
        headless::step(&mut app, 150);
        let grown = vitals(&mut app, entity);
        assert_eq!(grown.condition, NcaCondition::Whole, "{grown:?}");
        assert_eq!(app.world().resource::<Diary>().0, []);

        let before = cells(&mut app, entity).1;
        app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(0.0, 0.0, 32.0, 14.0)).in_cells());
        let hit = before.values().chunks_exact(16).take(32 * 14).filter(|cell| cell[3] > 0.1).count() as u32;
        assert!(hit > 50);
        headless::step(&mut app, 1);
        let wounded = vitals(&mut app, entity);
        assert_eq!(wounded.condition, NcaCondition::Wounded);
        assert!(wounded.integrity < 0.75 && wounded.bounds.min.y >= 12, "{wounded:?}");
        assert_eq!(std::mem::take(&mut app.world_mut().resource_mut::<Diary>().0), [Event::Wounded(hit)]);
        headless::step(&mut app, 200);
        assert_eq!(vitals(&mut app, entity).condition, NcaCondition::Whole);
        assert_eq!(std::mem::take(&mut app.world_mut().resource_mut::<Diary>().0), [Event::Regrown]);

        // A scratch does not kill it; the loss of half its cells does.
        app.world_mut().entity_mut(entity).insert(NcaKillBelow(0.6));
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::ZERO, 1.0));
        headless::step(&mut app, 60);
        assert_eq!(vitals(&mut app, entity).condition, NcaCondition::Whole);
        let live = vitals(&mut app, entity).live_cells;
        app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(0.0, 0.0, 18.0, 28.0)).in_cells());
        headless::step(&mut app, 1);
        assert!(vitals(&mut app, entity).integrity < 0.6);
        headless::step(&mut app, 1);
        let dead = vitals(&mut app, entity);
        let expected = NcaVitals { condition: NcaCondition::Dead, tick: dead.tick, ..default() };
        assert_eq!(dead, expected);
        let diary = std::mem::take(&mut app.world_mut().resource_mut::<Diary>().0);
        let [Event::Wounded(4), Event::Regrown, Event::Wounded(half), Event::Wounded(rest), Event::Died] = diary[..]
        else {
            panic!("{backend:?}: {diary:?}")
        };
        assert!(half > live / 3 && half + rest >= live, "{half} and {rest} of {live}");

        // A dead sprite stays dead until it is healed.
        headless::step(&mut app, 5);
        assert_eq!(vitals(&mut app, entity).condition, NcaCondition::Dead);
        app.world_mut().trigger(NcaHeal::circle(entity, Vec2::new(0.5, -0.5), 0.6));
        headless::step(&mut app, 1);
        assert_eq!(vitals(&mut app, entity).condition, NcaCondition::Growing);
        headless::step(&mut app, 150);
        assert_eq!(vitals(&mut app, entity).condition, NcaCondition::Whole);
        assert_eq!(app.world().resource::<Diary>().0, []);
    });
}

/// The expected vitals, counted cell by cell.
fn expected(state: &State, has_cell: impl Fn(usize, usize) -> bool, cells: u32, tick: u32) -> NcaVitals {
    let mut vitals = NcaVitals { tick, bounds: URect::EMPTY, ..default() };
    let mut held = 0;
    for (cell, values) in state.values().chunks_exact(state.channels()).enumerate() {
        let (x, y) = (cell % state.width(), cell / state.width());
        if values[3] > 0.1 {
            vitals.live_cells += 1;
            held += u32::from(has_cell(x, y));
            vitals.bounds = vitals
                .bounds
                .union(URect::from_corners(UVec2::new(x as u32, y as u32), UVec2::new(x as u32 + 1, y as u32 + 1)));
            vitals.centroid += Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
        }
    }
    vitals.centroid /= vitals.live_cells as f32;
    vitals.integrity = held as f32 / cells as f32;
    vitals
}

#[test]
fn the_census_counts_every_cell_once() {
    on_each_backend(|backend| {
        for (seed, (width, height), angle) in [(1, (37, 19), 0.0), (2, (8, 8), 0.0), (3, (21, 40), 1.0)] {
            let (rule, weights) = (still_model(width, height).rule().clone(), still_model(8, 8).weights().clone());
            // A striped target.
            let stripe = |index: u32| if (index % width).is_multiple_of(3) { [9, 9, 9, 255] } else { [0; 4] };
            let rgba: Vec<u8> = (0..width * height).flat_map(stripe).collect();
            let target = Target { width: width as usize, height: height as usize, rgba };
            let model = Model::new(rule, weights, Some(target)).unwrap();
            let (mut app, entity) = app_with(backend, &model, |texture| texture.with_angle(angle));
            let state = sparse_state(seed, width as usize, height as usize, 8, 3);
            app.world_mut().trigger(NcaWriteCells { entity, tick: 7, state });
            headless::step(&mut app, 1);
            let found = vitals(&mut app, entity);
            let (tick, state) = cells(&mut app, entity);
            let (middle_x, middle_y) = ((width / 2) as f32, (height / 2) as f32);
            let has_cell = |x: usize, y: usize| {
                let (dx, dy) = (x as f32 - middle_x, y as f32 - middle_y);
                let x = (dx * angle.cos() - dy * angle.sin() + middle_x).round();
                let y = (dx * angle.sin() + dy * angle.cos() + middle_y).round();
                (0.0..width as f32).contains(&x) && (0.0..height as f32).contains(&y) && (x as u32).is_multiple_of(3)
            };
            let expected = expected(&state, has_cell, width.div_ceil(3) * height, tick);
            assert!(expected.live_cells > 5 && tick == 8);
            assert_eq!(
                (found.live_cells, found.bounds, found.tick),
                (expected.live_cells, expected.bounds, expected.tick),
                "{backend:?}, {seed}"
            );
            assert!((found.centroid - expected.centroid).length() < 1e-4, "{found:?}, {expected:?}");
            // In a rotated sprite, a cell may lie between two pixels.
            assert!((found.integrity - expected.integrity).abs() < 1e-3, "{found:?}, {expected:?}");
        }
    });
}

#[test]
fn a_model_without_a_target_is_whole_once_it_has_grown() {
    on_each_backend(|backend| {
        let slime = slime();
        let model = Model::new(slime.rule().clone(), slime.weights().clone(), None).unwrap();
        let (mut app, entity) = app_with(backend, &model, |texture| texture.with_seed(9));
        headless::step(&mut app, 120);
        let vitals = vitals(&mut app, entity);
        assert!(vitals.integrity > 0.95 && vitals.condition == NcaCondition::Whole, "{vitals:?}");
    });
}

#[test]
fn a_turned_sprite_is_measured_by_the_turned_picture() {
    on_each_backend(|backend| {
        for angle in [std::f32::consts::FRAC_PI_2, -std::f32::consts::FRAC_PI_2] {
            let (mut app, entity) =
                app_with(backend, &slime(), |texture| texture.with_angle(angle).with_grid((36, 36)));
            headless::step(&mut app, 150);
            let vitals = vitals(&mut app, entity);
            assert_eq!(vitals.condition, NcaCondition::Whole, "{backend:?}, {angle}: {vitals:?}");
        }
    });
}

#[test]
fn a_scarred_sprite_is_whole_when_it_is_all_that_it_can_be() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &slime(), |texture| texture);
        keep_diary(&mut app);
        headless::step(&mut app, 150);
        let scar = NcaWound::rect(Rect::new(0.0, 0.0, 32.0, 10.0)).with_scars();
        app.world_mut().trigger(NcaDamage::new(entity, scar).in_cells());
        headless::step(&mut app, 1);
        headless::step(&mut app, 100);
        let scarred = vitals(&mut app, entity);
        assert!(scarred.integrity < 0.9 && scarred.condition == NcaCondition::Whole, "{backend:?}: {scarred:?}");
        assert!(matches!(app.world().resource::<Diary>().0[..], [Event::Wounded(_), Event::Regrown]));
    });
}

/// A new grid, a new texture or new cells restart a sprite.
/// It is then young and awake, and its former integrity does not kill it.
#[test]
fn a_new_life_owes_nothing_to_the_last() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &slime(), |texture| texture);
        app.world_mut().entity_mut(entity).insert(NcaKillBelow(0.5));
        keep_diary(&mut app);
        let anew: [fn(&mut App, Entity); 3] = [
            |app, entity| app.world_mut().get_mut::<NcaTexture>(entity).unwrap().grid = Some(UVec2::new(34, 30)),
            |app, entity| {
                let texture = app.world_mut().entity_mut(entity).take::<NcaTexture>().unwrap();
                app.world_mut().entity_mut(entity).insert(texture);
            },
            |app, entity| {
                let state = State::seed(slime().rule(), 34, 30);
                app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
            },
        ];
        for begin_anew in anew {
            headless::step(&mut app, 150);
            assert_eq!(vitals(&mut app, entity).condition, NcaCondition::Whole, "{backend:?}");
            app.world_mut().entity_mut(entity).insert(NcaSleeping);
            begin_anew(&mut app, entity);
            app.update();
            headless::step(&mut app, 4);
            let young = vitals(&mut app, entity);
            assert_eq!(
                (young.condition, young.tick, young.has_grown),
                (NcaCondition::Growing, 4, false),
                "{backend:?}"
            );
            assert!(app.world().get::<NcaSleeping>(entity).is_none());
        }
        assert_eq!(app.world().resource::<Diary>().0, []);
    });
}

#[derive(Resource)]
struct Succession {
    reigns: Entity,
    texture: NcaTexture,
    steps: u32,
    over: bool,
}

/// In every fixed step, wounds and despawns a sprite, and spawns another that takes its slot.
fn succeed(mut succession: ResMut<Succession>, mut commands: Commands) {
    if succession.over {
        return;
    }
    succession.steps += 1;
    commands.trigger(NcaDamage::circle(succession.reigns, Vec2::ZERO, 3.0).in_cells());
    commands.entity(succession.reigns).despawn();
    succession.reigns = commands.spawn((succession.texture.clone(), Sprite::default())).id();
}

#[test]
fn who_takes_a_slot_within_a_frame_is_counted_alone() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
        keep_diary(&mut app);
        headless::step(&mut app, 1);
        cells(&mut app, entity);
        let texture = app.world().get::<NcaTexture>(entity).unwrap().clone();
        // One sprite stays, which keeps the population and its slots.
        app.world_mut().spawn((texture.clone(), Sprite::default()));
        headless::step(&mut app, 1);
        app.insert_resource(Succession { reigns: entity, texture, steps: 0, over: false })
            .add_systems(FixedUpdate, succeed);
        app.world_mut().resource_mut::<NcaClock>().paused = false;
        app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(50)));
        (0..6).for_each(|_| app.update());
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        app.world_mut().resource_mut::<Succession>().over = true;
        assert!(app.world().resource::<Succession>().steps > 12);
        let last = app.world().resource::<Succession>().reigns;
        headless::step(&mut app, 1);
        let vitals = vitals(&mut app, last);
        let state = cells(&mut app, last).1;
        let live = state.values().chunks_exact(8).filter(|cell| cell[3] > 0.1).count() as u32;
        assert!(vitals.live_cells == live && live <= 1 && (1..3).contains(&vitals.tick), "{backend:?}: {vitals:?}");
        let diary = &app.world().resource::<Diary>().0;
        assert!(diary.iter().all(|event| *event != Event::Wounded(2)), "{diary:?}");
    });
}

#[derive(Resource, Default)]
struct Losses(HashMap<Entity, u32>);

/// Many sprites are wounded in every frame, and one is despawned. Every wound is reported exactly once.
#[test]
fn no_event_is_missed() {
    on_each_backend(|backend| {
        let (mut app, first) = app_with(backend, &still_model(16, 16), |texture| texture);
        let texture = app.world().get::<NcaTexture>(first).unwrap().clone();
        let others: Vec<Entity> = (0..9).map(|_| app.world_mut().spawn(texture.clone()).id()).collect();
        let all: Vec<Entity> = [first].into_iter().chain(others).collect();
        for &entity in &all {
            let state = State::from_values(16, 16, 8, vec![0.75; 16 * 16 * 8]).unwrap();
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
        }
        app.init_resource::<Losses>().add_observer(|wounded: On<NcaWounded>, mut losses: ResMut<Losses>| {
            *losses.0.entry(wounded.entity).or_default() += wounded.lost_cells;
        });
        headless::step(&mut app, 1);
        app.world_mut().resource_mut::<NcaClock>().paused = false;
        for frame in 0..16 {
            // Zero, one or several ticks in a frame.
            let millis = [17, 3, 90, 17][frame % 4];
            app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(millis)));
            for (index, &entity) in all.iter().enumerate().filter(|(index, _)| *index != 3 || frame < 8) {
                let (x, y) = (frame as f32, index as f32);
                app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(x, y, x + 1.0, y + 2.0)).in_cells());
            }
            if frame == 8 {
                app.world_mut().despawn(all[3]);
            }
            app.update();
        }
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        headless::step(&mut app, 1);
        vitals(&mut app, first);
        app.update();
        let losses = &app.world().resource::<Losses>().0;
        for (index, entity) in all.iter().enumerate() {
            let lost = losses.get(entity).copied().unwrap_or(0);
            match index {
                // Wounds in flight when the sprite is despawned are not reported.
                3 => assert!((8..=16).contains(&lost), "{backend:?}: {lost}"),
                _ => assert_eq!(lost, 32, "{backend:?}, {index}"),
            }
        }
    });
}
