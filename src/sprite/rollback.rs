//! Saving and restoring at once, for netcode that rolls back.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow, system::SystemParam},
    prelude::*,
};

use super::{
    NcaSnapshot, NcaSnapshotError, NcaTexture,
    populations::Populations,
    snapshot,
    texture::{NcaSlot, Waiting, Wanted},
};
use crate::rule::State;

/// Reads, saves and restores sprites at once, within a system, where the cells are on the CPU.
///
/// It is for rollback: save each sprite and the [`NcaClock`](super::NcaClock) at every frame; to go back, put both
/// back, and run the schedule of [`NcaPlugin::in_schedule`](super::NcaPlugin::in_schedule) again for each frame since.
/// The cells come out the same, to the bit. Allow enough
/// [`max_ticks_per_frame`](super::NcaClock::max_ticks_per_frame) for all of them, and let nobody fall
/// [asleep](super::NcaClock::sleep_after): vitals, by which that is decided, follow once a frame, in [`PostUpdate`], as do
/// events and pictures.
///
/// It accesses [`NcaTexture`] mutably: a system cannot have another query for that beside it.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// #[derive(Resource)]
/// struct Saved(Vec<(Entity, NcaSnapshot)>, NcaClock);
///
/// fn save(sprites: Query<Entity, With<NcaTexture>>, rollback: NcaRollback, clock: Res<NcaClock>, mut commands: Commands) {
///     let snapshots = sprites.iter().filter_map(|entity| Some((entity, rollback.save(entity).ok()?)));
///     commands.insert_resource(Saved(snapshots.collect(), clock.clone()));
/// }
///
/// fn load(saved: Res<Saved>, mut rollback: NcaRollback, mut clock: ResMut<NcaClock>) {
///     for (entity, snapshot) in &saved.0 {
///         if let Err(error) = rollback.restore(*entity, snapshot.clone()) {
///             error!("{error}");
///         }
///     }
///     *clock = saved.1.clone();
/// }
/// ```
#[derive(SystemParam)]
pub struct NcaRollback<'w, 's> {
    sprites: Query<'w, 's, (&'static mut NcaTexture, &'static mut NcaSlot), Allow<Disabled>>,
    populations: ResMut<'w, Populations>,
}

/// A sprite could not be saved or restored at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NcaRollbackError {
    /// It has no [`NcaTexture`].
    #[error("{0} has no NcaTexture")]
    NoTexture(Entity),
    /// Its model is not loaded, or it was spawned since the last tick.
    #[error("{0} has no cells yet")]
    NoCells(Entity),
    /// Its cells are on the GPU, from which they come later: [`NcaSave`](super::NcaSave) asks for them.
    #[error("the cells of {0} are on the GPU; wanted NcaBackend::Cpu")]
    OnGpu(Entity),
    /// The snapshot is not of this sprite.
    #[error(transparent)]
    Snapshot(#[from] NcaSnapshotError),
}

impl NcaRollback<'_, '_> {
    /// A sprite as it is now.
    ///
    /// # Errors
    /// [`NcaRollbackError`], but for `Snapshot`.
    pub fn save(&self, entity: Entity) -> Result<NcaSnapshot, NcaRollbackError> {
        let (asked, _, state) = self.read(entity, Wanted { snapshot: true, cells: false })?;
        asked.snapshot(state).ok_or(NcaRollbackError::NoCells(entity))
    }

    /// The cells of a sprite as they are now, and how many ticks it has lived.
    ///
    /// # Errors
    /// [`NcaRollbackError`], but for `Snapshot`.
    pub fn cells(&self, entity: Entity) -> Result<(u32, &State), NcaRollbackError> {
        self.read(entity, Wanted::NOTHING).map(|(_, tick, state)| (tick, state))
    }

    /// Lets a sprite go on from a snapshot, from its next tick on; its [`NcaTexture`] gets the snapshot's seed and
    /// angle. If it has no cells yet, it does so when it is given some, before that tick.
    ///
    /// # Errors
    /// `NoTexture`, `OnGpu`, `Snapshot`; then nothing is changed.
    pub fn restore(&mut self, entity: Entity, snapshot: NcaSnapshot) -> Result<(), NcaRollbackError> {
        let Self { sprites, populations } = self;
        let Ok((mut texture, mut slot)) = sprites.get_mut(entity) else {
            return Err(NcaRollbackError::NoTexture(entity));
        };
        let Some(place) = slot.place_of(&texture, populations) else {
            slot.wait(entity, Waiting::Snapshot(Box::new(snapshot)));
            return Ok(());
        };
        if !populations.is_on_cpu(place) {
            return Err(NcaRollbackError::OnGpu(entity));
        }
        Ok(snapshot::restore(populations.bypass_change_detection(), place, &mut texture, snapshot)?)
    }

    fn read(&self, entity: Entity, wanted: Wanted) -> Result<(snapshot::Asked, u32, &State), NcaRollbackError> {
        let Ok((texture, slot)) = self.sprites.get(entity) else { return Err(NcaRollbackError::NoTexture(entity)) };
        let place = slot.place_of(texture, &self.populations).ok_or(NcaRollbackError::NoCells(entity))?;
        if !self.populations.is_on_cpu(place) {
            return Err(NcaRollbackError::OnGpu(entity));
        }
        self.populations.peek(place, wanted).ok_or(NcaRollbackError::NoCells(entity))
    }
}
