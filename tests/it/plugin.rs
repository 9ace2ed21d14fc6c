//! The plugin in headless apps, on both backends.

use bevy::prelude::*;
use bevy_nca::{
    cpu::{Engine, Ground, Scratch, Tick, oracle_step},
    headless::{self, NoCells},
    prelude::*,
    rule::{CellMask, Model, Rule, Shape, State, Target, Weights},
};

use crate::{
    engines::{model, rim_model, sparse_state},
    support::{GOLDEN, Golden, WOUND_TICK, distance, on_each_backend, on_the_gpu},
};

/// The tolerance for golden frames. Lavapipe does not contract multiply-adds.
const TOLERANCE: f32 = 1e-5;

/// An app whose clock is paused.
pub fn paused_app(plugin: impl Into<NcaPlugin>) -> App {
    let mut app = headless::app(plugin).unwrap();
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    app
}

pub fn add_model(app: &mut App, model: &Model) -> Handle<NcaModel> {
    app.world_mut().resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model.clone()))
}

/// A paused app with one sprite of a model.
pub fn app_with(
    plugin: impl Into<NcaPlugin>,
    model: &Model,
    texture: impl FnOnce(NcaTexture) -> NcaTexture,
) -> (App, Entity) {
    let mut app = paused_app(plugin);
    let handle = add_model(&mut app, model);
    let entity = app.world_mut().spawn((texture(NcaTexture::new(handle)), Sprite::default())).id();
    (app, entity)
}

pub fn cells(app: &mut App, entity: Entity) -> (u32, State) {
    headless::read_cells(app, entity, 100_000).unwrap()
}

/// A model whose cells change only when they are wounded.
pub fn still_model(width: u32, height: u32) -> Model {
    let rule = Rule { grid: [width, height], channels: 8, hidden: 16, ..Rule::default() };
    unchanging(rule, None)
}

/// The same with this rule and picture.
pub fn unchanging(rule: Rule, target: Option<Target>) -> Model {
    let weights = Weights {
        hidden_weight: vec![0.0; rule.features() * rule.hidden],
        hidden_bias: vec![0.0; rule.hidden],
        output_weight: vec![0.0; rule.hidden * rule.channels],
        output_bias: vec![0.0; rule.channels],
        ..Weights::default()
    };
    Model::new(rule, weights, target).unwrap()
}

pub fn full(width: usize, height: usize) -> State {
    State::from_values(width, height, 8, vec![0.75; width * height * 8]).unwrap()
}

/// A state in which only the cells in `living` are alive.
pub fn some(living: &CellMask) -> State {
    let cells = living.width() * living.height();
    let values = (0..cells).flat_map(|cell| [if living.contains(cell) { 0.75 } else { 0.0 }; 8]).collect();
    State::from_values(living.width(), living.height(), 8, values).unwrap()
}

pub fn dead(state: &State) -> Vec<usize> {
    let cells = state.values().chunks_exact(state.channels()).enumerate();
    cells.filter(|(_, cell)| cell.iter().all(|value| *value == 0.0)).map(|(index, _)| index).collect()
}

/// Replays a golden run, and returns the tick of each frame and its distance from the golden one.
pub fn golden_distances(app: &mut App, entity: Entity, golden: &Golden) -> Vec<(u32, f32)> {
    let mut at = 0;
    let mut run = |(tick, frame): &(u32, State)| {
        if at == WOUND_TICK {
            app.world_mut().trigger(NcaDamage::new(entity, golden.wound.clone()).in_cells());
        }
        // Several ticks in one frame, as long as the form is the same.
        while at < *tick {
            let form = golden.form(at);
            if !golden.forms.is_empty() {
                let blend = NcaForm::blend(form.iter().copied().enumerate());
                app.world_mut().entity_mut(entity).insert(blend);
            }
            let end = (at + 1..*tick).find(|tick| golden.form(*tick) != form).unwrap_or(*tick);
            headless::step(app, end - at);
            at = end;
        }
        let (read_at, state) = cells(app, entity);
        assert_eq!(read_at, at, "{}", golden.model.rule().name);
        (at, distance(&state, frame))
    };
    golden.frames.iter().map(&mut run).collect()
}

