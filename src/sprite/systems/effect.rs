//! The effect of damage and healing on the cells of an instance.

use std::{fmt, sync::Arc};

use bevy::prelude::*;

use crate::{
    rule::{CellMask, Shape},
    sprite::{
        components::{InstanceId, NcaArmor},
        events::NcaWound,
        populations::Populations,
        simulation::InstanceState,
        spatial::ShapeSpace,
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
    /// Edits the cells that it reaches.
    fn apply_to(&self, instance: &mut InstanceState, grid: [u32; 2], armor: Option<&NcaArmor>) {
        let from_cells = self.space.cells_to_space(grid);
        let mut none = CellMask::new(grid[0] as usize, grid[1] as usize);
        match &self.effect {
            Effect::Wound(wound) => {
                let cells = wound.cells(none, from_cells, instance.next_wound_key(), armor);
                instance.wound(self.space.reachable(&cells).into_owned(), wound.scars);
            }
            Effect::Heal(shape) => {
                none.add(shape, from_cells);
                instance.heal(self.space.reachable(&none).into_owned());
            }
        }
    }
}

/// Applies damage to an instance.
pub(super) fn apply(damage: &PendingDamage, populations: &mut Populations, id: InstanceId, armor: Option<&NcaArmor>) {
    let Some(population) = populations.get_mut(id) else { return };
    let grid = population.grid();
    if let Some(instance) = population.instance_mut(id.slot) {
        damage.apply_to(&mut instance.state, grid, armor);
    }
}
