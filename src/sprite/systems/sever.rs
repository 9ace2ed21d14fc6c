//! Wounds that cut a sprite into pieces, and cells that they kill.
//!
//! 1. Before the ticks of a schedule, [`sever`] finds the sprites that a wound strikes in these ticks, and that come apart
//!    or shed cells.
//! 2. What the wound leaves is [parted](Parting). Each piece becomes an instance with the cells of its part of the grid.
//!    The entity of the piece is a copy of that of the sprite, made when commands are applied: before the ticks.
//! 3. The wound itself then strikes with the first tick, as always. No piece contains a cell of it.

use std::time::Duration;

use bevy::{
    ecs::{
        entity::{EntityCloner, EntityHashMap},
        entity_disabling::Disabled,
        intern::Interned,
        query::Allow,
        schedule::ScheduleLabel,
    },
    prelude::*,
};

use super::{
    clock::{FrameTicks, advance, tick},
    instances::Instances,
    shed::Shedder,
    vitals::tell,
};
use crate::{
    rule::{Boundary, CellMask, mix},
    sprite::{
        components::{
            InstanceId, NcaAliveMask, NcaDebris, NcaForm, NcaHeld, NcaPace, NcaPieceFate, NcaPieceLimit, NcaPieceOf,
            NcaPieces, NcaSever, NcaShedding, NcaSleeping, NcaTexture, NotCopied, Placement,
        },
        events::{NcaSevered, NcaShed, NcaShedCell},
        populations::{Populations, Struck},
        sets::NcaSystems,
        simulation::{Part, Parting, Strike},
    },
};

/// Lets sprites come apart.
pub(crate) struct SeverPlugin {
    /// The schedule in which sprites tick.
    pub(crate) schedule: Interned<dyn ScheduleLabel>,
}

impl Plugin for SeverPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaSever>()
            .register_type::<NcaPieceFate>()
            .register_type::<NcaPieceLimit>()
            .register_type::<NcaPieceOf>()
            .register_type::<NcaPieces>()
            .register_type::<NcaHeld>()
            .register_type::<NcaShedding>()
            .register_type::<NcaDebris>()
            .register_type::<NcaSevered>()
            .register_type::<NcaShed>()
            .register_type::<NcaShedCell>()
            .init_resource::<NcaPieceLimit>()
            .init_resource::<NotCopied>()
            .add_message::<NcaSevered>()
            .add_message::<NcaShed>()
            .add_observer(on_added)
            .add_observer(on_removed)
            .add_systems(self.schedule, (age, sever).chain().in_set(NcaSystems::Tick).after(advance).before(tick));
    }
}

/// The time that a piece has left.
#[derive(Component)]
struct Lifetime(Duration);

/// Follows the life of a sprite that comes apart or sheds cells.
fn on_added(added: On<Add, (NcaSever, NcaShedding)>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(added.entity) {
        instance.follow_life(true);
    }
}

/// Sprites whose life is followed for two reasons.
type TwiceFollowed = (With<NcaSever>, With<NcaShedding>, Allow<Disabled>);

fn on_removed(
    removed: On<Remove, (NcaSever, NcaShedding)>,
    followed: Query<(), TwiceFollowed>,
    mut instances: Instances,
) {
    // The component that goes is still there.
    let has_both = followed.contains(removed.entity);
    if let Some(instance) = instances.get_mut(removed.entity) {
        instance.follow_life(has_both);
    }
}

/// Despawns pieces whose time is over.
fn age(mut pieces: Query<(Entity, &mut Lifetime)>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut lifetime) in &mut pieces {
        match lifetime.0.checked_sub(time.delta()) {
            Some(left) => lifetime.0 = left,
            None => commands.entity(entity).try_despawn(),
        }
    }
}

type Severing = (
    &'static NcaTexture,
    &'static Placement,
    Option<&'static NcaSever>,
    Option<&'static NcaHeld>,
    Option<&'static NcaPieceOf>,
    Option<&'static mut NcaAliveMask>,
    Has<NcaShedding>,
);

