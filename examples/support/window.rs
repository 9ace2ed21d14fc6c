//! The window of an example that runs on a desktop and in a browser.

use bevy::{app::PluginGroupBuilder, asset::AssetMetaCheck, prelude::*};

/// Bevy's plugins, with a window of this title and size. In a browser, it is the canvas `#stage`, as large as its parent.
pub fn plugins(title: &str, size: UVec2) -> PluginGroupBuilder {
    let window = Window {
        title: title.to_owned(),
        resolution: size.into(),
        canvas: Some("#stage".to_owned()),
        fit_canvas_to_parent: true,
        ..default()
    };
    DefaultPlugins
        .set(WindowPlugin { primary_window: Some(window), ..default() })
        // A web server answers for a missing file, and some answer with a page.
        .set(AssetPlugin { meta_check: AssetMetaCheck::Never, ..default() })
}
