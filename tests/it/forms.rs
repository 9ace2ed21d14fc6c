//! Models with several forms.

use bevy::{
    asset::RenderAssetUsages,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{Kernel, Model, ModelErrorKind, Rule, State, Target, Weights},
    scorecard::Scorecard,
};

use crate::{
    engines::model,
    plugin::{add_model, app_with, cells},
    screen::Screen,
    snapshot::save,
    support::{Golden, on_each_backend, on_the_gpu},
};

const SIDE: u32 = 8;

/// The color of each form.
const COLORS: [[f32; 4]; 3] = [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]];

/// A model whose cells cover the grid and take the color of their form: each tick, they go half of the way.
fn chameleon() -> Model {
    let forms = ["red", "green", "blue"].map(String::from).to_vec();
    let perception = vec![Kernel::Identity];
    let rule = Rule {
        version: 2,
        name: "chameleon".into(),
        grid: [SIDE, SIDE],
        channels: 8,
        hidden: 16,
        perception,
        forms,
        fire_rate: 1.0,
        step_size: 0.5,
        mature_ticks: 30,
        ..Rule::default()
    };
    // Two hidden units for each channel: how far its value is below that of the form, and how far it is above.
    let mut weights = Weights {
        hidden_weight: vec![0.0; 8 * 16],
        hidden_bias: vec![0.0; 16],
        output_weight: vec![0.0; 16 * 8],
        output_bias: vec![0.0; 8],
        form_bias: vec![0.0; 3 * 16],
    };
    for channel in 0..4 {
        for (unit, sign) in [(2 * channel, -1.0), (2 * channel + 1, 1.0)] {
            weights.hidden_weight[channel * 16 + unit] = sign;
            weights.output_weight[unit * 8 + channel] = -sign;
            for (form, color) in COLORS.iter().enumerate() {
                weights.form_bias[form * 16 + unit] = -sign * color[channel];
            }
        }
    }
    let target = |color: [f32; 4]| {
        let side = SIDE as usize;
        Target { width: side, height: side, rgba: color.map(|value| (value * 255.0) as u8).repeat(side * side) }
    };
    Model::new(rule, weights, COLORS.map(target)).unwrap()
}

/// The first channels of the center cell.
fn color(state: &State) -> [f32; 4] {
    state.cell(SIDE as usize / 2, SIDE as usize / 2).unwrap()[..4].try_into().unwrap()
}

fn assert_near(found: [f32; 4], expected: [f32; 4], what: &str) {
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-3, "{what}: expected {expected:?}, found {found:?}");
}

/// Steps until an event is told, and returns the number of ticks.
fn ticks_until<E: Message>(app: &mut App, most: u32) -> Option<u32> {
    let told = |app: &mut App| app.world_mut().resource_mut::<Messages<E>>().drain().count() > 0;
    (1..=most).find(|_| {
        headless::step(app, 1);
        app.update();
        told(app)
    })
}

#[test]
fn a_sprite_walks_to_its_form_and_tells_when_it_has_arrived() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &chameleon(), |texture| texture);
        assert!(ticks_until::<NcaGrown>(&mut app, 100).is_some(), "{backend:?}");
        headless::step(&mut app, 30);
        assert_near(color(&cells(&mut app, entity).1), COLORS[0], "the first form");
        assert_eq!(app.world().resource::<Messages<NcaMorphed>>().len(), 0, "it was never asked");
        // It sleeps, and a form wakes it.
        headless::step(&mut app, 700);
        app.update();
        assert!(app.world().get::<NcaSleeping>(entity).is_some());
        app.world_mut().entity_mut(entity).insert(NcaForm::new("green"));
        let ticks = ticks_until::<NcaMorphed>(&mut app, 60).expect("it arrives");
        assert!((2..15).contains(&ticks), "{backend:?}: it is not green at once, but after {ticks} ticks");
        headless::step(&mut app, 20);
        assert_near(color(&cells(&mut app, entity).1), COLORS[1], "green");
        // Through blue, back to the first form, by number.
        app.world_mut().entity_mut(entity).insert(NcaForm::walk([(40, 2), (80, 0)]));
        headless::step(&mut app, 20);
        let [_, green, blue, _] = color(&cells(&mut app, entity).1);
        assert!((0.4..0.7).contains(&green) && (0.3..0.6).contains(&blue), "half of the way: {green} {blue}");
        headless::step(&mut app, 22);
        let [_, green, blue, _] = color(&cells(&mut app, entity).1);
        assert!(green < 0.1 && blue > 0.9, "{green} {blue}");
        let ticks = ticks_until::<NcaMorphed>(&mut app, 80).expect("it arrives");
        assert!((30..60).contains(&ticks), "{backend:?}: not before the end of the walk, but after {ticks} ticks");
        // Without the component, it is in the first form.
        app.world_mut().entity_mut(entity).insert(NcaForm::blend([("green", 0.5), ("blue", 0.5)]));
        headless::step(&mut app, 30);
        assert_near(color(&cells(&mut app, entity).1), [0.0, 0.5, 0.5, 1.0], "a blend");
        app.world_mut().entity_mut(entity).remove::<NcaForm>();
        headless::step(&mut app, 30);
        assert_near(color(&cells(&mut app, entity).1), COLORS[0], "without the component");
    });
}

