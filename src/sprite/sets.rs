//! When the plugin does what.

use bevy::prelude::*;

/// The system sets of the plugin.
///
/// A frame runs them in this order: [`Receive`](Self::Receive) in [`First`]; [`Place`](Self::Place) and
/// [`Tick`](Self::Tick) in the plugin's schedule, by default [`FixedPostUpdate`]; [`Place`](Self::Place) again,
/// [`Show`](Self::Show), [`Report`](Self::Report), [`Answer`](Self::Answer) and [`Draw`](Self::Draw) in [`PostUpdate`];
/// [`Redraw`](Self::Redraw) in [`Last`].
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NcaSystems {
    /// In [`PreStartup`], and in [`First`] after the device was lost: the backend is chosen.
    ChooseBackend,
    /// In [`First`]: what was read back from the GPU becomes events and vitals.
    Receive,
    /// In the plugin's schedule and in [`PostUpdate`]: textures whose model is loaded get their cells.
    Place,
    /// In the plugin's schedule: the clock advances, and sprites tick.
    Tick,
    /// In [`PostUpdate`]: sprites, nodes and materials get their part of an image.
    Show,
    /// In [`PostUpdate`]: the CPU backend counts cells, vitals are updated, and sprites fall asleep or wake.
    Report,
    /// In [`PostUpdate`]: requests for cells and snapshots are answered, or passed on to the GPU.
    Answer,
    /// In [`PostUpdate`]: the CPU backend draws.
    Draw,
    /// In [`Last`]: the app is asked for another frame while something grows.
    Redraw,
    /// In [`PreUpdate`]: colliders follow the living cells (feature `avian2d`).
    FitColliders,
    /// In avian's `PhysicsSchedule`: contacts wound (feature `avian2d`).
    Contacts,
    /// In [`PreUpdate`]: pointers find living cells (feature `picking`).
    Pick,
}
