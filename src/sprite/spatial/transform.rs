//! The transform from cells to the world.
//!
//! It follows what Bevy draws: the transform, the anchor, the flips, the custom size, and the scaling mode, which may
//! crop the picture.

use std::borrow::Cow;

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow, system::SystemParam},
    math::Affine2,
    prelude::*,
    sprite::{Anchor, SpriteImageMode, SpriteMesh, SpriteScalingMode},
};

use crate::{
    rule::{CellMap, CellMask, Shape},
    sprite::components::{OfSkins, SkinFit},
};

/// The most repetitions of a picture, along each axis, in which a shape is found.
const MOST_TILES: f32 = 8.0;

/// The space of a shape. It finds the cells of the shape once the grid is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ShapeSpace {
    Cells,
    /// The picture, or the art of a skin.
    Uv(Option<SkinFit>),
    /// A picture that repeats.
    Tiles,
    World(SpriteTransform),
}

impl ShapeSpace {
    /// The map from cells to the space of the shape.
    pub(crate) fn cells_to_space(&self, grid: [u32; 2]) -> CellMap {
        match self {
            Self::Cells => CellMap::IDENTITY,
            Self::Uv(_) | Self::Tiles => {
                let (scale, origin) = cells_to_uv(grid, self.skin());
                CellMap(Affine2::from_scale_angle_translation(scale, 0.0, origin).to_cols_array())
            }
            Self::World(transform) => transform.cells_to_world(grid),
        }
    }

    /// Adds the cells in a shape in this space to a mask: those whose centers are inside, and for which `hits` returns true.
    /// It gets a cell's index and the strength of the shape there. In the world, a shape reaches only drawn cells.
    /// `centers` are where the centers are, if the cells of a body are seen elsewhere than on their grid.
    pub(crate) fn add(
        &self,
        mask: &mut CellMask,
        centers: Option<&[Option<[f32; 2]>]>,
        (shape, softness): (&Shape, f32),
        mut hits: impl FnMut(usize, f32) -> bool,
    ) {
        let (width, grid) = (mask.width(), [mask.width() as u32, mask.height() as u32]);
        let map = self.cells_to_space(grid);
        let crop = match self {
            Self::World(transform) => transform.crop(grid),
            Self::Cells | Self::Uv(_) | Self::Tiles => None,
        };
        let is_drawn = |center: Vec2| crop.is_none_or(|crop| crop.contains(center));
        match centers {
            Some(centers) => mask.add_placed(shape, (centers, map), softness, |cell, cover| {
                let center = centers.get(cell).copied().flatten();
                center.is_some_and(|center| is_drawn(center.into())) && hits(cell, cover)
            }),
            None if matches!(self, Self::Tiles) => {
                for shift in tiles_under(shape) {
                    let map =
                        CellMap((Affine2::from_translation(shift) * Affine2::from_cols_array(&map.0)).to_cols_array());
                    mask.add_where(shape, map, softness, &mut hits);
                }
            }
            None => {
                mask.add_where(shape, map, softness, |cell, cover| is_drawn(center(cell, width)) && hits(cell, cover))
            }
        }
    }

    /// The skin through which the cells are seen.
    pub(crate) fn skin(&self) -> Option<&SkinFit> {
        match self {
            Self::Uv(skin) => skin.as_ref(),
            Self::World(transform) => transform.skin.as_ref(),
            Self::Cells | Self::Tiles => None,
        }
    }

    /// Takes how the art of a skin lies over its cells, which is unknown before the model and the art are loaded.
    pub(crate) fn fit(&mut self, now: &SkinFit) {
        if let Self::Uv(Some(fit)) | Self::World(SpriteTransform { skin: Some(fit), .. }) = self {
            // The frame of the moment stays.
            let part = if fit.is_known() { fit.part } else { now.part };
            *fit = SkinFit { part, ..*now };
        }
    }
}

