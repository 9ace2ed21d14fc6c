//! The studio: inspect, wound and change a sprite. Drop a model, a snapshot or a picture on the window. A picture lives at
//! once; it can be trained, and wounded while it trains. `studio FILE` opens a file.

mod learn;
#[path = "../support/offscreen.rs"]
mod offscreen;
mod stage;

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_nca::{prelude::*, rule::Model};

use learn::{LearnPlugin, Learning};
use stage::Subject;

/// The models in `assets/models`.
const SHIPPED: [&str; 10] =
    ["slime", "heart", "ship", "coin", "mushroom", "crystal", "tree", "potion", "shield", "monster"];

fn main() -> AppExit {
    if let Some(why) = offscreen::no_window() {
        return offscreen::show("models/slime.nca", "studio.gif", why);
    }
    let window = Window { title: "bevy_nca studio".into(), resolution: (1280, 800).into(), ..default() };
    let window = WindowPlugin { primary_window: Some(window), ..default() };
    App::new()
        .add_plugins((DefaultPlugins.set(window), NcaPlugin::default(), NcaInspectorPlugin, LearnPlugin, stage::plugin))
        .insert_resource(ClearColor(Color::srgb(0.086, 0.094, 0.114)))
        .add_systems(Startup, spawn)
        .add_systems(Update, drop_files)
        .run()
}

/// Keeps the shipped models loaded, so that the panel can offer them.
#[derive(Resource)]
#[expect(dead_code, reason = "handles only need to be held")]
struct Shelf(Vec<Handle<NcaModel>>);

fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
    commands.spawn(Camera2d);
    let shelf: Vec<_> = SHIPPED.iter().map(|name| assets.load(format!("models/{name}.nca"))).collect();
    commands.spawn((
        Subject,
        Name::new("subject"),
        NcaTexture::new(shelf[0].clone()),
        Sprite::default(),
        // Beside the panels.
        Transform::from_xyz(60.0, 0.0, 0.0),
    ));
    commands.insert_resource(Shelf(shelf));
    if let Some(path) = std::env::args_os().nth(1) {
        commands.queue(move |world: &mut World| open(world, &PathBuf::from(path)));
    }
}

fn drop_files(mut commands: Commands, mut drops: MessageReader<FileDragAndDrop>) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            let path = path_buf.clone();
            commands.queue(move |world: &mut World| open(world, &path));
        }
    }
}

/// Opens a model, a snapshot or a picture. The panel shows the result.
fn open(world: &mut World, path: &Path) {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let opened = match extension.as_deref() {
        Some("nca") => open_model(world, path),
        Some("png") => open_picture(world, path),
        Some("json") => open_snapshot(world, path),
        _ => Err(format!("{}: expected the extension .nca, .png or .json", path.display())),
    };
    world.resource_mut::<Learning>().message = match opened {
        Ok(note) => format!("opened {}{note}", path.display()),
        Err(error) => error,
    };
}

/// Art is alive at once. Trained, it grows along its own silhouette.
fn open_picture(world: &mut World, path: &Path) -> Result<&'static str, String> {
    let (frames, note) = world.resource_mut::<Learning>().open(path)?;
    stage::show_art(world, path, frames)?;
    Ok(note)
}

fn open_model(world: &mut World, path: &Path) -> Result<&'static str, String> {
    let model = Model::read(path).map_err(|error| error.to_string())?;
    stage::show_cells(world);
    let model = world.resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model));
    let mut subjects = world.query_filtered::<&mut NcaTexture, With<Subject>>();
    subjects.iter_mut(world).for_each(|mut texture| *texture = NcaTexture::new(model.clone()));
    Ok("")
}

fn open_snapshot(world: &mut World, path: &Path) -> Result<&'static str, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let snapshot: NcaSnapshot = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    let mut subjects = world.query_filtered::<Entity, With<Subject>>();
    let subjects: Vec<Entity> = subjects.iter(world).collect();
    subjects.into_iter().for_each(|entity| world.trigger(NcaRestore { entity, snapshot: snapshot.clone() }));
    Ok("; the other panel says if it is of another model")
}