#[test]
fn the_plugin_gives_the_golden_frames() {
    on_each_backend(|backend| {
        for name in GOLDEN {
            let golden = Golden::read(name);
            let (mut app, entity) =
                app_with(backend, &golden.model, |texture| texture.with_seed(golden.seed).with_angle(golden.angle));
            // A texture starts from noise, so write the cells. The sprite has no slot yet.
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: golden.start.clone() });
            assert_eq!(cells(&mut app, entity), (0, golden.start.clone()), "{name}");
            assert_eq!(app.world().resource::<NcaEngine>().backend(), backend);
            for (tick, distance) in golden_distances(&mut app, entity, &golden) {
                assert!(distance < TOLERANCE, "{backend:?}, {name}: {distance} at tick {tick}");
            }
        }
    });
}

/// The GPU against the CPU engine, with random weights, on grids that are not a multiple of the tile size.
#[test]
fn the_gpu_keeps_to_the_cpu() {
    on_the_gpu(|| {
        let wide = Rule { grid: [37, 19], channels: 32, hidden: 256, ..Rule::default() };
        let line = Rule { grid: [1, 40], channels: 8, hidden: 20, fire_rate: 0.7, ..Rule::default() };
        let torus = Rule { grid: [5, 3], boundary: bevy_nca::rule::Boundary::Wrap, ..line.clone() };
        let odd = Rule {
            grid: [33, 34],
            perception: vec![bevy_nca::rule::Kernel::Laplacian, bevy_nca::rule::Kernel::SobelY],
            alive: Some(bevy_nca::rule::Alive { channel: 6, threshold: 0.05 }),
            ..line.clone()
        };
        for (seed, rule) in [wide, line, torus, odd].into_iter().enumerate() {
            let seed = seed as u32 + 11;
            let model = model(seed, rule);
            let read = |backend| {
                let (mut app, entity) = app_with(backend, &model, |texture| texture.with_seed(seed));
                cells(&mut app, entity);
                headless::step(&mut app, 8);
                app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(2.0, 2.0), 2.5).in_cells());
                headless::step(&mut app, 4);
                cells(&mut app, entity)
            };
            let (expected, got) = (read(NcaBackend::Cpu), read(NcaBackend::Gpu));
            assert_eq!(expected.0, got.0);
            let distance = distance(&expected.1, &got.1);
            assert!(distance < 1e-4, "{:?}: {distance}", model.rule());
        }
    });
}

#[test]
fn a_doomed_neighbour_still_saves_a_cell() {
    on_each_backend(|backend| {
        let model = rim_model();
        let (mut app, entity) = app_with(backend, &model, |texture| texture);
        cells(&mut app, entity);
        for seed in 0..20 {
            let mut state = sparse_state(seed, 21, 18, 8, 15);
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: state.clone() });
            app.world_mut().get_mut::<NcaTexture>(entity).unwrap().seed = seed;
            app.update();
            for tick in 0..4 {
                headless::step(&mut app, 1);
                state = oracle_step(&model, &state, Tick { tick, seed, angle: 0.0 }, Ground::default());
                let (ticks, got) = cells(&mut app, entity);
                assert_eq!(ticks, tick + 1);
                let distance = distance(&got, &state);
                assert!(distance < 1e-6, "{backend:?}, seed {seed}: {distance} at tick {ticks}");
            }
        }
    });
}

