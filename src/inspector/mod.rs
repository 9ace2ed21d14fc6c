//! A panel that inspects, wounds and edits sprites (feature `egui`).
//!
//! [`NcaInspectorPlugin`] adds two windows for one sprite. The first shows its vitals over time, and edits the
//! sprite, its model and the clock. The second shows its cells, channel by channel. The mouse paints wounds.

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

/// Adds the panel. It requires [`NcaPlugin`]; add both after `DefaultPlugins`. It adds bevy_egui's plugin if
/// the app has not added it. The panel is drawn once a camera exists.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// App::new().add_plugins((DefaultPlugins, NcaPlugin::default(), NcaInspectorPlugin)).run();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NcaInspectorPlugin;

/// The settings of the panel and of the brush.
#[derive(Resource, Clone, Debug)]
pub struct NcaInspector {
    /// Whether the panel is shown and the brush is active; default true.
    pub open: bool,
    /// Whether the channels are shown too; default true. They require a readback of the sprite's cells every frame.
    pub channels: bool,
    /// The key that shows and hides the panel; default F10.
    pub key: Option<KeyCode>,
    /// The inspected sprite; default `None`. The first sprite replaces `None` and despawned sprites.
    pub sprite: Option<Entity>,
    /// The brush that the mouse applies to sprites in the world, outside of the panels.
    pub brush: NcaBrush,
    /// The folder for snapshots and animations; default the current directory.
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

/// Selects the first sprite if none is selected or the selected one is gone.
fn choose(mut inspector: ResMut<NcaInspector>, sprites: Query<Entity, With<NcaTexture>>) {
    if inspector.sprite.is_none_or(|sprite| !sprites.contains(sprite)) {
        let first = sprites.iter().min();
        if inspector.sprite != first {
            inspector.sprite = first;
        }
    }
}

/// The vitals of the inspected sprite over time.
#[derive(Resource, Default)]
struct History {
    of: Option<Entity>,
    /// The most recent entries, at most `MOST`.
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
        // The sprite was reset.
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
