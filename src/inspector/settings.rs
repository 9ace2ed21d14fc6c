//! The settings of the inspector.

use std::path::PathBuf;

use bevy::prelude::*;

use super::brush::NcaBrush;

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
