//! The skins of a frame.

use bevy::{
    asset::AssetId,
    camera::visibility::ViewVisibility,
    math::{Affine2, Affine3A},
    prelude::*,
    render::{
        Extract,
        sync_world::{MainEntity, RenderEntity},
    },
    sprite::Anchor,
};

use crate::{
    rule::rotation,
    sprite::{
        components::{NcaSkin, NcaTexture, Placement, SkinFit},
        populations::Populations,
        simulation::AtlasRegion,
        spatial::SpriteTransform,
    },
};

/// A skin that is drawn.
pub(super) struct ExtractedSkin {
    /// Its entity in the render world and in the main world.
    pub(super) key: (Entity, MainEntity),
    pub(super) art: AssetId<Image>,
    pub(super) atlas: AssetId<Image>,
    /// The kind of tissue; see `tissue.wgsl`.
    pub(super) tissue: f32,
    /// The target of a model of colors.
    pub(super) grown: Option<AssetId<Image>>,
    /// From the cells of the sprite.
    pub(super) to_world: Affine3A,
    pub(super) color: LinearRgba,
    pub(super) lost: LinearRgba,
    /// The slot in the atlas, in pixels.
    pub(super) slot: Rect,
    /// The part of the grid that is drawn, in cells.
    pub(super) part: Rect,
    pub(super) fit: SkinFit,
    /// Cosine and sine of the angle by which the sprite grows rotated.
    pub(super) rotation: (f32, f32),
    pub(super) pixelated: bool,
}

/// The skins of this frame.
#[derive(Resource, Default)]
pub(super) struct ExtractedSkins {
    pub(super) skins: Vec<ExtractedSkin>,
    /// Skins that have no cells or no art yet: the entities in the render world and in the main world.
    pub(super) hidden: Vec<(Entity, MainEntity)>,
}

type Skins<'w> = (
    Entity,
    RenderEntity,
    &'w ViewVisibility,
    (&'w Sprite, &'w Anchor, &'w GlobalTransform),
    (&'w NcaSkin, &'w SkinFit, &'w NcaTexture, &'w Placement),
);

/// Extracts the visible skins. Those that cannot be drawn yet are hidden: Bevy would show their art whole.
pub(super) fn extract(
    mut extracted: ResMut<ExtractedSkins>,
    populations: Extract<Option<Res<Populations>>>,
    skins: Extract<Query<Skins>>,
) {
    let ExtractedSkins { skins: drawn, hidden } = extracted.bypass_change_detection();
    drawn.clear();
    hidden.clear();
    for (main_entity, render_entity, visibility, shape, (skin, fit, texture, placement)) in &skins {
        if !visibility.get() {
            continue;
        }
        let (sprite, anchor, transform) = shape;
        let found = placement.id.and_then(|id| {
            let population = populations.as_ref()?.get(id)?;
            Some((population, population.region(id.slot)?))
        });
        let Some((population, region)) = found.filter(|_| fit.is_known()) else {
            hidden.push((render_entity, main_entity.into()));
            continue;
        };
        let AtlasRegion { image: atlas, rect: slot, grown, .. } = region;
        let grid = slot.size().as_uvec2().to_array();
        let placed = SpriteTransform::of_sprite(sprite, anchor, Some(fit), transform);
        drawn.push(ExtractedSkin {
            key: (render_entity, main_entity.into()),
            art: fit.art,
            atlas: atlas.id(),
            tissue: population.tissue(),
            grown: grown.map(Handle::id),
            to_world: transform.affine() * solid(placed.cells_to_sprite(grid)),
            color: sprite.color.into(),
            lost: skin.lost.into(),
            slot,
            part: placed.part(grid),
            fit: *fit,
            rotation: rotation(texture.angle),
            pixelated: skin.pixelated,
        });
    }
}

/// A transform of the plane in space.
fn solid(plane: Affine2) -> Affine3A {
    Affine3A::from_mat3_translation(
        Mat3::from_cols(plane.matrix2.x_axis.extend(0.0), plane.matrix2.y_axis.extend(0.0), Vec3::Z),
        plane.translation.extend(0.0),
    )
}