/// Parts the sprites that the wounds of the next ticks cut.
pub(super) fn sever(
    mut sprites: Query<Severing, Allow<Disabled>>,
    wholes: Query<&NcaPieces, Allow<Disabled>>,
    frame: Res<FrameTicks>,
    limit: Res<NcaPieceLimit>,
    mut populations: ResMut<Populations>,
    mut shedder: Shedder,
    mut commands: Commands,
) {
    if frame.due == 0 {
        return;
    }
    let populations = populations.bypass_change_detection();
    // The pieces of each whole that are made now, and of all.
    let (mut made_of, mut made) = (EntityHashMap::<usize>::default(), 0);
    let struck: Vec<(u32, Struck)> = populations.struck(frame.due);
    for (population, Struck { slot, entity, strike: Strike { living, wound, is_new } }) in struck {
        let id = InstanceId { population, slot };
        let Ok((texture, placement, sever, held, piece_of, alive_mask, sheds)) = sprites.get_mut(entity) else {
            continue;
        };
        let Some(population) = populations.get(id) else { continue };
        let mut dead = living.clone();
        dead.intersect(&wound);
        let rule = population.model().rule();
        let can_part = rule.alive.is_some() && placement.tiling.is_none();
        if let Some(sever) = sever.filter(|_| can_part) {
            let wraps = rule.boundary == Boundary::Wrap;
            let held = held.map(|held| CellMask::of(&held.shape, living.width(), living.height()));
            let mut parting = Parting::new(&living, &wound, held.as_ref(), sever.fewest_cells, wraps);
            let whole = piece_of.map_or(entity, |piece_of| piece_of.0);
            let made_of = made_of.entry(whole).or_default();
            let others = wholes.get(whole).map_or(0, |pieces| pieces.len()) + *made_of;
            let room = (sever.most_pieces as usize)
                .saturating_sub(others)
                .min((limit.most_at_once as usize).saturating_sub(made))
                .min(population.room());
            match sever.fate {
                NcaPieceFate::Die => parting.crumble(),
                NcaPieceFate::Regrow | NcaPieceFate::Debris => parting.keep_beyond(room),
            }
            *made_of += parting.pieces.len();
            made += parting.pieces.len();
            dead.union(&parting.crumbs);
            let reference = population.reference().clone();
            let pose = population.instance(slot).map(|instance| instance.state.pose());
            let shown = |mut cells: CellMask| {
                if let Some(pose) = pose {
                    reference.keep_shown(&mut cells, pose);
                }
                cells
            };
            if let Some(mut mask) = alive_mask.filter(|_| !parting.pieces.is_empty()) {
                mask.cells = Some(shown(parting.kept.clone()));
            }
            let pieces = part(populations, id, (&parting, &wound, wraps), (texture.seed, sever.fate), &mut commands);
            let (lifetime, fate) = (sever.lifetime, sever.fate);
            let entities: Vec<Entity> = pieces.iter().map(|(entity, ..)| *entity).collect();
            for ((piece, id, seed), cells) in pieces.into_iter().zip(&parting.pieces) {
                let made = Piece { whole, id, seed, cells: shown(cells.clone()), lifetime, fate };
                commands.queue(move |world: &mut World| made.spawn(world, entity, piece));
            }
            if !entities.is_empty() {
                tell(&mut commands, NcaSevered { entity, pieces: entities });
            }
        }
        if sheds && is_new && !dead.is_empty() {
            shedder.shed(populations, id, entity, texture.angle, (&living, &dead), &mut commands);
        }
    }
}

