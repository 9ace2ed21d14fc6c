//! The order of the plugin's systems.

use bevy::prelude::*;

/// The system sets of the plugin.
///
/// A frame runs them in this order: [`Receive`](Self::Receive) in [`First`]; [`Place`](Self::Place) and
/// [`Tick`](Self::Tick) in the plugin's schedule, by default [`FixedPostUpdate`]; [`Dress`](Self::Dress),
/// [`Place`](Self::Place) again, [`Show`](Self::Show), [`Report`](Self::Report), [`Answer`](Self::Answer) and [`Draw`](Self::Draw) in [`PostUpdate`];
/// [`Redraw`](Self::Redraw) in [`Last`].
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NcaSystems {
    /// In [`PreStartup`], and in [`First`] after the device was lost: the backend is chosen.
    ChooseBackend,
    /// In [`First`]: what was read back from the GPU becomes events and vitals.
    Receive,
    /// In [`PostUpdate`]: skins without a model get a generic body, once their art is loaded.
    Dress,
    /// In the plugin's schedule and in [`PostUpdate`]: textures whose model is loaded get their cells.
    ///
    /// Spawn a sprite before this set, for it to tick in the same frame.
    Place,
    /// In the plugin's schedule: the clock advances, and sprites tick.
    Tick,
    /// In [`PostUpdate`]: sprites, nodes and materials get their part of an image. In [`Last`]: warnings of textures that
    /// nothing shows.
    Show,
    /// In [`PostUpdate`]: the CPU backend counts cells; vitals and [`NcaSleeping`](crate::NcaSleeping) markers are
    /// updated.
    Report,
    /// In [`PostUpdate`]: requests for cells and snapshots are answered, or passed on to the GPU.
    Answer,
    /// In [`PostUpdate`]: the CPU backend draws.
    Draw,
    /// In [`Last`]: the app is asked for another frame while something grows.
    Redraw,
    /// In [`Last`]: diagnostics are measured ([`NcaDiagnosticsPlugin`](crate::NcaDiagnosticsPlugin)).
    Measure,
    /// In [`PreUpdate`], and in the plugin's schedule after bodies have come apart: colliders follow the living cells (feature `avian2d`).
    FitColliders,
    /// In avian's `PhysicsSchedule`: contacts wound sprites (feature `avian2d`).
    Contacts,
    /// In [`PreUpdate`]: pointers find living cells (feature `picking`).
    Pick,
}
