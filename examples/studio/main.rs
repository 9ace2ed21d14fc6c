//! The studio: inspect, wound and change a sprite. Drop a model, a snapshot or a picture on the window. A picture lives at
//! once; it can be trained, and wounded while it trains. `studio FILE` opens a file.

mod learn;
#[cfg(not(target_arch = "wasm32"))]
#[path = "../support/offscreen.rs"]
mod offscreen;
mod stage;
#[path = "../support/window.rs"]
mod window;

/// What differs between a desktop and a browser.
#[cfg_attr(target_arch = "wasm32", path = "browser.rs")]
#[cfg_attr(not(target_arch = "wasm32"), path = "desktop.rs")]
mod host;

use std::path::Path;

use bevy::prelude::*;
use bevy_nca::{prelude::*, rule::Model};

use learn::{LearnPlugin, Learning};
use stage::Subject;

/// The models in `assets/models`.
const SHIPPED: [&str; 10] =
    ["slime", "heart", "ship", "coin", "mushroom", "crystal", "tree", "potion", "shield", "monster"];

fn main() -> AppExit {
    if let Some(exit) = host::instead() {
        return exit;
    }
    let plugins = window::plugins("bevy_nca studio", UVec2::new(1280, 800));
    App::new()
        .add_plugins((plugins, NcaPlugin::default(), NcaInspectorPlugin, LearnPlugin, stage::plugin, host::plugin))
        .insert_resource(ClearColor(Color::srgb(0.086, 0.094, 0.114)))
        .add_systems(Startup, spawn)
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
}

/// Opens a model, a snapshot or a picture. The panel shows the result.
pub fn open(world: &mut World, path: &Path, read: impl FnOnce() -> std::io::Result<Vec<u8>>) {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let open: fn(&mut World, &Path, &[u8]) -> Result<&'static str, String> = match extension.as_deref() {
        Some("nca") => open_model,
        Some("png") => open_picture,
        Some("json") => open_snapshot,
        _ => |_, _, _| Err("expected the extension .nca, .png or .json".to_owned()),
    };
    // What can't be opened is not read.
    let is_known = matches!(extension.as_deref(), Some("nca" | "png" | "json"));
    let bytes = if is_known { read().map_err(|error| error.to_string()) } else { Ok(Vec::new()) };
    let opened = bytes.and_then(|bytes| open(world, path, &bytes));
    world.resource_mut::<Learning>().message = match opened {
        Ok(note) => format!("opened {}{note}", path.display()),
        Err(error) => format!("{}: {error}", path.display()),
    };
}

/// Art is alive at once. Trained, it grows along its own silhouette.
fn open_picture(world: &mut World, path: &Path, bytes: &[u8]) -> Result<&'static str, String> {
    let (image, pixels) = stage::decode(bytes)?;
    let (frames, note) = world.resource_mut::<Learning>().open(path, pixels)?;
    stage::show_art(world, image, frames);
    Ok(note)
}

fn open_model(world: &mut World, _: &Path, bytes: &[u8]) -> Result<&'static str, String> {
    let model = Model::from_bytes(bytes).map_err(|error| error.to_string())?;
    stage::show_cells(world);
    let model = world.resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model));
    let mut subjects = world.query_filtered::<&mut NcaTexture, With<Subject>>();
    subjects.iter_mut(world).for_each(|mut texture| *texture = NcaTexture::new(model.clone()));
    Ok("")
}

fn open_snapshot(world: &mut World, _: &Path, bytes: &[u8]) -> Result<&'static str, String> {
    let snapshot: NcaSnapshot = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut subjects = world.query_filtered::<Entity, With<Subject>>();
    let subjects: Vec<Entity> = subjects.iter(world).collect();
    subjects.into_iter().for_each(|entity| world.trigger(NcaRestore { entity, snapshot: snapshot.clone() }));
    Ok("; the other panel says if it is of another model")
}
