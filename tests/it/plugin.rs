//! The plugin in headless apps, on both backends.

use bevy::prelude::*;
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Model, Shape, State},
};

use crate::support::{GOLDEN, Golden, WOUND_TICK, distance, on_each_backend, on_the_gpu};

/// A paused app with one sprite of a model.
fn app_with(backend: NcaBackend, model: &Model, texture: impl FnOnce(NcaTexture) -> NcaTexture) -> (App, Entity) {
    let mut app = headless::app(backend).unwrap();
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    let handle = app.world_mut().resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model.clone()));
    let entity = app.world_mut().spawn((texture(NcaTexture::new(handle)), Sprite::default())).id();
    (app, entity)
}

fn cells(app: &mut App, entity: Entity) -> (u32, State) {
    headless::read_cells(app, entity, 2000).expect("cells come back")
}

/// The tolerance of the golden frames on a GPU: lavapipe does not contract multiply-adds.
const TOLERANCE: f32 = 1e-5;

#[test]
fn the_plugin_gives_the_golden_frames() {
    on_each_backend(|backend| {
        for name in GOLDEN {
            let golden = Golden::read(name);
            let (mut app, entity) =
                app_with(backend, &golden.model, |texture| texture.with_seed(golden.seed).with_angle(golden.angle));
            // A texture starts from noise, so cells are written, before the sprite has its place.
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: golden.start.clone() });
            assert_eq!(cells(&mut app, entity), (0, golden.start), "{name}");
            assert_eq!(*app.world().resource::<NcaBackend>(), backend);
            let mut at = 0;
            for (tick, frame) in &golden.frames {
                if at == WOUND_TICK {
                    let damage = NcaDamage { entity, shape: golden.wound, space: NcaSpace::Cells };
                    app.world_mut().trigger(damage);
                }
                headless::step(&mut app, tick - at);
                at = *tick;
                let (read_at, state) = cells(&mut app, entity);
                assert_eq!(read_at, at, "{name}");
                let distance = distance(&state, frame);
                assert!(distance < TOLERANCE, "{backend:?}, {name}: {distance} at tick {tick}");
            }
        }
    });
}
