//! Wounding, healing and painting: from an event to the edits of an instance.
//!
//! 1. An observer finds the sprite or, for a blast, every sprite that the shape may touch.
//! 2. [`PendingDamage`] is the shape, and the place of the sprite at that moment. If the model is not loaded, it waits.
//! 3. Once the grid is known, the shape becomes a mask of cells, and the mask becomes an edit of the instance. The edit
//!    wakes the instance, and waits for the next tick.

use std::sync::Arc;

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow, system::SystemParam},
    prelude::*,
};

use super::{
    effect::{Effect, PendingDamage, apply},
    instances::current,
    pending::{PendingChange, PendingChanges},
};
use crate::sprite::{
    components::{InstanceId, NcaArmor, NcaTexture, Placement},
    events::{NcaBlast, NcaDamage, NcaHeal, NcaPaint, NcaSpace, NcaWound},
    populations::Populations,
    spatial::{ShapeSpace, ShownFrames, SpriteTransforms, Visibilities},
};

/// Wounds, heals and paints sprites.
pub(crate) struct DamagePlugin;

impl Plugin for DamagePlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaDamage>()
            .register_type::<NcaBlast>()
            .register_type::<NcaHeal>()
            .register_type::<NcaPaint>()
            .register_type::<NcaArmor>()
            .add_observer(on_damage)
            .add_observer(on_blast)
            .add_observer(on_heal)
            .add_observer(on_paint);
    }
}

type Target = (Entity, &'static NcaTexture, &'static Placement, Option<&'static NcaArmor>, Has<Disabled>);

/// The sprites that damage and healing reach.
#[derive(SystemParam)]
struct Targets<'w, 's> {
    sprites: Query<'w, 's, Target, Allow<Disabled>>,
    transforms: SpriteTransforms<'w, 's>,
    visibilities: Visibilities<'w, 's>,
    edits: Edits<'w>,
}

/// The destinations of damage.
#[derive(SystemParam)]
struct Edits<'w> {
    populations: ResMut<'w, Populations>,
    pending: ResMut<'w, PendingChanges>,
    frames: ResMut<'w, ShownFrames>,
    images: Option<Res<'w, Assets<Image>>>,
}

impl Edits<'_> {
    /// Applies damage to an instance, or lets it wait for the model.
    fn submit(&mut self, damage: PendingDamage, entity: Entity, id: Option<InstanceId>, armor: Option<&NcaArmor>) {
        match id {
            Some(id) => {
                let seen = (&mut *self.frames, self.images.as_deref());
                apply(&damage, &mut self.populations, id, armor, seen);
            }
            None => self.pending.push(entity, PendingChange::Damage(damage)),
        }
    }
}

impl Targets<'_, '_> {
    /// Applies an effect to one sprite.
    fn affect(&mut self, entity: Entity, space: NcaSpace, effect: Effect) {
        if !effect.is_valid() {
            return;
        }
        let Ok((_, texture, placement, armor, _)) = self.sprites.get(entity) else {
            warn_once!("{effect} was ignored: {entity} has no NcaTexture");
            return;
        };
        let space = match space {
            NcaSpace::Cells => ShapeSpace::Cells,
            NcaSpace::Uv if placement.tiling.is_some() && !placement.is_skinned => ShapeSpace::Tiles,
            NcaSpace::Uv => ShapeSpace::Uv(self.transforms.skin(entity)),
            NcaSpace::World => match self.transforms.get(entity) {
                Some(transform) => ShapeSpace::World(transform),
                None => {
                    warn_once!(
                        "{effect} was ignored: it is in the world, and {entity} has no Sprite with a Transform; \
                         on nodes and meshes, give it .in_uv() or .in_cells()"
                    );
                    return;
                }
            },
        };
        let id = current(placement, texture, &self.edits.populations);
        self.edits.submit(PendingDamage { effect, space }, entity, id, armor);
    }
}

fn on_damage(damage: On<NcaDamage>, mut targets: Targets) {
    let NcaDamage { entity, wound, space } = damage.event().clone();
    targets.affect(entity, space, Effect::Wound(wound.into()));
}

fn on_heal(heal: On<NcaHeal>, mut targets: Targets) {
    let NcaHeal { entity, shape, space } = heal.event().clone();
    targets.affect(entity, space, Effect::Heal(shape));
}

fn on_paint(paint: On<NcaPaint>, mut targets: Targets) {
    let NcaPaint { entity, shape, strength, softness, erases, space } = paint.event().clone();
    let brush = NcaWound { strength, softness, ..shape.into() };
    targets.affect(entity, space, Effect::Paint { brush, erases });
}

fn on_blast(blast: On<NcaBlast>, mut targets: Targets) {
    let effect = Effect::Wound(Arc::new(blast.wound.clone()));
    if !effect.is_valid() {
        return;
    }
    let (min, max) = blast.wound.shape.bounds();
    let reach = Rect { min: min.into(), max: max.into() };
    let Targets { sprites, transforms, visibilities, edits } = &mut targets;
    for (entity, texture, placement, armor, is_disabled) in sprites {
        if is_disabled || !visibilities.passes(&blast.filter, entity) {
            continue;
        }
        let Some(transform) = transforms.get(entity) else { continue };
        // The size of a sprite is unknown until its model is loaded.
        let id = current(placement, texture, &edits.populations);
        let grid = id.and_then(|id| edits.populations.get(id)).map(|population| population.grid());
        if grid.is_none_or(|grid| !transform.bounds(grid).intersect(reach).is_empty()) {
            let damage = PendingDamage { effect: effect.clone(), space: ShapeSpace::World(transform) };
            edits.submit(damage, entity, id, armor);
        }
    }
}