/// Each of many sprites keeps its own seed and wounds, whatever its slot and however the population grew.
#[test]
fn many_sprites_keep_apart() {
    on_each_backend(|backend| {
        let golden = Golden::read("small");
        let mut app = paused_app(backend);
        let handle = add_model(&mut app, &golden.model);
        let mut sprites = Vec::new();
        for seed in 0..21 {
            sprites.push(app.world_mut().spawn(NcaTexture::new(handle.clone()).with_seed(seed)).id());
            if seed % 5 == 4 {
                // Tick between spawns, so that the population grows while it is alive.
                cells(&mut app, sprites[0]);
                headless::step(&mut app, 3);
            }
        }
        cells(&mut app, sprites[20]);
        for (seed, sprite) in sprites.iter().enumerate().filter(|(seed, _)| seed % 2 == 1) {
            let damage = NcaDamage::circle(*sprite, Vec2::new(seed as f32, 6.0), 3.0).in_cells();
            app.world_mut().trigger(damage);
        }
        headless::step(&mut app, 9);
        for (seed, sprite) in sprites.iter().enumerate() {
            let (tick, got) = cells(&mut app, *sprite);
            let engine = Engine::new(&golden.model);
            let mut grid = engine.grid(State::seed(golden.model.rule(), 17, 13)).unwrap();
            let wound = CellMask::of(&Shape::circle(seed as f32, 6.0, 3.0), 17, 13);
            for at in 0..tick {
                let wound = (seed % 2 == 1 && at == tick - 9).then_some(&wound);
                let seed = seed as u32;
                engine.step(&mut grid, &mut Scratch::default(), Tick { tick: at, seed, angle: 0.0 }, wound);
            }
            let distance = distance(&got, grid.state());
            assert!(distance < TOLERANCE, "{backend:?}: sprite {seed} differs by {distance} at tick {tick}");
        }
    });
}

#[test]
fn spawns_and_despawns_leak_nothing() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let handle = add_model(&mut app, &Golden::read("small").model);
        app.update();
        let images = |app: &App| {
            app.world().resource::<Assets<Image>>().iter().map(|(_, image)| image.size()).collect::<Vec<_>>()
        };
        let before = images(&app);
        let stays = app.world_mut().spawn((NcaTexture::new(handle.clone()), Sprite::default())).id();
        for round in 0..100 {
            let sprites: Vec<Entity> = (0..10)
                .map(|seed| {
                    app.world_mut().spawn((NcaTexture::new(handle.clone()).with_seed(seed), Sprite::default())).id()
                })
                .collect();
            headless::step(&mut app, 1);
            for sprite in sprites {
                if round % 2 == 0 {
                    app.world_mut().despawn(sprite);
                } else {
                    app.world_mut().entity_mut(sprite).remove::<NcaTexture>();
                }
            }
        }
        let sprite = app.world().get::<Sprite>(stays).unwrap().image.clone();
        let atlas = app.world().resource::<Assets<Image>>().get(&sprite).unwrap().size();
        // At most eleven sprites exist at once, which takes sixteen slots, four by four.
        assert_eq!(atlas, UVec2::new(4 * 19, 4 * 15), "{backend:?}");
        drop(sprite);
        app.world_mut().despawn(stays);
        (0..5).for_each(|_| app.update());
        assert_eq!(images(&app), before, "{backend:?}");
    });
}

#[test]
fn a_changed_model_grows_anew() {
    on_each_backend(|backend| {
        let golden = Golden::read("small");
        let (mut app, entity) = app_with(backend, &golden.model, |texture| texture);
        cells(&mut app, entity);
        headless::step(&mut app, 5);
        assert_eq!(cells(&mut app, entity).0, 5);
        let handle = app.world().get::<NcaTexture>(entity).unwrap().model.clone();
        let other = still_model(6, 4);
        app.world_mut().resource_mut::<Assets<NcaModel>>().insert(&handle, NcaModel::from(other.clone())).unwrap();
        (0..3).for_each(|_| app.update());
        assert_eq!(cells(&mut app, entity), (0, State::seed(other.rule(), 6, 4)));
        assert_eq!(app.world().get::<Sprite>(entity).unwrap().rect.unwrap().size(), Vec2::new(6.0, 4.0));

        // Another grid also restarts the sprite; another seed does not.
        app.world_mut().get_mut::<NcaTexture>(entity).unwrap().grid = Some(UVec2::new(10, 11));
        assert_eq!(cells(&mut app, entity), (0, State::seed(other.rule(), 10, 11)));
        headless::step(&mut app, 2);
        app.world_mut().get_mut::<NcaTexture>(entity).unwrap().seed = 5;
        headless::step(&mut app, 2);
        assert_eq!(cells(&mut app, entity).0, 4);
    });
}

