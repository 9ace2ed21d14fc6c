//! The armor of a sprite.

use std::borrow::Cow;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::rule::Shape;

/// Protects cells: a wound kills only cells whose armor is lower than its strength there.
///
/// With the soft edge of a blast, armor protects the cells far from the center. Add it beside an
/// [`NcaTexture`](super::NcaTexture). It may change at any time.
///
/// ```
/// # use bevy_nca::{prelude::*, rule::Shape};
/// // Tough skin, and a core six cells wide that nothing kills.
/// let armor = NcaArmor::new(0.3).with_plate(Shape::circle(16.0, 14.0, 3.0), 1.0);
/// ```
#[derive(Component, Reflect, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[reflect(opaque)]
#[reflect(Component, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[type_path = "bevy_nca"]
pub struct NcaArmor {
    /// The armor of every cell, 0 to 1; default 0.
    pub skin: f32,
    /// Shapes in cells, and the armor of the cells inside, 0 to 1; default none. The highest value counts. The pixels
    /// of a stencil scale its armor. A plate with an invalid shape or value is ignored with a warning.
    pub plates: Vec<(Shape, f32)>,
}

impl NcaArmor {
    /// The same armor for every cell, 0 to 1.
    pub fn new(skin: f32) -> Self {
        Self { skin, plates: Vec::new() }
    }

    /// Adds a plate: a shape in cells, and the armor of the cells inside, 0 to 1.
    pub fn with_plate(mut self, shape: impl Into<Shape>, armor: f32) -> Self {
        self.plates.push((shape.into(), armor));
        self
    }

    /// The valid part. Drops invalid plates and an invalid skin with a warning, once.
    pub(crate) fn checked(&self) -> Cow<'_, Self> {
        let is_valid = |(shape, armor): &(Shape, f32)| shape.is_valid() && (0.0..=1.0).contains(armor);
        let skin_is_valid = (0.0..=1.0).contains(&self.skin);
        if skin_is_valid && self.plates.iter().all(is_valid) {
            return Cow::Borrowed(self);
        }
        warn_once!(
            "a part of an NcaArmor was ignored: expected {}, and armor of 0 to 1, found {self:?}",
            Shape::EXPECTED
        );
        let plates = self.plates.iter().filter(|plate| is_valid(plate)).cloned().collect();
        Cow::Owned(Self { skin: if skin_is_valid { self.skin } else { 0.0 }, plates })
    }

    /// The armor at a point in cells: the highest of the skin and the plates.
    pub fn at(&self, point: [f32; 2]) -> f32 {
        let plates = self.plates.iter().map(|(shape, armor)| armor * shape.cover(point, 0.0));
        // A NaN gives no protection.
        plates.fold(self.skin.max(0.0), f32::max)
    }
}
