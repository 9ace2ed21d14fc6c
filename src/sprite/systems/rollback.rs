//! Saving and restoring within a system, for rollback netcode.

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

/// Reads, saves and restores sprites immediately, within a system. The cells must be on the CPU.
///
/// For rollback:
///
/// 1. Every frame, save each sprite and the [`NcaClock`](crate::NcaClock).
/// 2. To roll back, restore both.
/// 3. Run the schedule of [`NcaPlugin::in_schedule`](crate::NcaPlugin::in_schedule) again for each frame since.
///
/// The cells are then the same, bit for bit. Set [`max_ticks_per_frame`](crate::NcaClock::max_ticks_per_frame) high
/// enough for all these frames. Let no sprite fall [asleep](crate::NcaClock::sleep_after): that depends on vitals,
/// which are updated once a frame in [`PostUpdate`]. Events and pictures are updated only then, too.
///
/// It accesses [`NcaTexture`] and the simulation mutably. A system cannot have another query of the former, or an
/// [`NcaProbe`](crate::NcaProbe).
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

/// A sprite could not be saved or restored immediately.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NcaRollbackError {
    /// It has no [`NcaTexture`].
    #[error("{0} has no NcaTexture")]
    NoTexture(Entity),
    /// Its model is not loaded, or [`NcaSystems::Place`](crate::NcaSystems::Place) has not run since it was spawned.
    #[error("{0} has no cells yet")]
    NoCells(Entity),
    /// Its cells are on the GPU; read them back with [`NcaSave`](crate::NcaSave).
    #[error("expected NcaBackend::Cpu, found the cells of {0} on the GPU")]
    OnGpu(Entity),
    /// The snapshot does not fit the sprite.
    #[error(transparent)]
    Snapshot(#[from] NcaSnapshotError),
}

impl NcaRollback<'_, '_> {
    /// Saves the current state of a sprite.
    ///
    /// # Errors
    /// [`NcaRollbackError`], except `Snapshot`.
    pub fn save(&self, entity: Entity) -> Result<NcaSnapshot, NcaRollbackError> {
        let (population, id, state) = self.read(entity)?;
        let read = population.begin_read(id.slot, ReadRequest { snapshot: true, cells: false });
        read.and_then(|read| read.snapshot(state)).ok_or(NcaRollbackError::NoCells(entity))
    }

    /// The age of a sprite in ticks, and its current cells.
    ///
    /// # Errors
    /// [`NcaRollbackError`], except `Snapshot`.
    pub fn cells(&self, entity: Entity) -> Result<(u32, &State), NcaRollbackError> {
        let (population, id, state) = self.read(entity)?;
        let instance = population.instance(id.slot).ok_or(NcaRollbackError::NoCells(entity))?;
        Ok((instance.state.tick, state))
    }

    /// Restores a sprite, which continues with its next tick. Its [`NcaTexture`] takes the snapshot's seed and angle.
    /// If it has no cells yet, the snapshot waits for them. If the snapshot then does not fit,
    /// [`NcaRestoreFailed`](crate::NcaRestoreFailed) reports it.
    ///
    /// # Errors
    /// [`NcaRollbackError`], except `NoCells`. The sprite is then unchanged.
    pub fn restore(&mut self, entity: Entity, snapshot: NcaSnapshot) -> Result<(), NcaRollbackError> {
        let Self { sprites, populations, pending } = self;
        let Ok((mut texture, placement)) = sprites.get_mut(entity) else {
            return Err(NcaRollbackError::NoTexture(entity));
        };
        let Some(id) = current(placement, &texture, populations) else {
            pending.push(entity, PendingChange::Snapshot(Box::new(snapshot)));
            return Ok(());
        };
        let Some(population) = populations.get(id) else { return Err(NcaRollbackError::NoCells(entity)) };
        if population.is_on_gpu() {
            return Err(NcaRollbackError::OnGpu(entity));
        }
        // Peers with other weights would diverge.
        if !snapshot.is_of(population.model()) {
            return Err(NcaSnapshotError::model(&snapshot, population.model()).into());
        }
        Ok(read_back::restore(populations.bypass_change_detection(), id, &mut texture, snapshot)?)
    }

    fn read(&self, entity: Entity) -> Result<(&Population, InstanceId, &State), NcaRollbackError> {
        let (texture, placement) = self.sprites.get(entity).map_err(|_| NcaRollbackError::NoTexture(entity))?;
        let id = current(placement, texture, &self.populations).ok_or(NcaRollbackError::NoCells(entity))?;
        let population = self.populations.get(id).ok_or(NcaRollbackError::NoCells(entity))?;
        if population.is_on_gpu() {
            return Err(NcaRollbackError::OnGpu(entity));
        }
        Ok((population, id, population.state(id.slot).ok_or(NcaRollbackError::NoCells(entity))?))
    }
}
