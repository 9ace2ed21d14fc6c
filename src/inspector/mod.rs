//! A panel that inspects, wounds and edits sprites (feature `egui`).
//!
//! [`NcaInspectorPlugin`] adds two windows for one sprite. The first shows its vitals over time, and edits the
//! sprite, its model and the clock. The second shows its cells, channel by channel. The mouse paints wounds.

mod brush;
mod channels;
mod files;
mod history;
mod panel;
mod settings;
mod stroke;

use bevy::prelude::*;
use bevy_egui::{EguiPlugin, EguiPrimaryContextPass};

pub use brush::{NcaBrush, NcaTool};
pub use settings::NcaInspector;

use self::{channels::ChannelView, files::Files, history::History};
use crate::sprite::{NcaPlugin, NcaTexture};

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
            .add_observer(files::on_restore_failed)
            .add_systems(
                Update,
                (toggle, select_sprite, stroke::paint, channels::request_cells, files::show_messages).chain(),
            )
            .add_systems(PostUpdate, History::record)
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
fn select_sprite(mut inspector: ResMut<NcaInspector>, sprites: Query<Entity, With<NcaTexture>>) {
    if inspector.sprite.is_none_or(|sprite| !sprites.contains(sprite)) {
        let first = sprites.iter().min();
        if inspector.sprite != first {
            inspector.sprite = first;
        }
    }
}
