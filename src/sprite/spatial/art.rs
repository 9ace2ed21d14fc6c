//! What is seen of a skin in this frame.
//!
//! The living cells of a skin are those under the art of some frame. Pointers, probes, colliders and wounds go by the
//! present one. A skin with a UV sheet shows its cells elsewhere than on their grid.

use bevy::{ecs::system::SystemParam, math::Affine2, prelude::*};

use crate::{
    rule::{CellMask, rotation},
    sprite::components::{NcaTexture, OfSkins, SkinFit},
};

/// The alpha from which art is visible: that of Bevy's picking of sprites.
const VISIBLE: f32 = 0.1;
/// The alpha from which a pixel of a UV sheet says where on the body it lies.
const LIES_ELSEWHERE: f32 = 0.5;

/// The art that skins show in this frame.
#[derive(SystemParam)]
pub(super) struct ShownArt<'w, 's> {
    skins: Query<'w, 's, (&'static SkinFit, &'static NcaTexture), OfSkins>,
    images: Option<Res<'w, Assets<Image>>>,
}

impl ShownArt<'_, '_> {
    /// The art of an entity over its grid. `None` without a skin, and until its art is loaded.
    pub(super) fn get(&self, entity: Entity, grid: [u32; 2]) -> Option<SeenArt<'_>> {
        // A server does not load images: nothing is known of what is seen.
        let (fit, texture) = self.skins.get(entity).ok().filter(|(fit, _)| fit.is_known())?;
        Some(SeenArt::new(*fit, grid, texture.angle, self.images.as_deref()))
    }

    /// Whether one of these living cells of an entity is seen at a point of its grid.
    pub(super) fn lives_at(&self, entity: Entity, cells: &CellMask, point: Vec2) -> bool {
        let seen = match self.get(entity, [cells.width() as u32, cells.height() as u32]) {
            Some(art) => art.cell_at(point),
            None => Some(point).filter(|point| point.cmpge(Vec2::ZERO).all()).map(|point| point.as_uvec2()),
        };
        seen.is_some_and(|cell| contains(cells, cell))
    }
}

/// The art of a skin over its grid.
pub(super) struct SeenArt<'a> {
    /// `None` if it cannot be read: all of it is visible then.
    image: Option<&'a Image>,
    uv: Option<&'a Image>,
    is_opaque: bool,
    part: Rect,
    grid: Vec2,
    /// From the cells of the grid to the art, 0 to 1, and back.
    to_art: Affine2,
    to_cells: Affine2,
}

impl<'a> SeenArt<'a> {
    pub(super) fn new(fit: SkinFit, grid: [u32; 2], angle: f32, images: Option<&'a Assets<Image>>) -> Self {
        let middle = (UVec2::from_array(grid) / 2).as_vec2() + 0.5;
        let (cos, sin) = rotation(angle);
        let turned = Mat2::from_cols(Vec2::new(cos, sin), Vec2::new(-sin, cos));
        let upright = Affine2::from_mat2_translation(turned, middle - turned * middle);
        let (scale, origin) = fit.where_it_stands().cells_to_art();
        let to_art = Affine2::from_scale_angle_translation(scale, 0.0, origin) * upright;
        Self {
            image: images.and_then(|images| images.get(fit.art)),
            is_opaque: fit.is_opaque,
            uv: fit.uv.and_then(|uv| images?.get(uv)),
            part: fit.part,
            grid: UVec2::from_array(grid).as_vec2(),
            to_art,
            to_cells: to_art.inverse(),
        }
    }

    /// From the cells of the grid to the pixels of the art.
    pub(super) fn to_pixels(&self) -> Affine2 {
        Affine2::from_scale(self.size()) * self.to_art
    }

    /// The point of the grid, in cells, at a place in the art, 0 to 1.
    #[cfg(all(feature = "picking", feature = "pbr"))]
    pub(super) fn point_at(&self, place: Vec2) -> Vec2 {
        self.to_cells.transform_point2(place)
    }

    /// Whether cells are seen elsewhere than on their grid.
    pub(super) fn is_laid_out(&self) -> bool {
        self.uv.is_some()
    }

    /// Width and height of the art, in pixels.
    pub(super) fn size(&self) -> Vec2 {
        self.part.size()
    }

    /// The cell of the body that is seen at a point of the grid, in cells. `None` if the art is transparent there.
    pub(super) fn cell_at(&self, point: Vec2) -> Option<UVec2> {
        self.body_under(point).map(|point| point.as_uvec2())
    }

    /// The point of the body, in cells, that is seen at a point of the grid. `None` if the art is transparent there.
    pub(super) fn body_under(&self, point: Vec2) -> Option<Vec2> {
        let (place, pixel) = self.pixel_under(point)?;
        if let Some(image) = self.image.filter(|_| !self.is_opaque) {
            let at = pixel.as_uvec2();
            if image.get_color_at(at.x, at.y).is_ok_and(|color| color.alpha() <= VISIBLE) {
                return None;
            }
        }
        let point = self.to_cells.transform_point2(self.on_body(pixel).unwrap_or(place));
        (point.cmpge(Vec2::ZERO).all() && point.cmplt(self.grid).all()).then_some(point)
    }

    /// The place in the art, 0 to 1, at a point of the grid, and its pixel of the image. `None` beside the art.
    fn pixel_under(&self, point: Vec2) -> Option<(Vec2, Vec2)> {
        let place = self.to_art.transform_point2(point);
        let is_inside = place.cmpge(Vec2::ZERO).all() && place.cmplt(Vec2::ONE).all();
        is_inside.then(|| (place, self.part.min + place * self.part.size()))
    }

    /// The color of the art at a point of the grid. `None` if it is transparent there, and white if it cannot be read.
    fn color_at(&self, point: Vec2) -> Option<Color> {
        let at = self.pixel_under(point)?.1.as_uvec2();
        let color = self.image.and_then(|image| image.get_color_at(at.x, at.y).ok()).unwrap_or(Color::WHITE);
        (self.is_opaque || color.alpha() > VISIBLE).then_some(color)
    }

    /// The place in the art at which a pixel of the image lies on the body. `None` if it lies where it is.
    fn on_body(&self, pixel: Vec2) -> Option<Vec2> {
        let (image, uv) = self.image.zip(self.uv)?;
        let at = (pixel / image.size_f32() * uv.size_f32()).as_uvec2();
        let color = uv.get_color_at(at.x, at.y).ok().filter(|color| color.alpha() >= LIES_ELSEWHERE)?;
        // The bytes of the image, whatever it says that they are.
        let is_srgb = uv.texture_descriptor.format.is_srgb();
        let place = if is_srgb { color.to_srgba().to_vec4() } else { color.to_linear().to_vec4() };
        Some(place.truncate().truncate())
    }
}

/// The colors that a skin shows at points of the grid, in cells. `None` where its art is transparent.
pub(crate) fn art_colors(
    fit: SkinFit,
    grid: [u32; 2],
    angle: f32,
    images: Option<&Assets<Image>>,
) -> impl Fn(Vec2) -> Option<Color> {
    let art = SeenArt::new(fit, grid, angle, images);
    move |point| art.color_at(point)
}

/// Whether a mask contains a cell.
pub(super) fn contains(cells: &CellMask, cell: UVec2) -> bool {
    (cell.x as usize) < cells.width() && cells.contains(cell.y as usize * cells.width() + cell.x as usize)
}
