//! Cells that a wound has killed: where they are in the world, and in which colors.

use bevy::{ecs::system::SystemParam, prelude::*};

use super::vitals::tell;
use crate::{
    rule::{CellMask, pixel},
    sprite::{
        components::InstanceId,
        events::{NcaShed, NcaShedCell},
        populations::Populations,
        spatial::{ShownFrames, SpriteTransforms, art_colors, center},
    },
};

/// Reports killed cells.
#[derive(SystemParam)]
pub(super) struct Shedder<'w, 's> {
    transforms: SpriteTransforms<'w, 's>,
    frames: ResMut<'w, ShownFrames>,
    images: Option<Res<'w, Assets<Image>>>,
}

impl Shedder<'_, '_> {
    /// Reports cells of an instance that lived and are dead now.
    pub(super) fn shed(
        &mut self,
        populations: &Populations,
        id: InstanceId,
        entity: Entity,
        angle: f32,
        (living, dead): (&CellMask, &CellMask),
        commands: &mut Commands,
    ) {
        let Some(population) = populations.get(id) else { return };
        let Some(instance) = population.instance(id.slot) else { return };
        let (Some(transform), Some(z)) = (self.transforms.get(entity), self.transforms.depth(entity)) else {
            warn_once!("cells that {entity} sheds were not reported: it has no Sprite with a Transform");
            return;
        };
        let grid = population.grid();
        let width = grid[0] as usize;
        let map = transform.cells_to_world(grid);
        let pose = instance.state.pose();
        let reference = population.reference();
        let rule = population.model().rule();
        let skin = self.transforms.skin(entity);
        let images = self.images.as_deref();
        // A skin with a UV sheet shows its cells elsewhere.
        let frame = skin.filter(|fit| fit.uv.is_some()).and_then(|fit| self.frames.get(&fit, grid, angle, images));
        let center_of = |cell: usize| match frame {
            Some(frame) => frame.centers().get(cell).copied().flatten(),
            None => Some(center(cell, width).into()),
        };
        let place = |cell: usize| center_of(cell).map(|center| Vec2::from(map.apply(center)));
        let (sum, count) = living.iter().filter_map(place).fold((Vec2::ZERO, 0), |(sum, n), at| (sum + at, n + 1));
        let middle = sum / count.max(1) as f32;
        let art = skin.filter(|fit| fit.is_known()).map(|fit| art_colors(fit, grid, angle, images));
        let color = |cell: usize| -> Option<Color> {
            if let Some(art) = &art {
                return art(center_of(cell)?.into());
            }
            let [x, y] = [cell % width, cell / width];
            let grown = reference.grown_color(x, y, pose);
            let own = || {
                let state = population.state(id.slot)?;
                let [r, g, b, a] = pixel(rule.output, state.cell(x, y)?);
                Some(Color::srgba_u8(r, g, b, a))
            };
            let grown = grown.map(|[r, g, b, a]| Color::srgba(r, g, b, a));
            Some(grown.or_else(own).unwrap_or(Color::WHITE))
        };
        let shows = |cell: &usize| reference.shows(cell % width, cell / width, pose);
        let cells = dead.iter().filter(shows).filter_map(|cell| {
            let position = place(cell)?;
            Some(NcaShedCell { position, direction: (position - middle).normalize_or_zero(), color: color(cell)? })
        });
        let cells: Vec<NcaShedCell> = cells.collect();
        if cells.is_empty() {
            return;
        }
        let [a, b, c, d, ..] = map.0;
        tell(commands, NcaShed { entity, cell_size: Vec2::new(a.hypot(b), c.hypot(d)), z, cells });
    }
}
