//! The skins of a frame.

use bevy::{
    camera::visibility::ViewVisibility,
    math::{Affine2, Affine3A},
    prelude::*,
    render::{
        Extract,
        sync_world::{MainEntity, RenderEntity},
    },
    sprite::Anchor,
};

use super::tissue::{Tissue, Tissued};
use crate::sprite::{populations::Populations, spatial::SpriteTransform};

/// A skin that is drawn.
pub(super) struct ExtractedSkin {
    /// The entity of its item, and its entity in the main world.
    pub(super) key: (Entity, MainEntity),
    pub(super) tissue: Tissue,
    /// From the cells of the sprite.
    pub(super) to_world: Affine3A,
    /// The part of the grid that is drawn, in cells.
    pub(super) drawn: Rect,
    /// The part of the world that is drawn.
    pub(super) clip: Rect,
    pub(super) color: LinearRgba,
}

/// The skins of this frame.
#[derive(Resource, Default)]
pub(super) struct ExtractedSkins {
    pub(super) skins: Vec<ExtractedSkin>,
    /// Skins that have no cells or no art yet: the entities in the render world and in the main world.
    pub(super) hidden: Vec<(Entity, MainEntity)>,
}

type Skins<'w> = (Entity, RenderEntity, &'w ViewVisibility, (&'w Sprite, &'w Anchor, &'w GlobalTransform), Tissued<'w>);

/// Extracts the visible skins of sprites. Those that cannot be drawn yet are hidden: Bevy would show their art whole.
pub(super) fn extract(
    mut extracted: ResMut<ExtractedSkins>,
    populations: Extract<Option<Res<Populations>>>,
    skins: Extract<Query<Skins>>,
) {
    let ExtractedSkins { skins: drawn, hidden } = extracted.bypass_change_detection();
    drawn.clear();
    hidden.clear();
    let Some(populations) = populations.as_ref() else { return };
    for (main_entity, render_entity, visibility, (sprite, anchor, transform), tissued) in &skins {
        if !visibility.get() {
            continue;
        }
        let key = (render_entity, main_entity.into());
        let Some(tissue) = Tissue::of(tissued, populations) else {
            hidden.push(key);
            continue;
        };
        let placed = SpriteTransform::of_sprite(sprite, anchor, Some(&tissue.fit), transform);
        drawn.push(ExtractedSkin {
            key,
            to_world: transform.affine() * solid(placed.cells_to_sprite(tissue.grid())),
            drawn: placed.part(tissue.grid()),
            clip: EVERYWHERE,
            color: sprite.color.into(),
            tissue,
        });
    }
}

/// Sprites are not clipped.
pub(super) const EVERYWHERE: Rect = Rect { min: Vec2::MIN, max: Vec2::MAX };

/// A transform of the plane in space.
pub(super) fn solid(plane: Affine2) -> Affine3A {
    Affine3A::from_mat3_translation(
        Mat3::from_cols(plane.matrix2.x_axis.extend(0.0), plane.matrix2.y_axis.extend(0.0), Vec3::Z),
        plane.translation.extend(0.0),
    )
}
