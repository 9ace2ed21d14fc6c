//! The shape and effect of a wound.

use bevy::prelude::*;

use crate::{
    rule::{CellMap, CellMask, FireRate, Shape, Stencil},
    sprite::components::NcaArmor,
};

/// A wound: which cells it reaches, and how likely it kills them.
#[derive(Clone, Debug, PartialEq)]
pub struct NcaWound {
    /// Where.
    pub shape: Shape,
    /// The probability that a cell in it is killed, 0 to 1; default 1, all of them. Acid or fire eats
    /// slowly with a little of it each frame.
    pub strength: f32,
    /// How wide an edge the probability fades out in, in units of the shape; default 0.
    pub softness: f32,
    /// Whether what it kills never grows back, unless an [`NcaHeal`](super::NcaHeal) comes; default false.
    pub scars: bool,
}

impl From<Shape> for NcaWound {
    fn from(shape: Shape) -> Self {
        Self { shape, strength: 1.0, softness: 0.0, scars: false }
    }
}

impl NcaWound {
    /// A disc.
    pub fn circle(center: Vec2, radius: f32) -> Self {
        Shape::circle(center.x, center.y, radius).into()
    }

    /// A rectangle along the axes.
    pub fn rect(rect: Rect) -> Self {
        Shape::rect(rect.min.x, rect.min.y, rect.max.x, rect.max.y).into()
    }

    /// A rectangle turned by an angle in radians, counter-clockwise in the world.
    pub fn rotated_rect(center: Vec2, size: Vec2, angle: f32) -> Self {
        Shape::rotated_rect(center.into(), size.into(), angle).into()
    }

    /// All that is nearer than `radius` to a segment: a cut, a laser, a bullet's way within a frame.
    pub fn capsule(from: Vec2, to: Vec2, radius: f32) -> Self {
        Shape::capsule(from.into(), to.into(), radius).into()
    }

    /// A convex polygon, its corners in order.
    pub fn polygon(corners: impl IntoIterator<Item = Vec2>) -> Self {
        Shape::polygon(corners.into_iter().map(Vec2::into).collect::<Vec<[f32; 2]>>()).into()
    }

    /// A picture laid over the world, upright, then turned by an angle in radians: the more opaque a
    /// pixel, the likelier it kills. (In cells, where y grows downwards, it lies upside down; there, give
    /// a height below zero.) `None` if the image's pixels are not at hand or not of a format
    /// that [`Image::get_color_at`] knows.
    pub fn stencil(image: &Image, center: Vec2, size: Vec2, angle: f32) -> Option<Self> {
        let UVec2 { x: width, y: height } = image.size();
        let pixel = |index: u32| Some((image.get_color_at(index % width, index / width).ok()?.alpha() * 255.0) as u8);
        let pixels = (0..width * height).map(pixel).collect::<Option<Vec<u8>>>()?;
        let size = [size.x, -size.y];
        let stencil = Stencil { center: center.into(), size, angle, width: width as usize, pixels };
        Some(Shape::Stencil(stencil).into())
    }

    /// With a probability to kill, 0 to 1.
    pub fn with_strength(self, strength: f32) -> Self {
        Self { strength, ..self }
    }

    /// With an edge that fades out, so wide.
    pub fn with_softness(self, softness: f32) -> Self {
        Self { softness, ..self }
    }

    /// What it kills never grows back, unless an [`NcaHeal`](super::NcaHeal) comes.
    pub fn with_scars(self) -> Self {
        Self { scars: true, ..self }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.shape.is_valid() && (0.0..=1.0).contains(&self.strength) && self.softness >= 0.0
    }

    /// Adds the cells that it kills to a mask. `from_cells` maps cells to the space of the shape. `key` is the key of the
    /// noise that decides where strength and softness leave a chance.
    pub(crate) fn cells(
        &self,
        mut mask: CellMask,
        from_cells: CellMap,
        key: u32,
        armor: Option<&NcaArmor>,
    ) -> CellMask {
        let width = mask.width();
        let armor = armor.map(NcaArmor::checked);
        mask.add_where(&self.shape, from_cells, self.softness, |cell, cover| {
            let strength = self.strength * cover;
            let center = [(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5];
            armor.as_ref().is_none_or(|armor| strength > armor.at(center))
                && FireRate::new(f64::from(strength)).fires(cell as u32, key)
        });
        mask
    }
}
