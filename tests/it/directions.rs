//! Directions along which textures grow.

use bevy::{
    asset::RenderAssetUsages,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
};
use bevy_nca::{
    cpu::{Ground, Tick, oracle_step},
    headless,
    prelude::*,
    rule::{CellMask, Directions, Model, State},
};

use crate::{
    plugin::{app_with, cells},
    snapshot::save,
    support::{Golden, distance, on_each_backend},
};

const ANGLE: f32 = 0.4;

/// Ticks of the oracle.
fn advance(model: &Model, state: &mut State, ticks: std::ops::Range<u32>, directions: Option<&Directions>) {
    for tick in ticks {
        let ground = Ground { directions, ..Ground::default() };
        *state = oracle_step(model, state, Tick { tick, seed: 3, angle: ANGLE }, ground);
    }
}

/// The cells of each backend follow the oracle's, as directions come, change and go.
#[test]
fn a_texture_grows_along_its_directions() {
    on_each_backend(|backend| {
        let golden = Golden::read("material");
        let model = &golden.model;
        let [width, height] = [golden.start.width(), golden.start.height()];
        let (mut app, entity) = app_with(backend, model, |texture| texture.with_seed(3).with_angle(ANGLE));
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: golden.start.clone() });
        app.world_mut().entity_mut(entity).insert(NcaDirections::Radial(Vec2::new(0.25, 0.6)));
        let mut expected = golden.start.clone();
        let check = |app: &mut App, at: u32, expected: &State, what: &str| {
            let (tick, state) = cells(app, entity);
            assert_eq!(tick, at);
            let apart = distance(&state, expected);
            assert!(apart < 1e-5, "{backend:?}, {what}: {apart}");
        };
        headless::step(&mut app, 6);
        let radial = Directions::radial(width, height, [0.25 * width as f32, 0.6 * height as f32]);
        let without = {
            let mut state = expected.clone();
            advance(model, &mut state, 0..6, None);
            state
        };
        advance(model, &mut expected, 0..6, Some(&radial));
        assert!(distance(&without, &expected) > 0.01, "directions change what grows");
        check(&mut app, 6, &expected, "radial");
        // They stay through a wound, scars, and other cells.
        let (tick, start) = cells(&mut app, entity);
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(9.0, 7.0), 4.0).in_cells());
        expected.wound(&CellMask::of(&Shape::circle(9.0, 7.0, 4.0), width, height));
        headless::step(&mut app, 2);
        advance(model, &mut expected, 6..8, Some(&radial));
        check(&mut app, 8, &expected, "after a wound");
        app.world_mut().trigger(NcaWriteCells { entity, tick, state: start });
        headless::step(&mut app, 1);
        let (tick, mut again) = (7, cells(&mut app, entity).1);
        advance(model, &mut again, tick..tick + 1, Some(&radial));
        headless::step(&mut app, 1);
        check(&mut app, 8, &again, "with other cells");
        // An image, in halves: down on the left, none on the right.
        let [down, none] = [[128, 228, 0, 255], [128, 128, 0, 255]];
        let size = Extent3d { width: 2, height: 1, depth_or_array_layers: 1 };
        let bytes = [down, none].concat();
        for format in [TextureFormat::Rgba8Unorm, TextureFormat::Rgba8UnormSrgb] {
            let image = Image::new(size, TextureDimension::D2, bytes.clone(), format, RenderAssetUsages::default());
            let image = app.world_mut().resource_mut::<Assets<Image>>().add(image);
            app.world_mut().entity_mut(entity).insert(NcaDirections::Flow(image));
            let (tick, mut expected) = cells(&mut app, entity);
            headless::step(&mut app, 2);
            let flow =
                Directions::from_fn(width, height, |[x, _]| [0.0, if x < width as f32 / 2.0 { 1.0 } else { 0.0 }]);
            advance(model, &mut expected, tick..tick + 2, Some(&flow));
            check(&mut app, tick + 2, &expected, "flow");
        }
        app.world_mut().entity_mut(entity).remove::<NcaDirections>();
        let (tick, mut expected) = cells(&mut app, entity);
        headless::step(&mut app, 2);
        advance(model, &mut expected, tick..tick + 2, None);
        check(&mut app, tick + 2, &expected, "none");
    });
}

/// Sprites of a population have their own directions, and snapshots keep them.
#[test]
fn each_sprite_has_its_own_directions() {
    on_each_backend(|backend| {
        let golden = Golden::read("material");
        let model = &golden.model;
        let (mut app, first) = app_with(backend, model, |texture| texture.with_seed(3).with_angle(ANGLE));
        let texture = app.world().get::<NcaTexture>(first).unwrap().clone();
        let center = NcaDirections::Radial(Vec2::splat(0.5));
        let second = app.world_mut().spawn((texture, center, Sprite::default())).id();
        for entity in [first, second] {
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: golden.start.clone() });
        }
        headless::step(&mut app, 4);
        let size = [golden.start.width(), golden.start.height()];
        let radial = Directions::radial(size[0], size[1], size.map(|side| side as f32 / 2.0));
        for (entity, directions) in [(first, None), (second, Some(&radial))] {
            let mut expected = golden.start.clone();
            advance(model, &mut expected, 0..4, directions);
            let (_, state) = cells(&mut app, entity);
            assert!(distance(&state, &expected) < 1e-5, "{backend:?}: {}", distance(&state, &expected));
        }
        let snapshot = save(&mut app, second);
        app.world_mut().trigger(NcaRestore { entity: second, snapshot });
        let (tick, mut expected) = cells(&mut app, second);
        headless::step(&mut app, 3);
        advance(model, &mut expected, tick..tick + 3, Some(&radial));
        let apart = distance(&cells(&mut app, second).1, &expected);
        assert!(apart < 1e-5, "{backend:?}, restored: {apart}");
    });
}
