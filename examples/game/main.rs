//! Regrowth, a small game: what you shoot grows back, unless you are quick.
//!
//! Arrows or A and D move the ship. Space or the left mouse button fires; the mouse aims. A finger does both. Badly
//! wounded foes die, the others heal. Your ship and your shields heal too.
//!
//! `--headless FILE.gif --seconds N` lets a script play without a window, and records it.

mod art;
mod controls;
#[cfg(not(target_arch = "wasm32"))]
mod film;
mod foes;
mod play;
mod screens;
#[path = "../support/window.rs"]
mod window;

use bevy::{camera::ScalingMode, prelude::*};
use bevy_nca::prelude::*;

/// Half the width and height of the arena, in world units.
pub const ARENA: Vec2 = Vec2::new(400.0, 300.0);

/// Regrowth: what you shoot grows back, unless you are quick.
#[cfg(not(target_arch = "wasm32"))]
#[derive(clap::Parser)]
struct Args {
    /// Plays without a window and records a .gif or .apng file.
    #[arg(long, value_name = "FILE")]
    headless: Option<std::path::PathBuf>,
    /// Length of the recording in seconds.
    #[arg(long, value_name = "N", default_value_t = 20.0, requires = "headless")]
    seconds: f32,
}

fn main() -> AppExit {
    #[cfg(not(target_arch = "wasm32"))]
    if let Args { headless: Some(path), seconds } = clap::Parser::parse() {
        return film::shoot(&path, seconds);
    }
    let plugins = window::plugins("Regrowth", UVec2::new(960, 720)).set(ImagePlugin::default_nearest());
    App::new().add_plugins((plugins, game)).run()
}

/// The game, for an app with Bevy's default plugins.
pub fn game(app: &mut App) {
    app.add_plugins((NcaPlugin::default(), art::plugin, screens::plugin, play::plugin, foes::plugin))
        .insert_resource(ClearColor(Color::srgb_u8(13, 15, 26)))
        .add_systems(Startup, |mut commands: Commands| {
            let projection = OrthographicProjection {
                scaling_mode: ScalingMode::AutoMin { min_width: ARENA.x * 2.0, min_height: ARENA.y * 2.0 },
                ..OrthographicProjection::default_2d()
            };
            commands.spawn((Camera2d, Projection::Orthographic(projection), IsDefaultUiCamera));
        })
        .add_systems(Update, |camera: Single<&Camera>, mut scale: ResMut<UiScale>| {
            // Scale the UI with the window, so that text keeps its size relative to the arena.
            let expected = camera.logical_viewport_size().map_or(1.0, |size| (size / (ARENA * 2.0)).min_element());
            if scale.0 != expected {
                scale.0 = expected;
            }
        });
}
