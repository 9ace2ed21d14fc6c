//! Reading, writing, saving and restoring the cells of a sprite.
//!
//! 1. A request waits until the end of the frame.
//! 2. Cells on the CPU answer it then. Otherwise it goes to the backend with the work of the frame.
//! 3. The answer of the GPU arrives a few frames later. If the GPU could not deliver the cells, the request is
//!    repeated. If the entity is disabled, the answer waits.

use bevy::{
    ecs::{entity::EntityHashMap, entity_disabling::Disabled, query::Allow},
    prelude::*,
};

use super::{
    instances::current,
    pending::{PendingChange, PendingChanges},
};
use crate::{
    rule::State,
    sprite::{
        components::{InstanceId, NcaTexture, OfTextures, Placement},
        events::{NcaCellsRead, NcaReadCells, NcaRestore, NcaRestoreFailed, NcaSave, NcaSaved, NcaWriteCells},
        populations::Populations,
        save::{NcaSnapshot, NcaSnapshotError},
        sets::NcaSystems,
        simulation::{PendingRead, PendingReads, ReadRequest},
    },
};

/// Answers requests for cells and snapshots.
pub(crate) struct ReadBackPlugin;

impl Plugin for ReadBackPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaReadCells>()
            .register_type::<NcaCellsRead>()
            .register_type::<NcaWriteCells>()
            .register_type::<NcaSave>()
            .register_type::<NcaSaved>()
            .register_type::<NcaRestore>()
            .register_type::<NcaRestoreFailed>()
            .init_resource::<ReadRequests>()
            .init_resource::<PendingReads>()
            .add_observer(on_read_cells)
            .add_observer(on_write_cells)
            .add_observer(on_save)
            .add_observer(on_restore)
            .add_systems(First, receive.in_set(NcaSystems::Receive))
            .add_systems(PostUpdate, answer.in_set(NcaSystems::Answer));
    }
}

/// Requests of this frame, and of entities that have no instance yet or are disabled.
#[derive(Resource, Default)]
pub(super) struct ReadRequests(EntityHashMap<ReadRequest>);

impl ReadRequests {
    pub(super) fn merge(&mut self, entity: Entity, request: ReadRequest) {
        if request != ReadRequest::NONE {
            self.0.entry(entity).or_default().merge(request);
        }
    }

    pub(super) fn remove(&mut self, entity: Entity) {
        self.0.remove(&entity);
    }
}

type Textures<'w, 's> = Query<'w, 's, (), OfTextures>;

fn on_read_cells(request: On<NcaReadCells>, textures: Textures, mut requests: ResMut<ReadRequests>) {
    let entity = request.entity;
    match textures.contains(entity) {
        true => requests.merge(entity, ReadRequest { cells: true, snapshot: false }),
        false => warn_once!("cells were asked for, but {entity} has no NcaTexture"),
    }
}

fn on_save(request: On<NcaSave>, textures: Textures, mut requests: ResMut<ReadRequests>) {
    let entity = request.entity;
    match textures.contains(entity) {
        true => requests.merge(entity, ReadRequest { cells: false, snapshot: true }),
        false => warn_once!("a snapshot was asked for, but {entity} has no NcaTexture"),
    }
}

fn on_write_cells(
    written: On<NcaWriteCells>,
    sprites: Query<(&NcaTexture, &Placement), Allow<Disabled>>,
    mut populations: ResMut<Populations>,
    mut pending: ResMut<PendingChanges>,
) {
    let NcaWriteCells { entity, tick, state } = written.event().clone();
    match sprites.get(entity) {
        Ok((texture, placement)) => match current(placement, texture, &populations) {
            Some(id) => write(&mut populations, id, entity, tick, state),
            None => pending.push(entity, PendingChange::Cells(tick, state)),
        },
        Err(_) => warn_once!("cells were written, but {entity} has no NcaTexture"),
    }
}

