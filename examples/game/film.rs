//! The game without a window: a script plays, and the frames are recorded.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bevy::{
    app::PluginsState,
    camera::RenderTarget,
    prelude::*,
    render::{
        RenderPlugin,
        render_resource::TextureFormat,
        view::screenshot::{Screenshot, ScreenshotCaptured},
    },
    time::TimeUpdateStrategy,
    window::ExitCondition,
    winit::WinitPlugin,
};
use bevy_nca::{
    NcaTexture, headless,
    record::{PictureFormat, Recording},
};

use crate::{foes::Foe, game, play::Ship, screens::Screen};

const SIZE: UVec2 = UVec2::new(480, 360);
const FRAMES_A_SECOND: u32 = 20;

/// The frames so far, by number. They do not arrive in order.
#[derive(Resource, Default)]
struct Frames(BTreeMap<u32, Vec<[u8; 4]>>);

/// The number of the frame that a screenshot captures.
#[derive(Component)]
struct Number(u32);

/// Plays for `seconds` and writes the recording to `path`.
pub fn shoot(path: &Path, seconds: f32) -> AppExit {
    if !matches!(PictureFormat::of(path), Some(PictureFormat::Gif | PictureFormat::Apng)) {
        eprintln!("{}: expected the extension .gif or .apng", path.display());
        return AppExit::error();
    }
    if headless::find_gpu().is_none() {
        eprintln!("no GPU driver was found, and the film needs one (on Debian: mesa-vulkan-drivers)");
        return AppExit::error();
    }
    let frames = (seconds.max(0.1) * FRAMES_A_SECOND as f32) as u32;
    let mut app = app();
    let film = app.world().resource::<Film>().0.clone();
    // The first few frames are dark, until the camera draws to its render target.
    (0..4).for_each(|_| app.update());
    for frame in 0..frames {
        app.world_mut().spawn((Screenshot::image(film.clone()), Number(frame)));
        app.update();
        if let Some(path) = missing_asset(&mut app) {
            eprintln!("{path} could not be loaded");
            return AppExit::error();
        }
    }
    // Wait for the screenshots that are still in flight.
    for _ in 0..300 {
        if app.world().resource::<Frames>().0.len() as u32 == frames {
            break;
        }
        app.update();
    }
    let mut recording = Recording::default().with_frame_millis((1000 / FRAMES_A_SECOND) as u16);
    for pixels in std::mem::take(&mut app.world_mut().resource_mut::<Frames>().0).into_values() {
        recording.push_pixels(SIZE.x, SIZE.y, pixels);
    }
    if recording.len() as u32 != frames {
        eprintln!("the renderer gave {} of {frames} frames", recording.len());
        return AppExit::error();
    }
    let screen = *app.world().resource::<State<Screen>>().get();
    match recording.write(path) {
        Ok(()) => {
            println!("{}: {} frames; the script is at {screen:?}", path.display(), recording.len());
            AppExit::Success
        }
        Err(error) => {
            eprintln!("{error}");
            AppExit::error()
        }
    }
}

/// The path of a model or an image that failed to load.
fn missing_asset(app: &mut App) -> Option<String> {
    let mut sprites = app.world_mut().query::<(&NcaTexture, &Sprite)>();
    let assets = app.world().resource::<AssetServer>();
    let used = sprites.iter(app.world());
    let mut used = used.flat_map(|(texture, sprite)| [texture.model.id().untyped(), sprite.image.id().untyped()]);
    used.find(|asset| assets.load_state(*asset).is_failed()).and_then(|asset| Some(assets.get_path(asset)?.to_string()))
}

/// The camera's render target.
#[derive(Resource)]
struct Film(Handle<Image>);

fn app() -> App {
    let mut app = App::new();
    let no_window = WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() };
    app.add_plugins(
        DefaultPlugins
            .set(ImagePlugin::default_nearest())
            .set(no_window)
            .set(RenderPlugin { synchronous_pipeline_compilation: true, ..default() })
            .disable::<WinitPlugin>(),
    )
    .add_plugins(game)
    .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs(1) / FRAMES_A_SECOND))
    .init_resource::<Frames>()
    .add_systems(PreUpdate, play.after(bevy::input::InputSystems))
    .add_systems(PostStartup, |mut commands: Commands, camera: Single<Entity, With<Camera>>, film: Res<Film>| {
        commands.entity(*camera).insert(RenderTarget::Image(film.0.clone().into()));
    })
    .add_observer(|shot: On<ScreenshotCaptured>, numbers: Query<&Number>, mut frames: ResMut<Frames>| {
        let pixels = shot.image.data.as_deref().map(|data| data.as_chunks().0.to_vec());
        if let (Ok(number), Some(pixels)) = (numbers.get(shot.entity), pixels) {
            frames.0.insert(number.0, pixels);
        }
    });
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    let film = Image::new_target_texture(SIZE.x, SIZE.y, TextureFormat::Rgba8UnormSrgb, None);
    let film = app.world_mut().resource_mut::<Assets<Image>>().add(film);
    app.insert_resource(Film(film));
    app
}

/// Presses the keys: follows the foe worth the fewest points, or the nearest of several, and keeps firing.
fn play(
    mut keys: ResMut<ButtonInput<KeyCode>>,
    screen: Res<State<Screen>>,
    time: Res<Time>,
    mut since: Local<f32>,
    ship: Query<&Transform, With<Ship>>,
    foes: Query<(&Foe, &Transform)>,
) {
    let mut hold = |key: KeyCode, held: bool| if held { keys.press(key) } else { keys.release(key) };
    // Stay on each menu screen for three seconds.
    *since = if screen.is_changed() { 0.0 } else { *since + time.delta_secs() };
    hold(KeyCode::Enter, *screen.get() != Screen::Play && *since > 3.0);
    let Ok(ship) = ship.single() else { return };
    let way = |foe: &Transform| foe.translation.x - ship.translation.x;
    let target = foes
        .iter()
        .min_by(|(a, a_at), (b, b_at)| a.points.cmp(&b.points).then(way(a_at).abs().total_cmp(&way(b_at).abs())));
    let way = target.map_or(0.0, |(_, at)| way(at));
    hold(KeyCode::ArrowLeft, way < -8.0);
    hold(KeyCode::ArrowRight, way > 8.0);
    hold(KeyCode::Space, target.is_some());
}
