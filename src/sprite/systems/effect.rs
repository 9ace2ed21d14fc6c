//! The effect of damage and healing on the cells of an instance.

use std::{fmt, sync::Arc};

use bevy::prelude::*;

use crate::{
    rule::{CellMask, Reference, Shape, rotation},
    sprite::{
        components::{InstanceId, NcaArmor},
        events::NcaWound,
        populations::Populations,
        simulation::InstanceState,
        spatial::{ShapeSpace, ShownFrame, ShownFrames},
    },
};

/// Damage or healing, and the place of the sprite at that moment. The cells follow once the grid is known.
#[derive(Clone, Debug)]
pub(super) struct PendingDamage {
    pub(super) effect: Effect,
    pub(super) space: ShapeSpace,
}

#[derive(Clone, Debug)]
pub(super) enum Effect {
    Wound(Arc<NcaWound>),
    Heal(Shape),
}

impl Effect {
    /// Whether it is valid. Warns, once, if it is not.
    pub(super) fn is_valid(&self) -> bool {
        let valid = match self {
            Self::Wound(wound) => wound.is_valid(),
            Self::Heal(shape) => shape.is_valid(),
        };
        if !valid {
            warn_once!("{self} was ignored: expected {}, and a strength of 0 to 1, found {self:?}", Shape::EXPECTED);
        }
        valid
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Wound(_) => "a wound",
            Self::Heal(_) => "healing",
        })
    }
}

impl fmt::Display for PendingDamage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.effect.fmt(f)
    }
}

impl PendingDamage {
    /// Edits the cells that it reaches. `shown` is the frame of a skin that shows its cells elsewhere, and the grown sprite.
    fn apply_to(
        &self,
        instance: &mut InstanceState,
        [width, height]: [usize; 2],
        armor: Option<&NcaArmor>,
        shown: Option<(&ShownFrame, &Reference)>,
    ) {
        let mut cells = CellMask::new(width, height);
        let centers = shown.map(|(frame, _)| frame.centers());
        let rotation = rotation(instance.angle);
        // What lies below something else is not hit, unless no frame shows it: it is the rim of what is.
        let is_reached = |cell: usize| {
            shown.is_none_or(|(frame, grown)| !frame.hides(cell) || !grown.shows(cell % width, cell / width, rotation))
        };
        match &self.effect {
            Effect::Wound(wound) => {
                let kills = wound.kills(width, instance.next_wound_key(), armor);
                let hits = |cell, cover| is_reached(cell) && kills(cell, cover);
                self.space.add(&mut cells, centers, (&wound.shape, wound.softness), hits);
                instance.wound(cells, wound.scars);
            }
            Effect::Heal(shape) => {
                self.space.add(&mut cells, centers, (shape, 0.0), |cell, _| is_reached(cell));
                instance.heal(cells);
            }
        }
    }
}

/// Where the cells of skins are seen: the frames, and the images that they consist of.
pub(super) type Seen<'a> = (&'a mut ShownFrames, Option<&'a Assets<Image>>);

/// Applies damage to an instance.
pub(super) fn apply(
    damage: &PendingDamage,
    populations: &mut Populations,
    id: InstanceId,
    armor: Option<&NcaArmor>,
    (frames, images): Seen,
) {
    let Some(population) = populations.get_mut(id) else { return };
    let (grid, grown) = (population.grid(), population.reference().clone());
    let Some(instance) = population.instance_mut(id.slot) else { return };
    let fit = damage.space.skin().filter(|fit| fit.uv.is_some());
    let shown = fit.and_then(|fit| frames.get(fit, grid, instance.state.angle, images));
    damage.apply_to(&mut instance.state, grid.map(|side| side as usize), armor, shown.map(|frame| (&**frame, &*grown)));
}