/// The repetitions of a picture that a shape in texture coordinates may touch, as shifts of the first. A larger shape than
/// [`MOST_TILES`] reaches only those around its center.
fn tiles_under(shape: &Shape) -> impl Iterator<Item = Vec2> {
    let (min, max) = shape.bounds();
    let (min, max) = (Vec2::from(min), Vec2::from(max));
    let first = min.max((min + max) / 2.0 - MOST_TILES / 2.0).floor();
    let last = max.min(first + MOST_TILES).floor();
    let steps = move |axis: usize| 0..=(last[axis] - first[axis]) as u32;
    steps(1).flat_map(move |y| steps(0).map(move |x| first + UVec2::new(x, y).as_vec2()))
}

/// The map from cells to the picture, or to the art of a skin, 0 to 1: a scale, and the place of the grid's corner.
fn cells_to_uv(grid: [u32; 2], skin: Option<&SkinFit>) -> (Vec2, Vec2) {
    match skin {
        Some(skin) => skin.cells_to_art(),
        None => (1.0 / UVec2::from_array(grid).as_vec2(), Vec2::ZERO),
    }
}

/// Where a sprite is in the world, and how Bevy draws it there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpriteTransform {
    to_world: Affine2,
    custom_size: Option<Vec2>,
    scaling: Option<SpriteScalingMode>,
    /// Bevy fits the picture of a `SpriteMesh` into its size differently from that of a `Sprite`.
    is_mesh: bool,
    anchor: Vec2,
    flip_x: bool,
    flip_y: bool,
    /// The picture is the art of a skin instead of the cells.
    skin: Option<SkinFit>,
}

/// The rectangle that Bevy draws, in the space of the sprite, and the part of the picture on it.
struct Quad {
    /// The lower left corner.
    corner: Vec2,
    size: Vec2,
    /// The texture coordinates of that corner, 0 to 1 and y down.
    first: Vec2,
    /// The texture coordinates of the opposite corner, minus `first`.
    across: Vec2,
}

/// The two dimensions of a transform in which sprites lie.
fn flat(world: &GlobalTransform) -> Affine2 {
    let world = world.affine();
    let [x, y, translation] = [world.matrix3.x_axis, world.matrix3.y_axis, world.translation].map(Vec3A::truncate);
    Affine2::from_cols(x, y, translation)
}

impl SpriteTransform {
    /// The transform of a sprite, which shows the art of a skin if it has one.
    pub(crate) fn of_sprite(sprite: &Sprite, anchor: &Anchor, skin: Option<&SkinFit>, world: &GlobalTransform) -> Self {
        Self {
            to_world: flat(world),
            custom_size: sprite.custom_size,
            scaling: sprite.image_mode.scale(),
            is_mesh: false,
            anchor: anchor.as_vec(),
            flip_x: sprite.flip_x,
            flip_y: sprite.flip_y,
            skin: skin.copied(),
        }
    }

    pub(crate) fn cells_to_world(&self, grid: [u32; 2]) -> CellMap {
        CellMap((self.to_world * self.cells_to_sprite(grid)).to_cols_array())
    }

    /// The map from cells to the space of the sprite, which is that of its children.
    pub(crate) fn cells_to_sprite(&self, grid: [u32; 2]) -> Affine2 {
        let Quad { corner, size, first, across } = self.quad(grid);
        let (scale, origin) = cells_to_uv(grid, self.skin.as_ref());
        let to_sprite = size / across;
        Affine2::from_scale_angle_translation(scale * to_sprite, 0.0, corner + (origin - first) * to_sprite)
    }

    /// The map from cells to the space of the sprite's body in a physics engine without mirrored bodies. Such an engine
    /// uses the absolute value of each scale, and the rotation that remains if only x may be mirrored.
    #[cfg(feature = "avian2d")]
    pub(crate) fn cells_to_body(&self, grid: [u32; 2]) -> Affine2 {
        let mirror = Vec2::new(self.to_world.matrix2.determinant().signum(), 1.0);
        Affine2::from_scale(mirror) * self.cells_to_sprite(grid)
    }

