//! A panel to look into sprites, and to wound and change them (feature `egui`).
//!
//! [`NcaInspectorPlugin`] shows a window with the cells of one sprite, channel by channel, its vitals over
//! time, and what may be changed of it, of its model and of the clock. The mouse brushes wounds.

mod brush;
mod channels;
mod files;
mod panel;

use std::{collections::VecDeque, path::PathBuf};

use bevy::prelude::*;
use bevy_egui::{EguiPlugin, EguiPrimaryContextPass};

pub use brush::{NcaBrush, NcaTool};

use self::{channels::ChannelView, files::Files};
use crate::sprite::{NcaPlugin, NcaTexture, NcaVitals};

/// Adds the panel. Add it after `DefaultPlugins`, beside [`NcaPlugin`], which it needs. It adds
/// bevy_egui's plugin, if the app has not done so, and is drawn once there is a camera.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// App::new().add_plugins((DefaultPlugins, NcaPlugin::default(), NcaInspectorPlugin)).run();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NcaInspectorPlugin;

/// What the panel shows, and what the mouse does.
#[derive(Resource, Clone, Debug)]
pub struct NcaInspector {
    /// Whether the panel is shown, and the brush is in use; default true.
    pub open: bool,
    /// Whether the channels are shown beside it; default true. It takes reading the sprite's cells each frame.
    pub channels: bool,
    /// The key that shows and hides the panel; default F10.
    pub key: Option<KeyCode>,
    /// The sprite that is looked into; default `None`, the first that there is.
    pub sprite: Option<Entity>,
    /// What the mouse does to sprites in the world, where no panel is in the way.
    pub brush: NcaBrush,
    /// Where snapshots and animations are written; default the current directory.
    pub folder: PathBuf,
}

impl Default for NcaInspector {
    fn default() -> Self {
        Self {
            open: true,
            channels: true,
            key: Some(KeyCode::F10),
            sprite: None,
            brush: NcaBrush::default(),
            folder: PathBuf::from("."),
        }
    }
}

impl Plugin for NcaInspectorPlugin {
    fn build(&self, app: &mut App) {
        if !app.is_plugin_added::<EguiPlugin>() {
            app.add_plugins(EguiPlugin::default());
        }
        app.init_resource::<NcaInspector>()
            .init_resource::<History>()
            .init_resource::<ChannelView>()
            .init_resource::<Files>()
            .add_observer(channels::on_cells)
            .add_observer(files::on_cells)
            .add_observer(files::on_saved)
            .add_observer(files::on_refused)
            .add_systems(Update, (toggle, choose, brush::paint, channels::ask, files::tell).chain())
            .add_systems(PostUpdate, History::note)
            .add_systems(EguiPrimaryContextPass, panel::show);
    }

    fn finish(&self, app: &mut App) {
        assert!(app.is_plugin_added::<NcaPlugin>(), "NcaInspectorPlugin needs NcaPlugin: add that, too");
    }
}

fn toggle(mut inspector: ResMut<NcaInspector>, keys: Res<ButtonInput<KeyCode>>) {
    if inspector.key.is_some_and(|key| keys.just_pressed(key)) {
        inspector.open = !inspector.open;
    }
}

/// Sees to it that a sprite is looked into, if there is one.
fn choose(mut inspector: ResMut<NcaInspector>, sprites: Query<Entity, With<NcaTexture>>) {
    if inspector.sprite.is_none_or(|sprite| !sprites.contains(sprite)) {
        let first = sprites.iter().min();
        if inspector.sprite != first {
            inspector.sprite = first;
        }
    }
}

/// The vitals of the sprite over time.
#[derive(Resource, Default)]
struct History {
    of: Option<Entity>,
    /// The last of them.
    entries: VecDeque<NcaVitals>,
}

impl History {
    const MOST: usize = 1200;

    fn note(mut history: ResMut<Self>, inspector: Res<NcaInspector>, sprites: Query<&NcaVitals>) {
        if history.of != inspector.sprite {
            *history = Self { of: inspector.sprite, ..default() };
        }
        let Some(vitals) = inspector.sprite.and_then(|sprite| sprites.get(sprite).ok()) else { return };
        let last = history.entries.back().map(|last| last.tick);
        // It begins anew.
        if last.is_some_and(|last| vitals.tick < last) {
            history.entries.clear();
        }
        if last != Some(vitals.tick) {
            history.entries.push_back(*vitals);
        }
        if history.entries.len() > Self::MOST {
            history.entries.pop_front();
        }
    }
}