/// Sprites of one population have forms of their own, also after it has grown and others have gone.
#[test]
fn each_sprite_of_a_population_has_its_own_form() {
    on_each_backend(|backend| {
        let model = chameleon();
        let (mut app, first) = app_with(backend, &model, |texture| texture);
        let handle = app.world().get::<NcaTexture>(first).unwrap().model.clone();
        let spawn = |app: &mut App, number: usize| {
            let form = NcaForm::new(number % 3);
            app.world_mut().spawn((NcaTexture::new(handle.clone()), form, Sprite::default())).id()
        };
        let mut sprites: Vec<(Entity, usize)> = (0..5).map(|number| (spawn(&mut app, number), number % 3)).collect();
        headless::step(&mut app, 40);
        // The population grows, and sprites leave.
        sprites.extend((0..70).map(|number| (spawn(&mut app, number), number % 3)));
        for (gone, _) in sprites.extract_if(.., |(entity, _)| entity.index_u32().is_multiple_of(2)).collect::<Vec<_>>()
        {
            app.world_mut().despawn(gone);
        }
        headless::step(&mut app, 5);
        (0..10).for_each(|_| app.update());
        headless::step(&mut app, 40);
        assert!(sprites.len() > 20);
        for (sprite, form) in sprites.into_iter().chain([(first, 0)]) {
            assert_near(color(&cells(&mut app, sprite).1), COLORS[form], &format!("{backend:?}, {sprite}"));
        }
    });
}

#[test]
fn a_snapshot_keeps_the_form_and_the_walk() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &chameleon(), |texture| texture);
        headless::step(&mut app, 40);
        app.world_mut().entity_mut(entity).insert(NcaForm::walk([(20, "green"), (40, "blue")]));
        headless::step(&mut app, 10);
        let snapshot = save(&mut app, entity);
        let json = serde_json::to_string(&snapshot).unwrap();
        headless::step(&mut app, 17);
        let expected = cells(&mut app, entity);
        // Another sprite goes on from there.
        let (mut other, entity) = app_with(backend, &chameleon(), |texture| texture);
        headless::step(&mut other, 3);
        let snapshot: NcaSnapshot = serde_json::from_str(&json).unwrap();
        other.world_mut().trigger(NcaRestore { entity, snapshot });
        headless::step(&mut other, 17);
        assert_eq!(cells(&mut other, entity), expected, "{backend:?}");
    });
}

/// A model that is trained again: the sprites go on with its weights, in their forms.
#[test]
fn a_reloaded_model_keeps_the_forms_of_its_sprites() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &chameleon(), |texture| texture);
        app.world_mut().entity_mut(entity).insert(NcaForm::new("green"));
        headless::step(&mut app, 40);
        assert_near(color(&cells(&mut app, entity).1), COLORS[1], "green");
        let handle = app.world().get::<NcaTexture>(entity).unwrap().model.clone();
        let reload = |app: &mut App, model: Model| {
            let mut models = app.world_mut().resource_mut::<Assets<NcaModel>>();
            models.insert(handle.id(), NcaModel::from(model)).unwrap();
            headless::step(app, 60);
            color(&cells(app, entity).1)
        };
        // Green has become half as bright.
        let mut weights = chameleon().weights().clone();
        weights.form_bias[16 + 2] = 0.5;
        weights.form_bias[16 + 3] = -0.5;
        let dim = Model::new(chameleon().rule().clone(), weights, chameleon().targets().to_vec()).unwrap();
        assert_near(reload(&mut app, dim), [0.0, 0.5, 0.0, 1.0], "trained again");
        // With fewer forms, in another order.
        let mut rule = chameleon().rule().clone();
        rule.forms = vec!["green".into(), "red".into()];
        let swapped: Vec<f32> =
            [1, 0].into_iter().flat_map(|form| chameleon().weights().form_bias[form * 16..][..16].to_vec()).collect();
        let weights = Weights { form_bias: swapped, ..chameleon().weights().clone() };
        let targets = [1, 0].map(|form| chameleon().targets()[form].clone());
        let model = Model::new(rule.clone(), weights, targets).unwrap();
        assert_near(reload(&mut app, model), COLORS[1], "by its name");
        // And without forms, but for the bias of red.
        let model = chameleon().in_form(0).unwrap();
        assert_near(reload(&mut app, model), COLORS[0], "no forms");
        assert_near(reload(&mut app, chameleon()), COLORS[1], "forms again");
    });
}

