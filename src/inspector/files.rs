//! Snapshots and animations of a sprite, as files.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use bevy::{prelude::*, tasks::AsyncComputeTaskPool};

use super::settings::NcaInspector;
use crate::{
    record::Recording,
    rule::{Model, write_atomic},
    sprite::{NcaArt, NcaCellsRead, NcaModel, NcaRestoreFailed, NcaSaved, NcaSnapshot, NcaTexture},
};

/// The current recording, the last snapshot, and messages to the user.
#[derive(Resource)]
pub(super) struct Files {
    reel: Option<Reel>,
    /// The sprite whose snapshot was requested.
    pub(super) asked: Option<Entity>,
    /// The last snapshot.
    pub(super) snapshot: Option<NcaSnapshot>,
    /// The message that the panel shows.
    pub(super) message: String,
    /// The messages of background tasks.
    told: (Sender<String>, std::sync::Mutex<Receiver<String>>),
}

/// The recording of a sprite.
struct Reel {
    entity: Entity,
    model: Arc<Model>,
    recording: Recording,
    /// The tick of the last frame, and the grid size of all frames.
    tick: Option<u32>,
    size: Option<(usize, usize)>,
}

impl Default for Files {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { reel: None, asked: None, snapshot: None, message: String::new(), told: (sender, receiver.into()) }
    }
}

impl Files {
    /// Pixels per side of a cell, ticks per frame, and the maximum number of frames: half a minute.
    const SCALE: u32 = 8;
    const TICKS_A_FRAME: u32 = 2;
    const MOST_FRAMES: usize = 900;

    /// The recorded sprite.
    pub(super) fn recorded(&self) -> Option<Entity> {
        self.reel.as_ref().map(|reel| reel.entity)
    }

    pub(super) fn frames(&self) -> Option<usize> {
        self.reel.as_ref().map(|reel| reel.recording.len())
    }

    /// Begins a recording of a sprite. A skin is recorded at the size of its art.
    pub(super) fn record(&mut self, entity: Entity, model: Arc<Model>, is_skinned: bool) {
        let scale = if is_skinned { 1 } else { Self::SCALE };
        let recording = Recording::default().with_scale(scale).with_background(Recording::DARK);
        self.reel = Some(Reel { entity, model, recording, tick: None, size: None });
    }

    /// Writes the recording in a background task.
    pub(super) fn write_recording(&mut self, folder: &Path, name: &str) {
        let Some(Reel { recording, .. }) = self.reel.take() else { return };
        let path = match new_file(folder, name, "gif") {
            Ok(path) => path,
            Err(error) => {
                self.message = error;
                return;
            }
        };
        self.message = format!("writing {}", path.display());
        let sender = self.told.0.clone();
        let write = async move {
            let written = recording.write(&path).map_err(|error| error.to_string());
            let told = match or_remove(&path, written) {
                Ok(()) => format!("wrote {}", path.display()),
                Err(error) => error,
            };
            // The app may have exited.
            let _ = sender.send(told);
        };
        AsyncComputeTaskPool::get_or_init(Default::default).spawn(write).detach();
    }
}

/// Creates an empty file with an unused name, `NAME-NUMBER.EXTENSION`.
fn new_file(folder: &Path, name: &str, extension: &str) -> Result<PathBuf, String> {
    // Names come from model files and must not act as paths.
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let name = if plain.is_empty() { "sprite" } else { &plain };
    for number in 1..u32::MAX {
        let path = folder.join(format!("{name}-{number}.{extension}"));
        match File::create_new(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("{}: {error}", path.display())),
        }
    }
    Err(format!("{}: no name is free", folder.display()))
}

/// Removes the file if it could not be written.
fn or_remove(path: &Path, written: Result<(), String>) -> Result<(), String> {
    written.inspect_err(|_| {
        // Report the first error only.
        let _ = std::fs::remove_file(path);
    })
}

/// Shows the last message of the background tasks.
pub(super) fn show_messages(mut files: ResMut<Files>) {
    let told = files.told.1.get_mut().ok().and_then(|receiver| receiver.try_iter().last());
    if let Some(told) = told {
        files.message = told;
    }
}

pub(super) fn on_cells(cells: On<NcaCellsRead>, mut files: ResMut<Files>, art: NcaArt) {
    let Some(reel) = files.reel.as_mut().filter(|reel| reel.entity == cells.entity) else { return };
    // The tick of a reset sprite goes backwards.
    let due = reel.tick.is_none_or(|tick| cells.tick.abs_diff(tick) >= Files::TICKS_A_FRAME);
    let size = (cells.state.width(), cells.state.height());
    // All frames must have the same size. Another model may have another grid.
    if due && *reel.size.get_or_insert(size) == size && reel.recording.len() < Files::MOST_FRAMES {
        match art.get(cells.entity) {
            Some(art) => reel.recording.push_skin(&art, &reel.model, &cells.state),
            None => reel.recording.push(&reel.model, &cells.state),
        }
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
    if files.asked.take_if(|asked| *asked == saved.entity).is_none() {
        return;
    }
    let model = sprites.get(saved.entity).ok().and_then(|texture| models.get(&texture.model));
    let name = model.map(|model| model.rule().name.clone()).unwrap_or_default();
    files.message = match write_snapshot(&inspector.folder, &name, &saved.snapshot) {
        Ok(path) => format!("wrote {}", path.display()),
        Err(error) => error,
    };
    files.snapshot = Some(saved.snapshot.clone());
}

fn write_snapshot(folder: &Path, name: &str, snapshot: &NcaSnapshot) -> Result<PathBuf, String> {
    let path = new_file(folder, name, "snapshot.json")?;
    let written = serde_json::to_vec(snapshot).map_err(std::io::Error::from);
    let written = written.and_then(|bytes| write_atomic(&path, &bytes));
    or_remove(&path, written.map_err(|error| format!("{}: {error}", path.display())))?;
    Ok(path)
}

pub(super) fn on_restore_failed(refused: On<NcaRestoreFailed>, mut files: ResMut<Files>) {
    files.message = refused.error.to_string();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_leaves_no_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = new_file(folder.path(), "a/b", "gif").unwrap();
        assert!(path.ends_with("a_b-1.gif") && path.exists());
        // A recording without frames is an error.
        let written = Recording::default().write(&path).map_err(|error| error.to_string());
        assert!(or_remove(&path, written).is_err() && !path.exists());
        assert!(or_remove(&path, Ok(())).is_ok());
    }
}
