//! Many sprites: what they share, and what they free.

use bevy::{
    core_pipeline::core_2d::Transparent2d,
    ecs::entity_disabling::Disabled,
    prelude::*,
    render::{
        RenderApp,
        render_phase::{PhaseItem, ViewSortedRenderPhases},
        render_resource::TextureFormat,
    },
    sprite::SpritePlugin,
    sprite_render::SpriteRenderPlugin,
    text::TextPlugin,
};
use bevy_nca::{headless, prelude::*, rule::Model};

use crate::{
    plugin::{add_model, app_with, cells, full, golden_distances, paused_app, still_model},
    support::{GOLDEN, Golden, on_each_backend, on_the_gpu},
};

const SHIPPED: [&str; 4] = ["coin", "heart", "slime", "tree"];

fn shipped(name: &str) -> Model {
    Model::read(format!("{}/assets/models/{name}.nca", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The size of the atlas that a sprite is in.
fn atlas(app: &App, entity: Entity) -> UVec2 {
    let image = &app.world().get::<Sprite>(entity).unwrap().image;
    app.world().resource::<Assets<Image>>().get(image).unwrap().size()
}

#[test]
fn those_who_are_left_move_together_and_keep_their_cells() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let model = add_model(&mut app, &still_model(12, 9));
        let mut sprites = Vec::new();
        for index in 0..300_u32 {
            let sprite = app.world_mut().spawn((NcaTexture::new(model.clone()), Sprite::default())).id();
            app.world_mut().trigger(NcaWriteCells { entity: sprite, tick: index, state: full(12, 9) });
            // The sprites that stay have different holes.
            let hole = Vec2::new((index % 12) as f32 + 0.5, (index / 12 % 9) as f32 + 0.5);
            app.world_mut().trigger(NcaDamage::circle(sprite, hole, 0.4).in_cells());
            sprites.push(sprite);
        }
        headless::step(&mut app, 2);
        let large = atlas(&app, sprites[0]);
        let stays = |index: &usize| index % 29 == 3;
        let rest: Vec<Entity> = (0..300).filter(stays).map(|index| sprites[index]).collect();
        let before: Vec<_> = rest.iter().map(|sprite| cells(&mut app, *sprite)).collect();
        (0..300).filter(|index| !stays(index)).for_each(|index| assert!(app.world_mut().despawn(sprites[index])));
        // A disabled sprite moves too.
        app.world_mut().entity_mut(rest[9]).insert(Disabled);
        // A wound, a read and a new sprite in the same frame in which all slots move.
        app.world_mut().trigger(NcaDamage::circle(rest[4], Vec2::new(6.0, 4.0), 2.0).in_cells());
        let newcomer = app.world_mut().spawn((NcaTexture::new(model), Sprite::default())).id();
        assert_eq!(cells(&mut app, rest[7]), before[7], "{backend:?}");
        headless::step(&mut app, 1);
        app.world_mut().entity_mut(rest[9]).remove::<Disabled>();
        for (index, (sprite, (tick, before))) in rest.iter().zip(&before).enumerate() {
            let (now, after) = cells(&mut app, *sprite);
            // The disabled sprite does not tick.
            assert_eq!(now, tick + u32::from(index != 9));
            assert_eq!(after == *before, index != 4, "{backend:?}, sprite {index}");
        }
        assert_eq!(cells(&mut app, newcomer).0, 1);
        let small = atlas(&app, rest[0]);
        assert!((small.x * small.y) * 4 <= large.x * large.y, "{small} of {large}");
        let mut rects: Vec<Rect> =
            rest.iter().map(|sprite| app.world().get::<Sprite>(*sprite).unwrap().rect.unwrap()).collect();
        assert!(rects.iter().all(|rect| rect.max.x <= small.x as f32 && rect.max.y <= small.y as f32));
        rects.dedup();
        assert_eq!(rects.len(), rest.len());
    });
}

#[test]
fn who_wakes_after_a_long_sleep_ticks_on() {
    on_the_gpu(|| {
        let mut app = paused_app(NcaBackend::Gpu);
        app.world_mut().resource_mut::<NcaClock>().sleep_after = None;
        let model = add_model(&mut app, &still_model(12, 9));
        let sprites = [0; 9].map(|_| app.world_mut().spawn(NcaTexture::new(model.clone())).id());
        headless::step(&mut app, 1);
        for sprite in sprites {
            app.world_mut().entity_mut(sprite).insert(NcaSleeping);
        }
        // Long enough to shrink the buffers that ticks need, several times.
        (0..4000).for_each(|_| app.update());
        for sprite in sprites {
            app.world_mut().trigger(NcaWriteCells { entity: sprite, tick: 5, state: full(12, 9) });
        }
        headless::step(&mut app, 2);
        for sprite in sprites {
            assert_eq!(cells(&mut app, sprite), (7, full(12, 9)));
        }
    });
}

/// How far half precision may be from the golden frames. Values are rounded to eleven bits, 24 times.
const HALF_TOLERANCE: f32 = 0.01;

fn half() -> NcaPlugin {
    NcaPlugin { backend: NcaBackend::Gpu, precision: NcaPrecision::Half, ..default() }
}