/// Makes the pieces instances, and kills the crumbs. Returns the entities of the pieces, their instances and their seeds.
fn part(
    populations: &mut Populations,
    id: InstanceId,
    (parting, wound, wraps): (&Parting, &CellMask, bool),
    (seed, fate): (u32, NcaPieceFate),
    commands: &mut Commands,
) -> Vec<(Entity, InstanceId, u32)> {
    let tick = populations.instance_mut(id).map(|instance| instance.state.tick).unwrap_or_default();
    let mut ids = Vec::new();
    let parts: Vec<Part> = (1..)
        .zip(parting.territories(wound, wraps))
        .map(|(index, cells)| Part {
            entity: commands.spawn_empty().id(),
            seed: mix(seed ^ mix(tick ^ mix(index))),
            cells,
            rests: fate == NcaPieceFate::Debris,
        })
        .collect();
    if !parts.is_empty() {
        let mut kept = CellMask::full(wound.width(), wound.height());
        parts.iter().for_each(|part| kept.subtract(&part.cells));
        ids = populations.split(id, &kept, &parts);
    }
    if let Some(instance) = populations.instance_mut(id) {
        instance.crumble(&parting.crumbs);
    }
    parts.iter().zip(ids).map(|(part, id)| (part.entity, id, part.seed)).collect()
}

/// A piece that has an instance, and whose entity is still empty.
struct Piece {
    whole: Entity,
    id: InstanceId,
    seed: u32,
    cells: CellMask,
    lifetime: Option<Duration>,
    fate: NcaPieceFate,
}

impl Piece {
    /// Makes the entity of the piece a copy of that of the sprite.
    fn spawn(self, world: &mut World, sprite: Entity, piece: Entity) {
        let placement = world.get::<Placement>(sprite).filter(|_| world.get::<NcaTexture>(sprite).is_some());
        let Some(placement) = placement else {
            // The sprite is gone.
            world.resource_mut::<Populations>().bypass_change_detection().remove(self.id);
            world.despawn(piece);
            return;
        };
        let placement = Placement {
            id: Some(self.id),
            shown: placement.shown.clone(),
            is_skinned: placement.is_skinned,
            tiling: None,
        };
        let Ok(mut entity) = world.get_entity_mut(piece) else { return };
        entity.insert(placement);
        let not_copied = world.get_resource::<NotCopied>().map(|own| own.0.clone()).unwrap_or_default();
        EntityCloner::build_opt_out(world)
            // What requires them is copied, and gets new ones.
            .without_required_by_components(|copy| {
                copy.deny::<(Placement, NcaSleeping, NcaPieces, NcaPieceOf, NcaHeld, NcaAliveMask, Lifetime)>()
                    .deny_by_ids(not_copied);
            })
            .clone_entity(sprite, piece);
        let Ok(mut entity) = world.get_entity_mut(piece) else { return };
        if let Some(mut texture) = entity.get_mut::<NcaTexture>() {
            texture.seed = self.seed;
        }
        entity.insert((NcaPieceOf(self.whole), NcaAliveMask { cells: Some(self.cells) }));
        if let Some(lifetime) = self.lifetime {
            entity.insert(Lifetime(lifetime));
        }
        if self.fate == NcaPieceFate::Debris {
            let pace = entity.get::<NcaPace>().copied().unwrap_or_default();
            entity.insert(NcaPace { paused: true, ..pace });
        }
        let form = entity.get::<NcaForm>().cloned();
        #[cfg(feature = "pbr")]
        own_material(&mut entity);
        let mut populations = world.resource_mut::<Populations>();
        if let Some(instance) = populations.bypass_change_detection().instance_mut(self.id) {
            instance.inherited_form = form;
        }
    }
}

/// Gives a piece that is shown on a mesh a material of its own, because it has another picture.
#[cfg(feature = "pbr")]
fn own_material(piece: &mut EntityWorldMut) {
    let Some(MeshMaterial3d(shared)) = piece.get::<MeshMaterial3d<StandardMaterial>>().cloned() else { return };
    let own = piece.world_scope(|world| {
        let mut materials = world.get_resource_mut::<Assets<StandardMaterial>>()?;
        let own = materials.get(&shared)?.clone();
        Some(materials.add(own))
    });
    if let Some(own) = own {
        piece.insert(MeshMaterial3d(own));
    }
}
