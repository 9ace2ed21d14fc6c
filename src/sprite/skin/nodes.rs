//! Skins of nodes of the user interface.

use bevy::{
    math::Affine2,
    platform::collections::HashMap,
    prelude::*,
    render::{
        Extract,
        render_phase::{DrawFunctions, ViewSortedRenderPhases},
        render_resource::PipelineCache,
        sync_world::MainEntity,
    },
    ui_render::{ExtractedUiItem, ExtractedUiNodes, TransparentUi},
};

use super::{
    draw::{DrawNodeSkins, FIRST_SKIN, NOT_DRAWN},
    extract::{EVERYWHERE, ExtractedSkin, ExtractedSkins, solid},
    pipeline::SkinPipelines,
    tissue::{Tissue, Tissued},
};
use crate::sprite::populations::Populations;

/// The nodes of this frame that show a skin. `None` if it has no cells or no art yet.
#[derive(Resource, Default)]
pub(super) struct ExtractedNodes(HashMap<MainEntity, Option<Tissue>>);

/// Extracts the skins of nodes.
pub(super) fn extract_nodes(
    mut extracted: ResMut<ExtractedNodes>,
    populations: Extract<Option<Res<Populations>>>,
    nodes: Extract<Query<(Entity, Tissued), With<ImageNode>>>,
) {
    let extracted = &mut extracted.bypass_change_detection().0;
    extracted.clear();
    let Some(populations) = populations.as_ref() else { return };
    extracted.extend(nodes.iter().map(|(entity, tissued)| (entity.into(), Tissue::of(tissued, populations))));
}

/// Takes over the items that Bevy has queued for the art of nodes.
pub(super) fn queue_nodes(
    mut nodes: ResMut<ExtractedNodes>,
    extracted: Res<ExtractedUiNodes>,
    mut skins: ResMut<ExtractedSkins>,
    draw_functions: Res<DrawFunctions<TransparentUi>>,
    mut pipelines: ResMut<SkinPipelines>,
    mut phases: ResMut<ViewSortedRenderPhases<TransparentUi>>,
    cache: Res<PipelineCache>,
) {
    if nodes.0.is_empty() {
        return;
    }
    let draw_function = draw_functions.read().id::<DrawNodeSkins>();
    for item in phases.values_mut().flat_map(|phase| phase.items.values_mut()) {
        let Some(node) = extracted.uinodes.get(item.index).filter(|node| node.render_entity == item.entity.0) else {
            continue;
        };
        let ExtractedUiItem::Node { color, rect, flip_x, flip_y, .. } = &node.item else { continue };
        let Some(tissue) = nodes.0.get_mut(&item.entity.1) else { continue };
        // A node may also have a background and a border.
        if tissue.as_ref().is_some_and(|tissue| tissue.fit.art != node.image) || node.image == AssetId::default() {
            continue;
        }
        item.index = NOT_DRAWN;
        let has_uv = tissue.as_ref().is_some_and(|tissue| tissue.fit.uv.is_some());
        let Some(pipeline) = pipelines.get(item.pipeline, has_uv, &cache) else { continue };
        let Some(tissue) = tissue.take() else { continue };
        // Bevy has scaled the rectangle of the art to the size of the node.
        let flip = Vec2::new(if *flip_x { -1.0 } else { 1.0 }, if *flip_y { -1.0 } else { 1.0 });
        let (scale, origin) = tissue.fit.cells_to_art();
        let size = rect.size() * flip;
        let to_node = Affine2::from_scale_angle_translation(scale * size, 0.0, (origin - 0.5) * size);
        item.pipeline = pipeline;
        item.draw_function = draw_function;
        item.index = FIRST_SKIN + skins.skins.len();
        skins.skins.push(ExtractedSkin {
            key: item.entity,
            to_world: solid(node.transform * to_node),
            drawn: Rect { min: Vec2::ZERO, max: tissue.slot.size() },
            clip: node.clip.unwrap_or(EVERYWHERE),
            color: *color,
            tissue,
        });
    }
}
