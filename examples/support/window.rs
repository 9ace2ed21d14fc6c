//! The window of an example that runs on a desktop and in a browser.

use bevy::{app::PluginGroupBuilder, asset::AssetMetaCheck, prelude::*};

/// Bevy's plugins, with a window of this title and size. In a browser, it is the canvas `#stage`, as large as its parent.
pub fn plugins(title: &str, size: UVec2) -> PluginGroupBuilder {
    let window = Window {
        title: title.to_owned(),
        resolution: size.into(),
        canvas: Some("#stage".to_owned()),
        fit_canvas_to_parent: true,
        // Keys that the app does not use stay with the browser.
        prevent_default_event_handling: false,
        ..default()
    };
    let plugins = DefaultPlugins
        .set(WindowPlugin { primary_window: Some(window), ..default() })
        // A web server answers for a missing file, and some answer with a page.
        .set(AssetPlugin { meta_check: AssetMetaCheck::Never, ..default() });
    #[cfg(target_arch = "wasm32")]
    let plugins = plugins.add(browser::count_frames);
    plugins
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use std::cell::Cell;

    use bevy::prelude::*;
    use wasm_bindgen::prelude::wasm_bindgen;

    thread_local! {
        static FRAMES: Cell<u32> = const { Cell::new(0) };
    }

    /// The number of frames so far. There are none before there is a renderer.
    #[wasm_bindgen]
    pub fn frames() -> u32 {
        FRAMES.get()
    }

    pub fn count_frames(app: &mut App) {
        app.add_systems(Last, || FRAMES.set(FRAMES.get().wrapping_add(1)));
    }
}
