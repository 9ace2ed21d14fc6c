//! Snapshots and animations of a sprite, as files.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, channel},
};

use bevy::{prelude::*, tasks::IoTaskPool};

use super::NcaInspector;
use crate::{
    record::Recording,
    rule::{Output, write_atomic},
    sprite::{NcaCells, NcaModel, NcaRestoreRefused, NcaSaved, NcaSnapshot, NcaTexture},
};

/// What is being recorded, and what came of it.
#[derive(Resource)]
pub(super) struct Files {
    reel: Option<Reel>,
    /// The last snapshot.
    pub(super) snapshot: Option<NcaSnapshot>,
    /// What the user should know.
    pub(super) message: String,
    /// What tasks have to say.
    told: (Sender<String>, std::sync::Mutex<Receiver<String>>),
}

/// A sprite that is being recorded, and its frames so far.
struct Reel {
    entity: Entity,
    output: Output,
    recording: Recording,
    /// The tick of the last frame.
    tick: Option<u32>,
}

impl Default for Files {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { reel: None, snapshot: None, message: String::new(), told: (sender, receiver.into()) }
    }
}

impl Files {
    /// Pixels of a cell, ticks of a frame, and the most frames: half a minute.
    const SCALE: u32 = 8;
    const TICKS_A_FRAME: u32 = 2;
    const MOST_FRAMES: usize = 900;

    pub(super) fn frames(&self) -> Option<usize> {
        self.reel.as_ref().map(|reel| reel.recording.len())
    }

    pub(super) fn record(&mut self, entity: Entity, output: Output) {
        let recording = Recording::default().with_scale(Self::SCALE).with_background(Recording::DARK);
        self.reel = Some(Reel { entity, output, recording, tick: None });
    }

    /// Writes the recording beside the game, while it goes on.
    pub(super) fn write_recording(&mut self, path: PathBuf) {
        let Some(Reel { recording, .. }) = self.reel.take() else { return };
        self.message = format!("writing {}", path.display());
        let sender = self.told.0.clone();
        let write = async move {
            let told = match recording.write(&path) {
                Ok(()) => format!("wrote {}", path.display()),
                Err(error) => error.to_string(),
            };
            // The app may have gone.
            let _ = sender.send(told);
        };
        IoTaskPool::get_or_init(Default::default).spawn(write).detach();
    }
}

/// A name for a file about a sprite that does not exist yet.
pub(super) fn free_path(folder: &Path, name: &str, extension: &str) -> PathBuf {
    let name = if name.is_empty() { "sprite" } else { name };
    let numbered = (1..).map(|number| folder.join(format!("{name}-{number}.{extension}")));
    numbered.into_iter().find(|path| !path.exists()).unwrap_or_default()
}

/// Passes on what tasks have told.
pub(super) fn tell(mut files: ResMut<Files>) {
    let told = files.told.1.get_mut().ok().and_then(|receiver| receiver.try_iter().last());
    if let Some(told) = told {
        files.message = told;
    }
}

pub(super) fn on_cells(cells: On<NcaCells>, mut files: ResMut<Files>) {
    let Some(reel) = files.reel.as_mut().filter(|reel| reel.entity == cells.entity) else { return };
    // A sprite that begins anew is younger than it was.
    let due = reel.tick.is_none_or(|tick| cells.tick.abs_diff(tick) >= Files::TICKS_A_FRAME);
    if due && reel.recording.len() < Files::MOST_FRAMES {
        reel.recording.push(reel.output, &cells.state);
        reel.tick = Some(cells.tick);
    }
}

pub(super) fn on_saved(
    saved: On<NcaSaved>,
    mut files: ResMut<Files>,
    inspector: Res<NcaInspector>,
    sprites: Query<&NcaTexture>,
    models: Res<Assets<NcaModel>>,
) {
    if inspector.sprite != Some(saved.entity) {
        return;
    }
    let model = sprites.get(saved.entity).ok().and_then(|texture| models.get(&texture.model));
    let name = model.map(|model| model.rule().name.clone()).unwrap_or_default();
    let path = free_path(&inspector.folder, &name, "snapshot.json");
    let written = serde_json::to_vec(&saved.snapshot).map_err(std::io::Error::from);
    files.message = match written.and_then(|bytes| write_atomic(&path, &bytes)) {
        Ok(()) => format!("wrote {}", path.display()),
        Err(error) => format!("{}: {error}", path.display()),
    };
    files.snapshot = Some(saved.snapshot.clone());
}

pub(super) fn on_refused(refused: On<NcaRestoreRefused>, mut files: ResMut<Files>) {
    files.message = refused.error.to_string();
}
