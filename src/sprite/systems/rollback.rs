//! Saving and restoring at once, for netcode that rolls back.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow, system::SystemParam},
    prelude::*,
};

use super::{
    instances::current,
    pending::{PendingChange, PendingChanges},
    read_back,
};
use crate::{
    rule::State,
    sprite::{
        components::{InstanceId, NcaTexture, Placement},
        populations::{Population, Populations},
        save::{NcaSnapshot, NcaSnapshotError},
        simulation::ReadRequest,
    },
};

/// Reads, saves and restores sprites at once, within a system, where the cells are on the CPU.
///
/// It is for rollback: save each sprite and the [`NcaClock`](crate::NcaClock) at every frame; to go back, put both
/// back, and run the schedule of [`NcaPlugin::in_schedule`](crate::NcaPlugin::in_schedule) again for each frame since.
/// The cells come out the same, to the bit. Allow enough
/// [`max_ticks_per_frame`](crate::NcaClock::max_ticks_per_frame) for all of them, and let nobody fall
/// [asleep](crate::NcaClock::sleep_after): vitals, by which that is decided, follow once a frame, in [`PostUpdate`], as do
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
    sprites: Query<'w, 's, (&'static mut NcaTexture, &'static Placement), Allow<Disabled>>,
    populations: ResMut<'w, Populations>,
    pending: ResMut<'w, PendingChanges>,
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
    /// Its cells are on the GPU, from which they come later: [`NcaSave`](crate::NcaSave) asks for them.
    #[error("expected NcaBackend::Cpu, found the cells of {0} on the GPU")]
    OnGpu(Entity),
    /// The snapshot is not of this sprite.
    #[error(transparent)]
    Snapshot(#[from] NcaSnapshotError),
}

impl NcaRollback<'_, '_> {
    /// Saves a sprite as it is now.
    ///
    /// # Errors
    /// [`NcaRollbackError`], except `Snapshot`.
    pub fn save(&self, entity: Entity) -> Result<NcaSnapshot, NcaRollbackError> {
        let (population, id, state) = self.read(entity)?;
        let read = population.begin_read(id.slot, ReadRequest { snapshot: true, cells: false });
        read.and_then(|read| read.snapshot(state)).ok_or(NcaRollbackError::NoCells(entity))
    }

    /// The cells of a sprite as they are now, and its age in ticks.
    ///
    /// # Errors
    /// [`NcaRollbackError`], except `Snapshot`.
    pub fn cells(&self, entity: Entity) -> Result<(u32, &State), NcaRollbackError> {
        let (population, id, state) = self.read(entity)?;
        let instance = population.instance(id.slot).ok_or(NcaRollbackError::NoCells(entity))?;
        Ok((instance.state.tick, state))
    }

    /// Restores a sprite, which continues with its next tick. Its [`NcaTexture`] takes the snapshot's seed and angle. If
    /// it has no cells yet, the snapshot waits until it has, which is before its next tick.
    ///
    /// # Errors
    /// `NoTexture`, `OnGpu`, `Snapshot`; then nothing changes.
    pub fn restore(&mut self, entity: Entity, snapshot: NcaSnapshot) -> Result<(), NcaRollbackError> {
        let Self { sprites, populations, pending } = self;
        let Ok((mut texture, placement)) = sprites.get_mut(entity) else {
            return Err(NcaRollbackError::NoTexture(entity));
        };
        let Some(id) = current(placement, &texture, populations) else {
            pending.push(entity, PendingChange::Snapshot(Box::new(snapshot)));
            return Ok(());
        };
        if populations.choice.writes_on_gpu() {
            return Err(NcaRollbackError::OnGpu(entity));
        }
        Ok(read_back::restore(populations.bypass_change_detection(), id, &mut texture, snapshot)?)
    }

    fn read(&self, entity: Entity) -> Result<(&Population, InstanceId, &State), NcaRollbackError> {
        let (texture, placement) = self.sprites.get(entity).map_err(|_| NcaRollbackError::NoTexture(entity))?;
        let id = current(placement, texture, &self.populations).ok_or(NcaRollbackError::NoCells(entity))?;
        if self.populations.choice.writes_on_gpu() {
            return Err(NcaRollbackError::OnGpu(entity));
        }
        let population = self.populations.get(id).ok_or(NcaRollbackError::NoCells(entity))?;
        Ok((population, id, population.state(id.slot).ok_or(NcaRollbackError::NoCells(entity))?))
    }
}
