//! The images of reliefs. The renderer fills them; see `gpu/relief.rs`.

use bevy::{
    asset::RenderAssetUsages,
    ecs::{entity_disabling::Disabled, query::Allow},
    prelude::*,
    render::{
        Extract,
        render_resource::{Extent3d, TextureDimension, TextureFormat, TextureUsages},
    },
};

use crate::{
    gpu::{RELIEF_LABEL, ReliefSpec, Reliefs},
    sprite::{
        components::{NcaRelief, NcaReliefKind, NcaTiling},
        simulation::tiling_sampler,
    },
};

/// Creates the image of each relief in the size of its picture.
pub(super) fn fit_reliefs(
    reliefs: Query<(&NcaTiling, &NcaRelief), Allow<Disabled>>,
    images: Option<ResMut<Assets<Image>>>,
) {
    let Some(mut images) = images else { return };
    for (tiling, relief) in &reliefs {
        let images = images.bypass_change_detection();
        let Some(size) = images.get(&tiling.image).map(|picture| picture.texture_descriptor.size) else { continue };
        let fits = images.get(&relief.image).is_some_and(|image| image.texture_descriptor.size == size);
        if !fits && let Err(error) = images.insert(&relief.image, flat(size)) {
            error!("the image of a relief cannot be replaced: {error}");
        }
    }
}

/// Tells the renderer which reliefs there are.
pub(super) fn extract_reliefs(
    extracted: Option<ResMut<Reliefs>>,
    reliefs: Extract<Query<(&NcaTiling, &NcaRelief), Allow<Disabled>>>,
) {
    // The first extraction comes before the renderer has started.
    let Some(mut extracted) = extracted else { return };
    let specs = reliefs.iter().map(|(tiling, relief)| ReliefSpec {
        picture: tiling.image.id(),
        relief: relief.image.id(),
        channels: relief.channels,
        height: relief.height,
        is_depth: relief.kind == NcaReliefKind::Depths,
    });
    extracted.bypass_change_detection().replace(specs);
}

/// An image without relief, whose levels the renderer can write.
fn flat(size: Extent3d) -> Image {
    let usages = RenderAssetUsages::MAIN_WORLD | RenderAssetUsages::RENDER_WORLD;
    let mut image = Image::new_uninit(size, TextureDimension::D2, TextureFormat::Rgba8Unorm, usages);
    image.texture_descriptor.label = Some(RELIEF_LABEL);
    image.texture_descriptor.mip_level_count = size.max_mips(TextureDimension::D2);
    image.texture_descriptor.usage |= TextureUsages::RENDER_ATTACHMENT;
    image.sampler = tiling_sampler(true);
    image
}
