//! The app: it does what JavaScript wishes for, and tells it how it fares.

use bevy::{asset::AssetMetaCheck, prelude::*};
use bevy_nca::{NcaCondition, prelude::*};

use super::{
    REPORT, Report, Show, WISHES, Wish, crowd, guest, hand, material,
    stage::{self, Exhibit, Seat, Sheet, Stage},
};

/// What the page shows first, in its order: models, and sheets of art with the side and the number of frames.
const MODELS: [&str; 7] = ["slime", "mushroom", "heart", "crystal", "tree", "ship", "monster"];
const SHEETS: [(&str, u32, u32); 5] =
    [("boss", 256, 8), ("jellyfish", 160, 12), ("knight", 144, 8), ("plant", 160, 8), ("machine", 160, 8)];

/// The app, on a canvas given by its CSS selector.
pub fn app(canvas: &str, backend: NcaBackend) -> App {
    let window = Window {
        title: "bevy_nca".to_owned(),
        canvas: Some(canvas.to_owned()),
        fit_canvas_to_parent: true,
        // The keyboard stays with the browser.
        prevent_default_event_handling: false,
        ..default()
    };
    let mut app = App::new();
    app.add_plugins((
        DefaultPlugins
            .set(WindowPlugin { primary_window: Some(window), ..default() })
            // A server answers for a missing file, and some answer with a page.
            .set(AssetPlugin { meta_check: AssetMetaCheck::Never, ..default() }),
        NcaPlugin { backend, ..default() },
    ))
    .insert_resource(ClearColor(Color::srgb_u8(12, 14, 20)))
    .init_resource::<Stage>()
    .init_resource::<guest::Guest>()
    .init_resource::<crowd::Count>()
    .add_systems(Startup, |mut commands: Commands| {
        commands.spawn(Camera2d);
    })
    .add_systems(PreUpdate, obey)
    .add_systems(Update, (crowd::count, stage::seat, material::lay, stage::play, hand::touch).chain())
    .add_systems(Last, report);
    app
}

/// Does what JavaScript has wished for.
fn obey(mut commands: Commands, mut stage: ResMut<Stage>) {
    for wish in WISHES.take() {
        match wish {
            Wish::Pour(pours) => stage.pours = pours,
            Wish::Slash => stage.slashes += 1,
            Wish::Welcome(picture) => {
                commands.run_system_cached_with(guest::welcome, picture);
                commands.run_system_cached_with(open, Show::Guest);
            }
            Wish::Wear(model) => commands.run_system_cached_with(guest::wear, *model),
            Wish::Show(show) => commands.run_system_cached_with(open, show),
        }
    }
}

/// Clears the stage and opens a show.
fn open(In(show): In<Show>, mut commands: Commands, exhibits: Query<Entity, With<Exhibit>>, mut stage: ResMut<Stage>) {
    exhibits.iter().for_each(|exhibit| commands.entity(exhibit).despawn());
    stage.show = Some(show.clone());
    match show {
        Show::Sprites => commands.run_system_cached(spawn_sprites),
        Show::Material(name) => commands.run_system_cached_with(material::spawn, name),
        Show::Guest => commands.run_system_cached(guest::spawn),
        Show::Crowd => commands.run_system_cached(crowd::begin),
    }
}

/// Models and art in turn.
fn spawn_sprites(
    mut commands: Commands,
    assets: Res<AssetServer>,
    mut layouts: ResMut<Assets<TextureAtlasLayout>>,
    mut stage: ResMut<Stage>,
) {
    stage.seats = (MODELS.len() + SHEETS.len()) as u32;
    let (mut models, mut sheets) = (MODELS.iter(), SHEETS.iter());
    for seat in 0..stage.seats {
        let texture = NcaTexture::default().with_seed(seat);
        let sheet = if seat % 2 == 1 { sheets.next() } else { None };
        match sheet {
            Some(&(name, side, frames)) => {
                let layout = layouts.add(TextureAtlasLayout::from_grid(UVec2::splat(side), frames, 1, None, None));
                let sprite = Sprite::from_atlas_image(assets.load(format!("art/{name}.png")), layout.into());
                let sprite = Sprite { custom_size: Some(Vec2::ONE), ..sprite };
                commands.spawn((Seat(seat), Sheet(frames), texture, sprite, NcaSkin::default()));
            }
            None => {
                let Some(name) = models.next() else { continue };
                let model = assets.load(format!("models/{name}.nca"));
                commands.spawn((Seat(seat), NcaTexture { model, ..texture }, Sprite::sized(Vec2::ONE)));
            }
        }
    }
}

/// Tells JavaScript how the page fares.
fn report(sprites: Query<&NcaVitals>, engine: Res<NcaEngine>, count: Res<crowd::Count>) {
    let healing = sprites.iter().filter(|vitals| vitals.condition != NcaCondition::Whole).count();
    REPORT.set(Report {
        frames: REPORT.get().frames.wrapping_add(1),
        sprites: sprites.iter().count() as u32,
        healing: healing as u32,
        cells: sprites.iter().map(|vitals| vitals.live_cells).sum(),
        on_gpu: engine.is_gpu(),
        crowd: count.afforded,
        counting: count.is_counting,
    });
}