/// What a form looks like does not depend on the order in which cells and forms are given.
#[test]
fn written_cells_keep_the_form() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &chameleon(), |texture| texture);
        app.world_mut().entity_mut(entity).insert(NcaForm::new("blue"));
        headless::step(&mut app, 30);
        let state = State::seed(chameleon().rule(), SIDE as usize, SIDE as usize);
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
        headless::step(&mut app, 30);
        assert_near(color(&cells(&mut app, entity).1), COLORS[2], "written");
        // Another model with the same forms: the component counts for it too.
        let other = chameleon().map_rule(|rule| rule.name = "other".into()).unwrap();
        let handle = add_model(&mut app, &other);
        app.world_mut().get_mut::<NcaTexture>(entity).unwrap().model = handle;
        headless::step(&mut app, 40);
        assert_near(color(&cells(&mut app, entity).1), COLORS[2], "another model");
        // An unknown form is ignored.
        app.world_mut().entity_mut(entity).insert(NcaForm::new("purple"));
        headless::step(&mut app, 30);
        assert_near(color(&cells(&mut app, entity).1), COLORS[2], "an unknown form");
    });
}

#[test]
fn a_model_file_keeps_its_forms() {
    let model = chameleon();
    let read = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(read, model);
    assert_eq!(read.targets().len(), 3);
    assert_eq!(read.targets()[2].rgba[..4], [0, 0, 255, 255]);
    // Weights of forms are part of the fingerprint.
    let mut weights = model.weights().clone();
    weights.form_bias[5] += 0.5;
    let other = Model::new(model.rule().clone(), weights, model.targets().to_vec()).unwrap();
    assert_ne!(other.fingerprint(), model.fingerprint());
    // A target for each form, of the same size.
    let one = Model::new(model.rule().clone(), model.weights().clone(), model.targets()[..1].to_vec()).unwrap_err();
    assert!(one.to_string().contains("one for each form"), "{one}");
    let mut targets = model.targets().to_vec();
    targets[1] = Target { width: 2, height: 1, rgba: vec![255; 8] };
    let uneven = Model::new(model.rule().clone(), model.weights().clone(), targets).unwrap_err();
    assert!(uneven.to_string().contains("as the first form"), "{uneven}");
    let missing = Weights { form_bias: vec![0.0; 16], ..model.weights().clone() };
    let missing = Model::new(model.rule().clone(), missing, model.targets().to_vec()).unwrap_err();
    assert!(matches!(missing, ModelErrorKind::Shape { tensor: "forms.bias", .. }), "{missing}");
}

#[test]
fn bad_forms_are_refused() {
    let with = |edit: &dyn Fn(&mut Rule)| {
        let mut rule = Rule { version: 2, forms: vec!["a".into(), "b".into()], ..Rule::default() };
        edit(&mut rule);
        rule.validate()
    };
    assert!(with(&|_| {}).is_ok());
    for edit in [
        (&|rule: &mut Rule| rule.forms[1] = "a".into()) as &dyn Fn(&mut Rule),
        &|rule| rule.forms[0].clear(),
        &|rule| rule.forms = (0..17).map(|form| form.to_string()).collect(),
    ] {
        assert!(matches!(with(edit).unwrap_err(), ModelErrorKind::Field { field: "forms", .. }));
    }
    assert!(matches!(with(&|rule| rule.version = 1).unwrap_err(), ModelErrorKind::Field { field: "version", .. }));
    assert!(Golden::read("forms").model.with_overgrowth(&model(1, Rule::default())).is_err());
}

/// The shipped slime grows, keeps its shape and heals in each mood, and changes from each to each.
#[test]
fn the_shipped_moods_pass_their_scorecard() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/forms/moods.nca");
    let model = Model::read(path).unwrap();
    let scorecard = Scorecard::of_forms(&model, model.targets()).with_storms(&model, model.targets(), 100, 7);
    assert_eq!((scorecard.forms.len(), scorecard.switches.len()), (3, 6));
    assert!(scorecard.passes(), "{}: {:?}", scorecard.worst_ratio(), scorecard.switches);
    // A model whose third form is that of the first does not.
    let mut weights = model.weights().clone();
    let width = weights.hidden_bias.len();
    weights.form_bias.copy_within(..width, 2 * width);
    let broken = Model::new(model.rule().clone(), weights, model.targets().to_vec()).unwrap();
    assert!(!Scorecard::of_forms(&broken, broken.targets()).passes());
}