    /// What `bevy_sprite_render` draws of a picture with one pixel per cell, or of the art of a skin.
    fn quad(&self, grid: [u32; 2]) -> Quad {
        use SpriteScalingMode::{FillCenter, FillEnd, FillStart, FitCenter, FitEnd, FitStart};
        let cells = self.skin.map_or(UVec2::from_array(grid).as_vec2(), |skin| skin.part.size());
        let mut size = self.custom_size.unwrap_or(cells);
        let (mut first, mut across) = (Vec2::new(0.0, 1.0), Vec2::new(1.0, -1.0));
        for axis in [(0, self.flip_x), (1, self.flip_y)].into_iter().filter_map(|(axis, flip)| flip.then_some(axis)) {
            first[axis] += across[axis];
            across[axis] = -across[axis];
        }
        let (mut shift, mut mesh_shift) = (Vec2::ZERO, Vec2::ZERO);
        if let Some(mode) = self.scaling {
            // The aspect of the rectangle relative to that of the picture.
            let wider = (size.x / size.y) / (cells.x / cells.y);
            match mode {
                FillCenter | FillStart | FillEnd => {
                    let (axis, share) = if wider > 1.0 { (1, 1.0 / wider) } else { (0, wider) };
                    let cut = across[axis] * (1.0 - share);
                    first[axis] += match (mode, axis) {
                        (FillCenter, _) => cut / 2.0,
                        // The upper end of the picture is at the end of the quad's y axis.
                        (FillStart, 1) | (FillEnd, 0) => cut,
                        _ => 0.0,
                    };
                    across[axis] *= share;
                }
                FitCenter | FitStart | FitEnd => {
                    let (axis, share) = if wider < 1.0 { (1, wider) } else { (0, 1.0 / wider) };
                    let left = size[axis] * (1.0 - share);
                    shift[axis] = match (mode, axis) {
                        (FitStart, 0) | (FitEnd, 1) => left,
                        (FitStart, 1) | (FitEnd, 0) => -left,
                        _ => 0.0,
                    };
                    // A mesh starts at the left and at the bottom.
                    mesh_shift[axis] = match mode {
                        FitStart => -left / 2.0,
                        FitEnd => left / 2.0,
                        _ => 0.0,
                    };
                    size[axis] *= share;
                }
            }
        }
        let corner = match self.is_mesh {
            false => (size + shift) * (-self.anchor - 0.5),
            true => size * (-self.anchor - 0.5) + mesh_shift,
        };
        Quad { corner, size, first, across }
    }

    /// The drawn part of the picture, in cells. Art that is not cropped is drawn wherever there are cells.
    pub(crate) fn part(&self, grid: [u32; 2]) -> Rect {
        let Quad { first, across, .. } = self.quad(grid);
        let whole = Rect { min: Vec2::ZERO, max: UVec2::from_array(grid).as_vec2() };
        let (scale, origin) = cells_to_uv(grid, self.skin.as_ref());
        let part = Rect::from_corners((first - origin) / scale, (first + across - origin) / scale);
        match self.skin {
            Some(_) if across.abs() == Vec2::ONE => whole,
            Some(_) => part.intersect(whole),
            None => part,
        }
    }

