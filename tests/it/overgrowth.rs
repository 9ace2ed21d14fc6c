//! Textures with two rules.

use bevy::prelude::*;
use bevy_nca::{
    cpu::{Ground, Tick, oracle_step},
    headless,
    prelude::*,
    rule::{CellMask, Model, ModelErrorKind, State},
};

use crate::{
    engines::model,
    plugin::{add_model, app_with, cells},
    snapshot::save,
    support::{Golden, distance, on_each_backend},
};

/// The golden material, and another rule that grows over it.
fn overgrown() -> (Model, Golden) {
    let golden = Golden::read("material");
    let second = model(5, golden.model.rule().clone()).map_rule(|rule| {
        (rule.name, rule.license, rule.clamp) = ("moss".into(), "MIT".into(), Some(0.7));
    });
    (golden.model.clone().with_overgrowth(&second.unwrap()).unwrap(), golden)
}

fn advance(model: &Model, state: &mut State, ticks: std::ops::Range<u32>, overgrown: &CellMask) {
    for tick in ticks {
        let ground = Ground { overgrown: Some(overgrown), ..Ground::default() };
        *state = oracle_step(model, state, Tick { tick, seed: 3, angle: 0.0 }, ground);
    }
}

/// The cells of each backend follow the oracle's, as they are painted and erased.
#[test]
fn painted_cells_follow_the_second_rule() {
    on_each_backend(|backend| {
        let (model, golden) = overgrown();
        let [width, height] = [golden.start.width(), golden.start.height()];
        let disc = |x: f32, y: f32, radius: f32| Shape::circle(x, y, radius);
        let mask = |shape: &Shape| CellMask::of(shape, width, height);
        let (mut app, entity) = app_with(backend, &model, |texture| texture.with_seed(3));
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: golden.start.clone() });
        let mut expected = golden.start.clone();
        let check = |app: &mut App, at: u32, expected: &State, what: &str| {
            let (tick, state) = cells(app, entity);
            assert_eq!(tick, at, "{backend:?}, {what}");
            let apart = distance(&state, expected);
            assert!(apart < 1e-5, "{backend:?}, {what}: {apart}");
        };
        headless::step(&mut app, 2);
        advance(&model, &mut expected, 0..2, &CellMask::new(width, height));
        check(&mut app, 2, &expected, "not painted");
        app.world_mut().trigger(NcaPaint::new(entity, disc(9.0, 7.0, 5.0)).in_cells());
        let mut painted = mask(&disc(9.0, 7.0, 5.0));
        headless::step(&mut app, 3);
        let mut alone = expected.clone();
        advance(&model, &mut alone, 2..5, &CellMask::new(width, height));
        advance(&model, &mut expected, 2..5, &painted);
        assert!(distance(&alone, &expected) > 0.01, "paint changes what grows");
        check(&mut app, 5, &expected, "painted");
        // More paint, a wound and a scar in the same tick.
        app.world_mut().trigger(NcaPaint::new(entity, disc(2.0, 12.0, 4.0)).in_cells());
        app.world_mut().trigger(NcaPaint::erase(entity, disc(9.0, 7.0, 2.0)).in_cells());
        let scar = NcaWound::circle(Vec2::new(8.0, 3.0), 2.5).with_scars();
        app.world_mut().trigger(NcaDamage::new(entity, scar).in_cells());
        painted.union(&mask(&disc(2.0, 12.0, 4.0)));
        painted.subtract(&mask(&disc(9.0, 7.0, 2.0)));
        let dead = mask(&disc(8.0, 3.0, 2.5));
        expected.wound(&dead);
        headless::step(&mut app, 3);
        let ground = Ground { dead: Some(&dead), overgrown: Some(&painted), ..Ground::default() };
        for tick in 5..8 {
            expected = oracle_step(&model, &expected, Tick { tick, seed: 3, angle: 0.0 }, ground);
        }
        check(&mut app, 8, &expected, "erased and scarred");
        // A snapshot brings the paint along.
        let snapshot = save(&mut app, entity);
        let snapshot: NcaSnapshot = serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
        let (mut app, entity) = app_with(backend, &model, |texture| texture.with_seed(3));
        app.world_mut().trigger(NcaRestore { entity, snapshot });
        headless::step(&mut app, 2);
        for tick in 8..10 {
            expected = oracle_step(&model, &expected, Tick { tick, seed: 3, angle: 0.0 }, ground);
        }
        let (tick, state) = cells(&mut app, entity);
        assert_eq!(tick, 10);
        assert!(distance(&state, &expected) < 1e-5, "{backend:?}, restored: {}", distance(&state, &expected));
    });
}

