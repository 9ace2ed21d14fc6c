//! Forms: a slime whose mood goes by its wounds, a plant that grows up, and a gate that opens for the pointer.
//!
//! Click to shoot. The keys 1, 2 and 3 set the mood of the slime, and Space leads it through all of them. P plants the
//! plant again.

use bevy::prelude::*;
use bevy_nca::prelude::*;

const MOODS: [&str; 3] = ["calm", "hurt", "enraged"];
/// Seconds without a wound after which the slime is calm again.
const TEMPER: f32 = 4.0;
/// The distance of the pointer at which the gate opens.
const NEAR: f32 = 150.0;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NcaPlugin::default()))
        .insert_resource(ClearColor(Color::srgb_u8(24, 26, 36)))
        .add_systems(Startup, spawn)
        .add_systems(Update, (shoot, choose, calm_down, open, plant_again))
        .add_observer(take_offence)
        .add_observer(tell)
        .run()
}

/// A slime that was shot so many times, and how long it remembers.
#[derive(Component, Default)]
struct Slime {
    shots: usize,
    temper: Timer,
}

#[derive(Component)]
struct Plant;

/// A gate, and whether it is open.
#[derive(Component, Default)]
struct Gate {
    is_open: bool,
}

#[derive(Component)]
struct Caption;

fn spawn(mut commands: Commands, assets: Res<AssetServer>, mut layouts: ResMut<Assets<TextureAtlasLayout>>) {
    commands.spawn(Camera2d);
    // The art of a form is a frame of its sheet.
    let mut living = |name: &str, forms: u32, x: f32| {
        let layout = layouts.add(TextureAtlasLayout::from_grid(UVec2::splat(160), forms, 1, None, None));
        let sprite = Sprite::from_atlas_image(assets.load(format!("art/{name}.png")), layout.into());
        (
            NcaTexture::new(assets.load(format!("models/forms/{name}.nca"))),
            NcaSkin::default().with_form_frames(1),
            Sprite { custom_size: Some(Vec2::splat(320.0)), ..sprite },
            Transform::from_xyz(x, 0.0, 0.0),
        )
    };
    commands.spawn((living("moods", 3, 0.0), NcaForm::new(MOODS[0]), Slime::default()));
    commands.spawn((living("ages", 4, 400.0), growing_up(), Plant));
    commands.spawn((living("gate", 2, -400.0), Gate::default()));
    commands.spawn((Caption, Text::default(), Node { left: px(16), top: px(16), ..default() }));
}

/// From a seed to a flower, in the ticks of ten seconds.
fn growing_up() -> NcaForm {
    let stops = [(120, "seed"), (160, "sprout"), (300, "sprout"), (340, "bush"), (500, "bush"), (600, "bloom")];
    NcaForm::walk([(0, "seed")].into_iter().chain(stops))
}

fn pointer(window: &Window, (camera, place): (&Camera, &GlobalTransform)) -> Option<Vec2> {
    camera.viewport_to_world_2d(place, window.cursor_position()?).ok()
}

fn shoot(
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    mut commands: Commands,
) {
    if let Some(at) = pointer(&window, *camera).filter(|_| mouse.just_pressed(MouseButton::Left)) {
        commands.trigger(NcaBlast::circle(at, 40.0));
    }
}

/// The slime is hurt by a wound, and enraged by the third one.
fn take_offence(wounded: On<NcaWounded>, mut slimes: Query<&mut Slime>, mut commands: Commands) {
    if let Ok(mut slime) = slimes.get_mut(wounded.entity) {
        slime.shots += 1;
        slime.temper = Timer::from_seconds(TEMPER, TimerMode::Once);
        commands.entity(wounded.entity).insert(NcaForm::new(if slime.shots < 3 { MOODS[1] } else { MOODS[2] }));
    }
}

fn calm_down(mut slimes: Query<(Entity, &mut Slime)>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut slime) in &mut slimes {
        if slime.shots > 0 && slime.temper.tick(time.delta()).just_finished() {
            slime.shots = 0;
            commands.entity(entity).insert(NcaForm::new(MOODS[0]));
        }
    }
}

fn choose(keys: Res<ButtonInput<KeyCode>>, slimes: Query<Entity, With<Slime>>, mut commands: Commands) {
    for (key, mood) in [KeyCode::Digit1, KeyCode::Digit2, KeyCode::Digit3].into_iter().zip(MOODS) {
        if keys.just_pressed(key) {
            slimes.iter().for_each(|slime| _ = commands.entity(slime).insert(NcaForm::new(mood)));
        }
    }
    if keys.just_pressed(KeyCode::Space) {
        let tour = NcaForm::walk([(60, MOODS[1]), (180, MOODS[1]), (240, MOODS[2]), (360, MOODS[2]), (420, MOODS[0])]);
        slimes.iter().for_each(|slime| _ = commands.entity(slime).insert(tour.clone()));
    }
}

/// The gate opens while the pointer is near.
fn open(
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    mut gates: Query<(Entity, &mut Gate, &Transform)>,
    mut commands: Commands,
) {
    let at = pointer(&window, *camera);
    for (entity, mut gate, place) in &mut gates {
        let is_near = at.is_some_and(|at| at.distance(place.translation.truncate()) < NEAR);
        if gate.is_open != is_near {
            gate.is_open = is_near;
            commands.entity(entity).insert(NcaForm::new(if is_near { "open" } else { "shut" }));
        }
    }
}

fn plant_again(
    keys: Res<ButtonInput<KeyCode>>,
    plants: Query<(Entity, &Transform), With<Plant>>,
    mut commands: Commands,
) {
    if keys.just_pressed(KeyCode::KeyP) {
        for (plant, place) in &plants {
            commands.entity(plant).insert(growing_up());
            // If nothing of it lives, this is the seed.
            commands.trigger(NcaHeal::circle(plant, place.translation.truncate(), 4.0));
        }
    }
}

/// Says which mood the slime has.
fn tell(morphed: On<NcaMorphed>, slimes: Query<(), With<Slime>>, mut caption: Single<&mut Text, With<Caption>>) {
    if slimes.contains(morphed.entity) {
        caption.0 = format!("the slime is {}", MOODS.get(morphed.form).copied().unwrap_or_default());
    }
}