#[test]
fn models_are_loaded_as_assets_and_bad_ones_are_no_panic() {
    let mut app = App::new();
    let file_path = "tests/golden".to_owned();
    app.add_plugins((MinimalPlugins, AssetPlugin { file_path, ..default() }, NcaPlugin::default()));
    let assets = app.world().resource::<AssetServer>().clone();
    let entity = app.world_mut().spawn(NcaTexture::new(assets.load("small.nca"))).id();
    let bad = NcaTexture::new(assets.load("standard.frames.safetensors"));
    let bad = app.world_mut().spawn((bad, Sprite::default())).id();
    app.world_mut().spawn(NcaTexture::new(assets.load("small.nca")).with_grid((0, 5000)));
    // There is no renderer and there are no images, as on a server.
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    let (tick, state) = cells(&mut app, entity);
    assert_eq!((tick, state.width(), state.height()), (0, 17, 13));
    assert_eq!(headless::read_cells(&mut app, bad, 100_000), Err(NoCells::NoModel));
    assert_eq!(headless::read_cells(&mut app, Entity::PLACEHOLDER, 9), Err(NoCells::NoTexture(Entity::PLACEHOLDER)));
    assert_eq!(app.world().resource::<NcaEngine>().backend(), NcaBackend::Cpu);
}

#[test]
fn a_changed_model_goes_on_with_the_cells_that_fit_it() {
    on_each_backend(|backend| {
        let still = still_model(12, 9);
        let (mut app, entity) = app_with(backend, &still, |texture| texture);
        app.world_mut().trigger(NcaWriteCells { entity, tick: 7, state: full(12, 9) });
        headless::step(&mut app, 1);
        let id = app.world().get::<NcaTexture>(entity).unwrap().model.id();
        let change = |app: &mut App, model: Model| {
            app.world_mut().resource_mut::<Assets<NcaModel>>().insert(id, model.into()).unwrap();
            // The change event takes a frame to arrive.
            app.update();
            app.update();
        };
        let mut weights = still.weights().clone();
        weights.output_bias[0] = 0.5;
        let rule = Rule { fire_rate: 1.0, ..still.rule().clone() };
        change(&mut app, Model::new(rule, weights, None).unwrap());
        headless::step(&mut app, 2);
        let (tick, state) = cells(&mut app, entity);
        assert_eq!((tick, &state.cell(5, 5).unwrap()[..2]), (10, [1.75, 0.75].as_slice()), "{backend:?}");
        // A new target keeps the cells and changes only what integrity is measured against.
        let pixels = [vec![255; 60 * 4], vec![0; 48 * 4]].concat();
        let target = Target { width: 12, height: 9, rgba: pixels };
        change(&mut app, Model::new(still.rule().clone(), still.weights().clone(), Some(target)).unwrap());
        headless::step(&mut app, 1);
        (0..3).for_each(|_| app.update());
        let vitals = app.world().get::<NcaVitals>(entity).unwrap();
        assert_eq!((vitals.tick, vitals.integrity, vitals.live_cells), (11, 1.0, 108), "{backend:?}");
        change(&mut app, still_model(10, 9));
        let (tick, state) = cells(&mut app, entity);
        assert_eq!((tick, state.width()), (0, 10), "{backend:?}: other cells begin anew");
    });
}