/// Paint wraps around the edges of a texture that tiles, and a strength paints that share of the cells.
#[test]
fn paint_has_a_place_and_a_strength() {
    on_each_backend(|backend| {
        let (model, golden) = overgrown();
        let [width, height] = [golden.start.width(), golden.start.height()];
        let (mut app, entity) = app_with(backend, &model, |texture| texture.with_seed(3));
        let tiling = NcaTiling::new(app.world().resource::<Assets<Image>>());
        app.world_mut().entity_mut(entity).insert(tiling);
        headless::step(&mut app, 1);
        app.world_mut().trigger(NcaPaint::new(entity, Shape::circle(1.0, 0.5, 0.25)).in_uv());
        app.world_mut().trigger(NcaPaint::new(entity, Shape::circle(0.5, 0.5, 9.0)).in_uv().with_strength(0.1));
        headless::step(&mut app, 1);
        let snapshot = serde_json::to_value(save(&mut app, entity)).unwrap();
        let painted: CellMask = serde_json::from_value(snapshot["head"]["life"]["overgrown"].clone()).unwrap();
        let row = height / 2 * width;
        assert!(painted.contains(row) && painted.contains(row + width - 1), "{backend:?}: both sides of the seam");
        let disc = std::f32::consts::PI * 0.25 * 0.25;
        let share = painted.iter().count() as f32 / (width * height) as f32;
        assert!((share - disc - 0.1 * (1.0 - disc)).abs() < 0.04, "{backend:?}: {share}");
    });
}

#[test]
fn paint_without_an_overgrowth_changes_nothing() {
    let golden = Golden::read("material");
    let (mut app, entity) = app_with(NcaBackend::Cpu, &golden.model, |texture| texture);
    headless::step(&mut app, 1);
    app.world_mut().trigger(NcaPaint::new(entity, Shape::circle(3.0, 3.0, 9.0)).in_cells());
    headless::step(&mut app, 1);
    let snapshot = serde_json::to_value(save(&mut app, entity)).unwrap();
    assert!(snapshot["head"]["life"]["overgrown"].is_null());
    // Nor does paint that waits for such a model.
    let model = add_model(&mut app, &overgrown().0);
    let waiting = app.world_mut().spawn(NcaTexture::new(model)).id();
    app.world_mut().trigger(NcaPaint::new(waiting, Shape::circle(3.0, 3.0, 2.0)).in_cells());
    headless::step(&mut app, 2);
    let snapshot = serde_json::to_value(save(&mut app, waiting)).unwrap();
    assert!(!snapshot["head"]["life"]["overgrown"].is_null(), "paint waits for its model");
}

#[test]
fn a_file_holds_both_rules() {
    let (model, golden) = overgrown();
    let read = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(read, model);
    let second = read.rule().overgrowth.as_ref().unwrap();
    assert_eq!((second.name.as_str(), second.license.as_str(), second.clamp), ("moss", "MIT", Some(0.7)));
    assert_ne!(read.fingerprint(), golden.model.fingerprint());
    // The first rule alone.
    let bare = read.map_rule(|rule| rule.overgrowth = None).unwrap();
    assert!(bare.overgrowth().is_none() && bare.fingerprint() == golden.model.fingerprint());
    // A rule that names one needs its weights.
    let rule = model.rule().clone();
    let missing = Model::new(rule, model.weights().clone(), None).unwrap_err();
    assert!(matches!(missing, ModelErrorKind::MissingTensor { tensor: "overgrowth.hidden.weight", .. }), "{missing}");
}

#[test]
fn rules_that_do_not_fit_are_named() {
    let golden = Golden::read("material");
    let rule = golden.model.rule();
    for (field, other) in [
        ("hidden", bevy_nca::rule::Rule { hidden: rule.hidden + 4, ..rule.clone() }),
        ("fire_rate", bevy_nca::rule::Rule { fire_rate: 0.125, ..rule.clone() }),
        ("alive", bevy_nca::rule::Rule { alive: bevy_nca::rule::Rule::default().alive, ..rule.clone() }),
    ] {
        match golden.model.clone().with_overgrowth(&model(1, other)) {
            Err(ModelErrorKind::Field { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {:?}", other.map(|model| model.rule().clone())),
        }
    }
    let sprite = Golden::read("standard").model;
    let error = sprite.clone().with_overgrowth(&sprite).unwrap_err();
    assert!(error.to_string().contains("null in both models"), "{error}");
}

/// A texture with a weaker second rule is whole where that has grown.
#[test]
fn a_weak_overgrowth_is_no_wound() {
    let read = |name: &str| {
        let path = format!("{}/assets/materials/{name}.nca", env!("CARGO_MANIFEST_DIR"));
        Model::read(path).unwrap().map_rule(|rule| rule.grid = [48, 48]).unwrap()
    };
    let model = read("moss").with_overgrowth(&read("bricks")).unwrap();
    let (mut app, entity) = app_with(NcaBackend::Cpu, &model, |texture| texture);
    headless::step(&mut app, 600);
    let condition = |app: &App| app.world().get::<NcaVitals>(entity).unwrap().condition;
    assert_eq!(condition(&app), NcaCondition::Whole);
    app.world_mut().trigger(NcaPaint::circle(entity, Vec2::splat(24.0), 15.0).in_cells());
    headless::step(&mut app, 600);
    assert_eq!(condition(&app), NcaCondition::Whole);
}