/// Replaces the cells of an instance. Warns if they do not fit.
pub(super) fn write(populations: &mut Populations, id: InstanceId, entity: Entity, tick: u32, state: State) {
    let found = (state.width(), state.height(), state.channels());
    if !populations.write_cells(id, tick, state) {
        warn!("cells of width, height and channels {found:?} were not written: {entity} has others");
    }
}

fn on_restore(
    restored: On<NcaRestore>,
    mut sprites: Query<(&mut NcaTexture, &Placement), Allow<Disabled>>,
    mut populations: ResMut<Populations>,
    mut pending: ResMut<PendingChanges>,
    mut commands: Commands,
) {
    let NcaRestore { entity, snapshot } = restored.event().clone();
    let Ok((mut texture, placement)) = sprites.get_mut(entity) else {
        warn_once!("a snapshot was restored, but {entity} has no NcaTexture");
        return;
    };
    match current(placement, &texture, &populations) {
        Some(id) => restore_or_refuse(&mut populations, id, entity, &mut texture, snapshot, &mut commands),
        None => pending.push(entity, PendingChange::Snapshot(Box::new(snapshot))),
    }
}

/// Restores an instance from a snapshot. The texture takes the snapshot's seed and angle.
pub(super) fn restore(
    populations: &mut Populations,
    id: InstanceId,
    texture: &mut NcaTexture,
    snapshot: NcaSnapshot,
) -> Result<(), NcaSnapshotError> {
    let (seed, angle) = snapshot.seed_and_angle();
    populations.restore(id, snapshot)?;
    (texture.seed, texture.angle) = (seed, angle);
    Ok(())
}

/// Restores an instance from a snapshot, and reports an error as an event and in the log.
pub(super) fn restore_or_refuse(
    populations: &mut Populations,
    id: InstanceId,
    entity: Entity,
    texture: &mut NcaTexture,
    snapshot: NcaSnapshot,
    commands: &mut Commands,
) {
    if let Err(error) = restore(populations, id, texture, snapshot) {
        error!("the snapshot of {entity} is refused: {error}");
        commands.trigger(NcaRestoreFailed { entity, error });
    }
}

/// Answers the requests whose cells can be read immediately, and passes on the others.
fn answer(
    sprites: Query<&Placement>,
    mut requests: ResMut<ReadRequests>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    let populations = populations.bypass_change_detection();
    requests.bypass_change_detection().0.retain(|entity, request| {
        let Some(id) = sprites.get(*entity).ok().and_then(|placement| placement.id) else { return true };
        let Some(population) = populations.get_mut(id) else { return true };
        match population.state(id.slot) {
            Some(state) => {
                if let Some(read) = population.begin_read(id.slot, *request) {
                    trigger(&read, state.clone(), &mut commands);
                }
            }
            None => population.request_read(id.slot, *request),
        }
        false
    });
}

/// Triggers the events that answer a request.
fn trigger(read: &PendingRead, state: State, commands: &mut Commands) {
    let PendingRead { entity, tick, request, .. } = *read;
    if let Some(snapshot) = read.snapshot(&state) {
        commands.trigger(NcaSaved { entity, snapshot });
    }
    if request.cells {
        commands.trigger(NcaCellsRead { entity, tick, state });
    }
}

/// Takes the answers of the GPU.
fn receive(
    mut reads: ResMut<PendingReads>,
    sprites: Query<Has<Disabled>, OfTextures>,
    mut requests: ResMut<ReadRequests>,
    mut commands: Commands,
) {
    let reads = reads.bypass_change_detection();
    let answers = std::mem::take(&mut reads.answers);
    for (ticket, state) in answers {
        let Some(read) = reads.get(ticket) else { continue };
        match (sprites.get(read.entity), state) {
            (Ok(true), state) => {
                reads.answers.push((ticket, state));
                continue;
            }
            (Ok(false), Some(state)) => trigger(read, state, &mut commands),
            (Ok(false), None) => requests.merge(read.entity, read.request),
            (Err(_), _) => {}
        }
        reads.remove(ticket);
    }
}
