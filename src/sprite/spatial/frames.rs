//! The cells that a frame of a skin shows, and where it shows them.

use std::sync::Arc;

use bevy::{asset::AssetId, platform::collections::HashMap, prelude::*};

use super::art::SeenArt;
#[cfg(feature = "avian2d")]
use crate::rule::CellMask;
use crate::sprite::{components::SkinFit, sets::NcaSystems};

/// Remembers the frames of skins.
pub(crate) struct FramesPlugin;

impl Plugin for FramesPlugin {
    fn build(&self, app: &mut App) {
        // Events of the last frame.
        app.init_resource::<ShownFrames>().add_systems(First, forget_changed.in_set(NcaSystems::Receive));
    }
}

/// Frames of skins that have been looked at.
#[derive(Resource, Default)]
pub(crate) struct ShownFrames(HashMap<Frame, Arc<ShownFrame>>);

/// A frame of art on a grid.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Frame {
    art: AssetId<Image>,
    uv: Option<AssetId<Image>>,
    grid: [u32; 2],
    /// The bits of its rectangles, and of its angle.
    place: [u32; 13],
}

/// Whether a cell of the body is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Seen,
    /// Beside what is seen, where the art is transparent.
    Edge,
    Hidden,
}

/// What a frame shows of the body.
#[derive(Debug)]
pub(crate) struct ShownFrame {
    /// Cells of the grid, and cells of the body that are seen there.
    #[cfg(feature = "avian2d")]
    seen: Vec<[u32; 2]>,
    /// Where the center of each cell of the body is, in cells of the grid.
    centers: Vec<Option<[f32; 2]>>,
    places: Vec<Place>,
}

impl ShownFrames {
    /// The maximum number of frames that are remembered.
    const MOST: usize = 1024;

    /// The frame that a skin shows on a grid of cells. `None` if its art cannot be read.
    pub(crate) fn get(
        &mut self,
        fit: &SkinFit,
        grid: [u32; 2],
        angle: f32,
        images: Option<&Assets<Image>>,
    ) -> Option<&Arc<ShownFrame>> {
        let is_loaded =
            |images: &&Assets<Image>| images.contains(fit.art) && fit.uv.is_none_or(|uv| images.contains(uv));
        let images = images.filter(is_loaded)?;
        let rects = [fit.region, fit.where_it_stands().frame, fit.part]
            .map(|rect| [rect.min.x, rect.min.y, rect.max.x, rect.max.y]);
        let mut values = rects.into_iter().flatten().chain([angle]);
        let place = std::array::from_fn(|_| values.next().unwrap_or_default().to_bits());
        let frame = Frame { art: fit.art, uv: fit.uv, grid, place };
        if self.0.len() >= Self::MOST && !self.0.contains_key(&frame) {
            // Colliders use the others.
            self.0.retain(|_, shown| Arc::strong_count(shown) > 1);
        }
        let shown = || Arc::new(ShownFrame::new(&SeenArt::new(*fit, grid, angle, Some(images)), grid));
        Some(self.0.entry(frame).or_insert_with(shown))
    }
}

/// Forgets the frames of images that have changed.
fn forget_changed(mut frames: ResMut<ShownFrames>, changes: Option<MessageReader<AssetEvent<Image>>>) {
    let Some(mut changes) = changes else { return };
    let changed = changes.read().filter_map(|change| match change {
        // An image that was removed and inserted again is added.
        AssetEvent::Added { id } | AssetEvent::Modified { id } | AssetEvent::Removed { id } => Some(*id),
        _ => None,
    });
    for id in changed {
        frames.0.retain(|frame, _| frame.art != id && frame.uv != Some(id));
    }
}

impl ShownFrame {
    /// How many cells the body reaches beyond what is seen of it: a wound that cuts an edge takes them too.
    const RIM: usize = 3;

    fn new(art: &SeenArt, grid: [u32; 2]) -> Self {
        let width = grid[0] as usize;
        #[cfg(feature = "avian2d")]
        let mut seen: Vec<[u32; 2]> = Vec::new();
        #[cfg(feature = "avian2d")]
        let see = |cell: u32, of: u32| {
            if !seen.iter().rev().take_while(|[at, _]| *at == cell).any(|[_, known]| *known == of) {
                seen.push([cell, of]);
            }
        };
        #[cfg(not(feature = "avian2d"))]
        let see = |_, _| {};
        let seen_centers = look(art, grid, see);
        // Without a UV sheet, the centers of cells are where they are.
        let seen_centers = if art.is_laid_out() { seen_centers } else { Vec::new() };
        let mut centers = with_rim(&seen_centers, width);
        let place = |cell: usize| {
            let own = Vec2::new((cell % width) as f32, (cell / width) as f32) + 0.5;
            match (seen_centers[cell], centers[cell].map(|center| art.body_under(center))) {
                (Some(_), _) => Place::Seen,
                // Between cells that the pixels of the UV sheet name.
                (None, Some(Some(found))) if found.distance(own) < 1.5 => Place::Seen,
                (None, Some(None)) => Place::Edge,
                _ => Place::Hidden,
            }
        };
        let places = (0..seen_centers.len()).map(place).collect();
        for _ in 1..Self::RIM {
            centers = with_rim(&centers, width);
        }
        Self {
            #[cfg(feature = "avian2d")]
            seen,
            centers: centers.into_iter().map(|center| center.map(Vec2::into)).collect(),
            places,
        }
    }