    /// The drawn cells among `cells`.
    pub(crate) fn drawn<'a>(&self, cells: &'a CellMask) -> Cow<'a, CellMask> {
        let (width, height) = (cells.width(), cells.height());
        let Some(crop) = self.crop([width as u32, height as u32]) else { return Cow::Borrowed(cells) };
        let is_drawn = |cell: usize| crop.contains(center(cell, width));
        Cow::Owned(CellMask::from_fn(width, height, |&cell| cells.contains(cell) && is_drawn(cell)))
    }

    /// The drawn part of the picture, in cells. `None` if all of it is drawn.
    fn crop(&self, grid: [u32; 2]) -> Option<Rect> {
        let Rect { min, max } = self.part(grid);
        // Rounding keeps an uncropped picture whole.
        let [min, max] = [min, max].map(|corner| (corner * 1024.0).round() / 1024.0);
        let is_whole = min.cmple(Vec2::ZERO).all() && max.cmpge(UVec2::from_array(grid).as_vec2()).all();
        (!is_whole).then_some(Rect { min, max })
    }

    /// Whether a point, in cells, is drawn.
    pub(crate) fn draws(&self, grid: [u32; 2], point: Vec2) -> bool {
        let part = self.part(grid);
        point.cmpge(part.min).all() && point.cmplt(part.max).all()
    }

    /// The bounding box of what is drawn, in the world.
    pub(crate) fn bounds(&self, grid: [u32; 2]) -> Rect {
        self.bounds_of(self.part(grid), grid)
    }

    /// The bounding box of a rectangle of cells, in the world.
    pub(crate) fn bounds_of(&self, Rect { min, max }: Rect, grid: [u32; 2]) -> Rect {
        let map = self.cells_to_world(grid);
        let corners = [[min.x, min.y], [max.x, min.y], [min.x, max.y], [max.x, max.y]];
        let corners = corners.map(|corner| Vec2::from(map.apply(corner)));
        corners.into_iter().fold(Rect::EMPTY, |bounds, corner| bounds.union_point(corner))
    }
}