/// Twenty changes in a row, each asked for once the cells have arrived at the one before, end where they should.
#[test]
fn the_shipped_moods_change_again_and_again() {
    let mut app = crate::plugin::paused_app(NcaBackend::Cpu);
    let moods: Handle<NcaModel> = app.world().resource::<AssetServer>().load("models/forms/moods.nca");
    let texture = NcaTexture::new(moods).with_seed(3);
    let entity = app.world_mut().spawn((texture, Sprite::default())).id();
    cells(&mut app, entity);
    assert!(ticks_until::<NcaGrown>(&mut app, 200).is_some());
    let mut mood = 0;
    for change in 0..20 {
        mood = (mood + 1 + bevy_nca::rule::mix(change) as usize % 2) % 3;
        app.world_mut().entity_mut(entity).insert(NcaForm::new(mood));
        let ticks = ticks_until::<NcaMorphed>(&mut app, 200);
        assert!(ticks.is_some(), "change {change}, to mood {mood}");
        headless::step(&mut app, 40);
        let vitals = app.world().get::<NcaVitals>(entity).unwrap();
        assert_eq!(vitals.condition, NcaCondition::Whole, "change {change}, to mood {mood}: {vitals:?}");
    }
}

/// In each form, a skin shows the art of that form, and in between the art of both.
#[test]
fn a_skin_shows_the_art_of_its_form() {
    on_the_gpu(|| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let model = Model::read(folder.join("models/forms/moods.nca")).unwrap();
        let sheet = image::open(folder.join("art/moods.png")).unwrap().into_rgba8();
        for backend in [NcaBackend::Cpu, NcaBackend::Gpu] {
            let mut screen = Screen::new(backend, 200, 200);
            let handle = add_model(&mut screen.app, &model);
            let image = screen.add_image(image_of(&sheet));
            let layout = TextureAtlasLayout::from_grid(UVec2::splat(160), 3, 1, None, None);
            let layout = screen.app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
            screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
            let frame = |index| {
                let atlas = TextureAtlas { layout: layout.clone(), index };
                Sprite::from_atlas_image(image.clone(), atlas)
            };
            let skin = NcaSkin::default().with_form_frames(1);
            let slime = screen.app.world_mut().spawn((NcaTexture::new(handle), frame(0), skin)).id();
            screen.pixels();
            screen.step(300);
            let arts: Vec<Vec<[u8; 4]>> = (0..3)
                .map(|index| {
                    screen.app.world_mut().entity_mut(slime).insert(Visibility::Hidden);
                    let plain = screen.app.world_mut().spawn(frame(index)).id();
                    let pixels = screen.pixels();
                    screen.app.world_mut().despawn(plain);
                    screen.app.world_mut().entity_mut(slime).insert(Visibility::Inherited);
                    pixels
                })
                .collect();
            let apart = |pixels: &[[u8; 4]], art: &[[u8; 4]]| {
                let differs = |(a, b): (&[u8; 4], &[u8; 4])| (0..4).any(|channel| a[channel].abs_diff(b[channel]) > 8);
                let seen = art.iter().filter(|pixel| pixel[3] > 0).count();
                pixels.iter().zip(art).filter(|pair| differs(*pair)).count() as f32 / seen as f32
            };
            for (form, mood) in [(0, "calm"), (2, "enraged"), (1, "hurt"), (0, "calm")] {
                screen.app.world_mut().entity_mut(slime).insert(NcaForm::new(mood));
                screen.step(200);
                let pixels = screen.pixels();
                let off = apart(&pixels, &arts[form]);
                assert!(off < 0.03, "{backend:?}, {mood}: {off}");
            }
            // Half of the way back to rage.
            screen.app.world_mut().entity_mut(slime).insert(NcaForm::new("enraged"));
            screen.step(1);
            screen.step(NcaSkin::FADE / 2);
            let between = screen.pixels();
            let [calm, half, rage] = [&arts[0], &between, &arts[2]].map(|pixels| pixels[100 * 200 + 100]);
            let is_between = |channel: usize| {
                let [low, high] = [calm[channel].min(rage[channel]), calm[channel].max(rage[channel])];
                high - low > 60 && (low + 20..=high - 20).contains(&half[channel])
            };
            assert!([0, 1, 2].into_iter().all(is_between), "{backend:?}: {:?}", [calm, half, rage]);
            assert!(apart(&between, &arts[0]) > 0.3 && apart(&between, &arts[2]) > 0.3, "{backend:?}");
        }
    });
}

fn image_of(picture: &image::RgbaImage) -> Image {
    let extent = Extent3d { width: picture.width(), height: picture.height(), depth_or_array_layers: 1 };
    let (usages, format) = (RenderAssetUsages::default(), TextureFormat::Rgba8UnormSrgb);
    Image::new(extent, TextureDimension::D2, picture.as_raw().clone(), format, usages)
}