    /// Where the centers of the cells of the body are, in cells of the grid: where they are seen, and a little beyond. `None`
    /// far from what is seen.
    pub(crate) fn centers(&self) -> &[Option<[f32; 2]>] {
        &self.centers
    }

    /// Whether a cell is seen.
    pub(crate) fn sees(&self, cell: usize) -> bool {
        self.places.get(cell) == Some(&Place::Seen)
    }

    /// The number of cells that are seen.
    pub(crate) fn seen_cells(&self) -> usize {
        self.places.iter().filter(|place| **place == Place::Seen).count()
    }

    /// Whether a cell is neither seen nor at the edge of what is.
    pub(crate) fn hides(&self, cell: usize) -> bool {
        self.places.get(cell) == Some(&Place::Hidden)
    }

    /// The cells of the grid on which living cells of the body are seen.
    #[cfg(feature = "avian2d")]
    pub(super) fn solid(&self, alive: &CellMask) -> CellMask {
        let mut solid = CellMask::new(alive.width(), alive.height());
        for [cell, _] in self.seen.iter().filter(|[_, of]| alive.contains(*of as usize)) {
            solid.insert(*cell as usize);
        }
        solid
    }
}

/// Looks at some points of each cell. Tells `see` which cell of the body is seen at which cell of the grid, and returns where
/// the center of each cell of the body is seen, in cells of the grid.
fn look(art: &SeenArt, grid: [u32; 2], mut see: impl FnMut(u32, u32)) -> Vec<Option<Vec2>> {
    /// Points per cell and axis.
    const POINTS: u32 = 3;

    let [width, height] = grid;
    // The point that is seen nearest to the center: how far it is, and where.
    let mut nearest: Vec<Option<(f32, Vec2)>> = vec![None; (width * height) as usize];
    for cell in 0..width * height {
        let corner = UVec2::new(cell % width, cell / width).as_vec2();
        for index in 0..POINTS * POINTS {
            let offset = UVec2::new(index % POINTS, index / POINTS).as_vec2() + 0.5;
            let point = corner + offset / POINTS as f32;
            let Some(on_body) = art.body_under(point) else { continue };
            let of = on_body.y as u32 * width + on_body.x as u32;
            see(cell, of);
            let off = on_body.fract() - 0.5;
            let found = &mut nearest[of as usize];
            if found.is_none_or(|(least, _)| off.length_squared() < least) {
                *found = Some((off.length_squared(), point - off));
            }
        }
    }
    nearest.into_iter().map(|found| found.map(|(_, center)| center)).collect()
}

/// The centers of cells, and of those beside them: the body goes on as it does there.
fn with_rim(centers: &[Option<Vec2>], width: usize) -> Vec<Option<Vec2>> {
    let at = |x: isize, y: isize| {
        let inside = (0..width as isize).contains(&x) && y >= 0;
        inside.then(|| centers.get(y as usize * width + x as usize).copied().flatten()).flatten()
    };
    let beside = |cell: usize| {
        let (x, y) = ((cell % width) as isize, (cell / width) as isize);
        let (mut sum, mut weight) = (Vec2::ZERO, 0.0);
        for (right, down) in (-1..=1).flat_map(|down| (-1..=1).map(move |right| (right, down))) {
            let Some(neighbor) = at(x + right, y + down) else { continue };
            let own = Vec2::new(-right as f32, -down as f32);
            // A longer step leads to another part.
            let step = at(x + 2 * right, y + 2 * down).map(|next| neighbor - next);
            let step = step.filter(|step| step.length() < 1.5 * own.length()).unwrap_or(own);
            // The first part that is found, not a place between two of them.
            if weight == 0.0 || (sum / weight).distance(neighbor + step) < 1.5 {
                (sum, weight) = (sum + neighbor + step, weight + 1.0);
            }
        }
        (weight > 0.0).then(|| sum / weight)
    };
    centers.iter().enumerate().map(|(cell, center)| center.or_else(|| beside(cell))).collect()
}