/// The center of a cell.
pub(crate) fn center(cell: usize, width: usize) -> Vec2 {
    Vec2::new((cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5)
}

type AnySprite = AnyOf<(&'static Sprite, &'static SpriteMesh)>;

/// Finds the transforms of sprites, disabled or not. It uses the current `Transform`s, not the last propagated ones.
#[derive(SystemParam)]
pub(crate) struct SpriteTransforms<'w, 's> {
    transforms: Query<'w, 's, (&'static Transform, Option<&'static ChildOf>), Allow<Disabled>>,
    sprites: Query<'w, 's, (AnySprite, &'static Anchor, Option<&'static SkinFit>), Allow<Disabled>>,
    skins: Query<'w, 's, &'static SkinFit, OfSkins>,
}

impl SpriteTransforms<'_, '_> {
    /// `None` if the entity has no sprite, or an ancestor has no transform.
    pub(crate) fn get(&self, entity: Entity) -> Option<SpriteTransform> {
        let ((sprite, mesh), anchor, skin) = self.sprites.get(entity).ok()?;
        // If an entity has both, use the `Sprite`.
        let world = self.global_transform(entity)?;
        let transform = match (sprite, mesh) {
            (Some(sprite), _) => SpriteTransform::of_sprite(sprite, anchor, skin, &world),
            (None, Some(mesh)) => SpriteTransform {
                custom_size: mesh.custom_size,
                scaling: mesh.image_mode.scale(),
                is_mesh: true,
                anchor: anchor.as_vec(),
                flip_x: mesh.flip_x,
                flip_y: mesh.flip_y,
                skin: None,
                to_world: flat(&world),
            },
            (None, None) => return None,
        };
        let mode = sprite.map(|sprite| &sprite.image_mode).or(mesh.map(|mesh| &mesh.image_mode));
        if mode.is_some_and(SpriteImageMode::uses_slices) {
            warn_once!(
                "{entity} has an NcaTexture and a sprite that is sliced or tiled: wounds, probes and colliders treat \
                 its picture as stretched"
            );
        }
        Some(transform)
    }

    /// How the art of an entity lies over its cells. `None` without a skin.
    pub(crate) fn skin(&self, entity: Entity) -> Option<SkinFit> {
        self.skins.get(entity).ok().copied()
    }

    /// The z of an entity in the world.
    pub(crate) fn depth(&self, entity: Entity) -> Option<f32> {
        Some(self.global_transform(entity)?.translation().z)
    }

    fn global_transform(&self, entity: Entity) -> Option<GlobalTransform> {
        let (transform, mut parent) = self.transforms.get(entity).ok()?;
        let mut global = GlobalTransform::from(*transform);
        while let Some(ChildOf(ancestor)) = parent {
            let (transform, next) = self.transforms.get(*ancestor).ok()?;
            (global, parent) = (*transform * global, next);
        }
        Some(global)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform(scaling: SpriteScalingMode, size: Vec2) -> SpriteTransform {
        SpriteTransform {
            to_world: Affine2::IDENTITY,
            custom_size: Some(size),
            scaling: Some(scaling),
            is_mesh: false,
            anchor: Vec2::ZERO,
            flip_x: false,
            flip_y: false,
            skin: None,
        }
    }

    fn corners(transform: &SpriteTransform, grid: [u32; 2]) -> [Vec2; 2] {
        let map = transform.cells_to_world(grid);
        [[0.0, 0.0], grid.map(|side| side as f32)].map(|corner| Vec2::from(map.apply(corner)))
    }

    /// A picture of 20 x 10 on a square of 100, and on one of 100 x 20.
    #[test]
    fn the_scaling_mode_is_that_of_the_renderer() {
        use SpriteScalingMode::*;
        let (square, wide) = (Vec2::splat(100.0), Vec2::new(100.0, 20.0));
        for (mode, size, upper_left, lower_right) in [
            (FitCenter, square, (-50.0, 25.0), (50.0, -25.0)),
            (FitStart, square, (-50.0, 50.0), (50.0, 0.0)),
            (FitEnd, square, (-50.0, 0.0), (50.0, -50.0)),
            (FitCenter, wide, (-20.0, 10.0), (20.0, -10.0)),
            (FitStart, wide, (-50.0, 10.0), (-10.0, -10.0)),
            (FitEnd, wide, (10.0, 10.0), (50.0, -10.0)),
            (FillCenter, square, (-100.0, 50.0), (100.0, -50.0)),
            (FillStart, square, (-50.0, 50.0), (150.0, -50.0)),
            (FillEnd, square, (-150.0, 50.0), (50.0, -50.0)),
            (FillCenter, wide, (-50.0, 25.0), (50.0, -25.0)),
            (FillStart, wide, (-50.0, 10.0), (50.0, -40.0)),
            (FillEnd, wide, (-50.0, 40.0), (50.0, -10.0)),
        ] {
            let transform = transform(mode, size);
            let is_upright = size.x == size.y && matches!(mode, FitStart | FitEnd);
            // On a mesh, the vertical start and end are swapped.
            let mesh = SpriteTransform { is_mesh: true, ..transform };
            let sign = if is_upright { -1.0 } else { 1.0 };
            let [a, b] = corners(&mesh, [20, 10]);
            let height = (a.y.min(b.y) * sign).min(a.y.max(b.y) * sign);
            assert!((height - Vec2::from(upper_left).y.min(Vec2::from(lower_right).y)).abs() < 1e-3, "{mode:?}");
            let expected = [Vec2::from(upper_left), Vec2::from(lower_right)];
            let found = corners(&transform, [20, 10]);
            assert!(found.iter().zip(expected).all(|(a, b)| a.distance(b) < 1e-3), "{mode:?} {size}: {found:?}");
            // The drawn part is the intersection of the picture and the rectangle.
            let bounds = transform.bounds([20, 10]);
            let rect = Rect::from_center_size(Vec2::ZERO, size).intersect(Rect::from_corners(expected[0], expected[1]));
            assert!(bounds.min.distance(rect.min) + bounds.max.distance(rect.max) < 1e-3, "{mode:?}: {bounds:?}");
            let all = CellMask::full(20, 10);
            let share = rect.size().element_product() / (expected[1] - expected[0]).abs().element_product();
            let drawn = transform.drawn(&all).iter().count() as f32 / 200.0;
            assert!((drawn - share).abs() < 1e-3, "{mode:?} {size}: {drawn}, {share}");
        }
    }

    #[test]
    fn without_a_size_there_is_no_inverse() {
        for scaling in [None, Some(SpriteScalingMode::FitCenter), Some(SpriteScalingMode::FillStart)] {
            let transform = SpriteTransform { scaling, ..transform(SpriteScalingMode::FitEnd, Vec2::ZERO) };
            assert!(transform.cells_to_world([4, 4]).inverse().is_none());
            assert!(transform.bounds([4, 4]).intersect(Rect::new(-9.0, -9.0, 9.0, 9.0)).is_empty());
        }
    }
}