#[test]
fn half_precision_gives_the_golden_frames_within_its_tolerance() {
    on_the_gpu(|| {
        for name in GOLDEN {
            let golden = Golden::read(name);
            let (mut app, entity) =
                app_with(half(), &golden.model, |texture| texture.with_seed(golden.seed).with_angle(golden.angle));
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: golden.start.clone() });
            for (tick, distance) in golden_distances(&mut app, entity, &golden) {
                assert!(distance < HALF_TOLERANCE, "{name}: {distance} at tick {tick}");
                assert!(distance > 0.0 || tick == 0, "{name}: nothing was rounded");
            }
        }
    });
}

#[test]
fn half_precision_grows_and_heals_the_shipped_models() {
    on_the_gpu(|| {
        for name in SHIPPED {
            let model = shipped(name);
            let (mut app, entity) = app_with(half(), &model, |texture| texture.with_seed(3));
            let target = model.target().unwrap().clone();
            let [width, height] = model.rule().grid.map(|side| side as usize);
            let grown = target.cells(model.rule().output, width, height);
            let check = |app: &mut App, when: &str| {
                let state = cells(app, entity).1;
                let cells = state.values().chunks_exact(state.channels()).zip(grown.as_chunks::<4>().0);
                // Channel 2 of coordinates is free.
                let channels: &[usize] =
                    if model.rule().output == bevy_nca::rule::Output::Coordinates { &[0, 1, 3] } else { &[0, 1, 2, 3] };
                let square = |(cell, grown): (&[f32], &[f32; 4])| {
                    channels.iter().map(|&channel| (cell[channel] - grown[channel]).powi(2)).sum::<f32>()
                };
                let error = cells.map(square).sum::<f32>() / grown.len() as f32;
                assert!(error < 0.001, "{name} {when}: {error}");
            };
            headless::step(&mut app, 200);
            check(&mut app, "grown");
            let [width, height] = model.rule().grid.map(|side| side as f32);
            let wound = NcaDamage::circle(entity, Vec2::new(width, height) / 2.0, width / 5.0);
            app.world_mut().trigger(wound.in_cells());
            headless::step(&mut app, 300);
            check(&mut app, "healed");
        }
    });
}

#[test]
fn each_model_is_drawn_as_one_batch() {
    on_the_gpu(|| {
        let mut app = headless::app_with(NcaBackend::Gpu, |app| {
            app.add_plugins((TextPlugin, SpritePlugin, SpriteRenderPlugin));
        })
        .unwrap();
        let screen = Image::new_target_texture(64, 64, TextureFormat::Rgba8UnormSrgb, None);
        let screen = app.world_mut().resource_mut::<Assets<Image>>().add(screen);
        app.world_mut().spawn((Camera2d, bevy::camera::RenderTarget::Image(screen.into())));
        let models = SHIPPED.map(|name| add_model(&mut app, &shipped(name)));
        for index in 0..200_u32 {
            let kind = index as usize % 4;
            let texture = NcaTexture::new(models[kind].clone()).with_seed(index);
            app.world_mut().spawn((texture, Sprite::default(), Transform::from_xyz(0.0, 0.0, kind as f32)));
        }
        for _ in 0..4 {
            app.update();
        }
        let phases = app.sub_app(RenderApp).world().resource::<ViewSortedRenderPhases<Transparent2d>>();
        let batches: Vec<u32> = phases
            .values()
            .flat_map(|phase| phase.items.values().map(|item| item.batch_range().len() as u32))
            .filter(|sprites| *sprites > 0)
            .collect();
        assert_eq!(batches, [50; 4]);
    });
}

/// A sprite that is spawned asleep, or put to sleep later, stays asleep and does not tick.
#[test]
fn sleepers_stay_asleep() {
    on_each_backend(|backend| {
        for round in 0..6 {
            let mut app = headless::app(backend).unwrap();
            // For a model without a target, the reference of a grown sprite arrives in the meantime.
            let slime = crate::vitals::slime();
            let slime = if round % 2 == 0 { slime } else { slime.with_target(None).unwrap() };
            let model = add_model(&mut app, &slime);
            let first = app.world_mut().spawn((NcaTexture::new(model.clone()), Sprite::default())).id();
            (0..round + 8).for_each(|_| app.update());
            app.world_mut().entity_mut(first).insert(NcaSleeping);
            let others: Vec<Entity> = (0..40)
                .map(|_| {
                    let mut sprite = app.world_mut().spawn((NcaTexture::new(model.clone()), Sprite::default()));
                    sprite.insert(NcaSleeping);
                    sprite.id()
                })
                .collect();
            let tick = |app: &App, entity| app.world().get::<NcaVitals>(entity).unwrap().tick;
            (0..8).for_each(|_| app.update());
            let rested = tick(&app, first);
            (0..20).for_each(|_| app.update());
            assert_eq!(tick(&app, first), rested, "{backend:?}, round {round}");
            for other in others {
                let is_asleep = app.world().get::<NcaSleeping>(other).is_some();
                assert!(is_asleep && tick(&app, other) == 0, "{backend:?}, round {round}");
            }
        }
    });
}
