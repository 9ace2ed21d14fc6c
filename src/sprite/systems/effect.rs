//! The effect of damage, healing and paint on the cells of an instance.

use std::{fmt, sync::Arc};

use bevy::prelude::*;

use crate::{
    rule::{CellMask, Reference, Shape, printable},
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
    /// The cells that the brush would kill are painted.
    Paint {
        brush: NcaWound,
        erases: bool,
    },
}

impl Effect {
    /// Whether it is valid. Warns, once, if it is not.
    pub(super) fn is_valid(&self) -> bool {
        let valid = match self {
            Self::Wound(wound) => wound.is_valid(),
            Self::Heal(shape) => shape.is_valid(),
            Self::Paint { brush, .. } => brush.is_valid(),
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
            Self::Paint { .. } => "paint",
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
        let (shape, softness) = match &self.effect {
            Effect::Wound(wound) => (&wound.shape, wound.softness),
            Effect::Heal(shape) => (shape, 0.0),
            Effect::Paint { brush, .. } => (&brush.shape, brush.softness),
        };
        let pose = instance.pose();
        let reach = |hits: &dyn Fn(usize, f32) -> bool| {
            let mut cells = CellMask::new(width, height);
            let Some((frame, grown)) = shown else {
                self.space.add(&mut cells, None, (shape, softness), hits);
                return cells;
            };
            // What is not seen is not hit, unless no frame shows it: it is the rim of what is.
            let is_open = |cell: usize| !frame.hides(cell) || !grown.shows(cell % width, cell / width, pose);
            let all = frame.seen_cells();
            let mut seen = all;
            self.space.add(&mut cells, Some(frame.centers()), (shape, softness), |cell, cover| {
                seen -= usize::from(frame.sees(cell));
                is_open(cell) && hits(cell, cover)
            });
            // Nothing hides from a shape that covers all that is seen.
            if seen == 0 && all > 0 {
                (0..width * height)
                    .filter(|cell| !frame.sees(*cell) && hits(*cell, 1.0))
                    .for_each(|cell| cells.insert(cell));
            }
            cells
        };
        match &self.effect {
            Effect::Wound(wound) => {
                let cells = reach(&wound.kills(width, instance.next_wound_key(), armor));
                instance.wound(cells, wound.scars);
            }
            Effect::Heal(_) => instance.heal(reach(&|_, _| true)),
            Effect::Paint { brush, erases } => {
                let cells = reach(&brush.kills(width, instance.next_wound_key(), None));
                instance.paint(cells, !erases);
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
    let model = population.model();
    if matches!(damage.effect, Effect::Paint { .. }) && model.overgrowth().is_none() {
        warn_once!("{damage} was ignored: the model `{}` has no overgrowth", printable(&model.rule().name));
        return;
    }
    let (grid, grown) = (population.grid(), population.reference().clone());
    let Some(instance) = population.instance_mut(id.slot) else { return };
    let fit = damage.space.skin().filter(|fit| fit.uv.is_some());
    let shown = fit.and_then(|fit| frames.get(fit, grid, instance.state.angle, images));
    damage.apply_to(&mut instance.state, grid.map(|side| side as usize), armor, shown.map(|frame| (&**frame, &*grown)));
}
