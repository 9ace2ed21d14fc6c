//! The shape and effect of a wound.

use bevy::prelude::*;

use crate::{
    rule::{FireRate, Shape, Stencil},
    sprite::components::NcaArmor,
};

/// The shape and effect of a wound. The event that uses it sets its units: world units by default, see
/// [`NcaSpace`](super::NcaSpace).
#[derive(Reflect, Clone, Debug, PartialEq)]
#[reflect(opaque)]
#[reflect(Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaWound {
    /// The region of the wound: the cells whose centers are inside.
    pub shape: Shape,
    /// The probability that a cell is killed, 0 to 1; default 1. For acid or fire, wound with a low strength every
    /// frame.
    pub strength: f32,
    /// The width of the soft edge inside the shape, in units of the shape; default 0. The probability falls to 0 across
    /// it. A stencil ignores it.
    pub softness: f32,
    /// Whether the killed cells stay dead until an [`NcaHeal`](super::NcaHeal); default false.
    pub scars: bool,
}

impl From<Shape> for NcaWound {
    fn from(shape: Shape) -> Self {
        Self { shape, strength: 1.0, softness: 0.0, scars: false }
    }
}

impl NcaWound {
    /// A disc around a point.
    pub fn circle(center: Vec2, radius: f32) -> Self {
        Shape::circle(center.x, center.y, radius).into()
    }

    /// An axis-aligned rectangle.
    pub fn rect(rect: Rect) -> Self {
        Shape::rect(rect.min.x, rect.min.y, rect.max.x, rect.max.y).into()
    }

    /// A rectangle rotated about its center by an angle in radians: counter-clockwise in the world, clockwise in cells
    /// and texture coordinates.
    pub fn rotated_rect(center: Vec2, size: Vec2, angle: f32) -> Self {
        Shape::rotated_rect(center.into(), size.into(), angle).into()
    }

    /// The points within `radius` of a segment: a cut, a laser, or the path of a bullet in a frame.
    pub fn capsule(from: Vec2, to: Vec2, radius: f32) -> Self {
        Shape::capsule(from.into(), to.into(), radius).into()
    }

    /// A convex polygon. Its corners must be in order.
    pub fn polygon(corners: impl IntoIterator<Item = Vec2>) -> Self {
        Shape::polygon(corners.into_iter().map(Vec2::into).collect::<Vec<[f32; 2]>>()).into()
    }

    /// An image around a point in the world, scaled to `size` and rotated counter-clockwise by an angle in radians. The
    /// alpha of a pixel scales the probability. (In cells, y points down and the image is upside down; use a negative
    /// height.) `None` if the image has no pixels in the main world, or a format that [`Image::get_color_at`] does not
    /// support.
    pub fn stencil(image: &Image, center: Vec2, size: Vec2, angle: f32) -> Option<Self> {
        let UVec2 { x: width, y: height } = image.size();
        let pixel = |index: u32| Some((image.get_color_at(index % width, index / width).ok()?.alpha() * 255.0) as u8);
        let pixels = (0..width * height).map(pixel).collect::<Option<Vec<u8>>>()?;
        let size = [size.x, -size.y];
        let stencil = Stencil { center: center.into(), size, angle, width: width as usize, pixels };
        Some(Shape::Stencil(stencil).into())
    }

    /// Sets the [strength](Self::strength), 0 to 1.
    pub fn with_strength(self, strength: f32) -> Self {
        Self { strength, ..self }
    }

    /// Sets the [softness](Self::softness), in units of the shape.
    pub fn with_softness(self, softness: f32) -> Self {
        Self { softness, ..self }
    }

    /// Sets [`scars`](Self::scars) to true: the killed cells stay dead until an [`NcaHeal`](super::NcaHeal).
    pub fn with_scars(self) -> Self {
        Self { scars: true, ..self }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.shape.is_valid() && (0.0..=1.0).contains(&self.strength) && self.softness >= 0.0
    }

    /// Which cells it kills among those in its shape, on a grid of this width. The closure takes the index of a cell, and the
    /// cover of the shape there. `key` is the key of the noise that decides which cells die where the probability is below 1.
    pub(crate) fn kills(&self, width: usize, key: u32, armor: Option<&NcaArmor>) -> impl Fn(usize, f32) -> bool {
        let armor = armor.map(NcaArmor::checked);
        let own = self.strength;
        move |cell, cover| {
            let strength = own * cover;
            let center = [(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5];
            armor.as_ref().is_none_or(|armor| strength > armor.at(center))
                && FireRate::new(f64::from(strength)).fires(cell as u32, key)
        }
    }
}
