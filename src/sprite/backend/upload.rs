//! The upload of changed slots to the textures of atlases.
//!
//! Bevy uploads a changed image as a whole. If at most a quarter of the slots have changed, only those are copied here,
//! and written to the texture in the render world. If the texture does not have the size of the image yet, they wait.

use bevy::{
    asset::AssetId,
    platform::collections::HashMap,
    prelude::*,
    render::{
        render_asset::RenderAssets,
        render_resource::{Extent3d, Origin3d, TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect},
        renderer::RenderQueue,
        texture::GpuImage,
    },
};

use crate::{gpu::Mipmaps, sprite::simulation::Atlas};

/// The slots of an atlas that were painted in a frame.
#[derive(Default)]
pub(crate) struct Patches {
    /// Width and height of a slot with its gutter, and of the image.
    size: UVec2,
    image_size: UVec2,
    /// The size of a pixel.
    pixel_bytes: usize,
    /// The upper left corners of the slots, gutters included.
    corners: Vec<UVec2>,
    /// The pixels of one slot after another.
    bytes: Vec<u8>,
    /// Whether Bevy uploads the image as a whole.
    is_whole: bool,
}

impl Patches {
    /// From now on, Bevy uploads the image as a whole.
    pub(crate) fn begin_whole(&mut self) {
        self.corners.clear();
        self.bytes.clear();
        self.is_whole = true;
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.corners.is_empty() && !self.is_whole
    }

    /// Copies a slot from the image of an atlas.
    pub(crate) fn add(&mut self, corner: UVec2, data: &[u8], atlas: &Atlas) {
        if self.is_whole {
            return;
        }
        (self.image_size, self.pixel_bytes) = (atlas.size, atlas.content.pixel_bytes());
        self.size = atlas.slot_size();
        self.corners.push(corner);
        let width = self.image_size.x as usize;
        let first = (corner.y as usize * width + corner.x as usize) * self.pixel_bytes;
        let rows = data.get(first..).into_iter().flat_map(|rest| rest.chunks(width * self.pixel_bytes));
        for row in rows.take(self.size.y as usize) {
            self.bytes.extend_from_slice(&row[..row.len().min(self.size.x as usize * self.pixel_bytes)]);
        }
    }

    fn bytes_of_one(&self) -> usize {
        (self.size.x * self.size.y) as usize * self.pixel_bytes
    }
}

/// The uploads in the render world: those of this frame, and those that wait for their texture.
#[derive(Resource, Default)]
pub(crate) struct AtlasUploads {
    arrived: HashMap<AssetId<Image>, Patches>,
    waiting: HashMap<(AssetId<Image>, UVec2), Waiting>,
}

/// A slot that waits for a texture of the size of its image.
struct Waiting {
    size: UVec2,
    image_size: UVec2,
    bytes: Vec<u8>,
}

impl AtlasUploads {
    /// Takes the slots that were painted in a frame.
    pub(crate) fn receive(&mut self, image: AssetId<Image>, patches: &mut Patches) {
        if std::mem::take(&mut patches.is_whole) {
            self.waiting.retain(|(of, _), _| *of != image);
            self.arrived.remove(&image);
            return;
        }
        let arrived = self.arrived.entry(image).or_default();
        if (arrived.size, arrived.image_size) != (patches.size, patches.image_size) {
            // Slots of another size are outdated.
            arrived.corners.clear();
            arrived.bytes.clear();
        }
        if arrived.corners.is_empty() {
            // Swapping reuses the memory of both.
            std::mem::swap(arrived, patches);
            (patches.size, patches.pixel_bytes) = (arrived.size, arrived.pixel_bytes);
        } else {
            // The renderer has skipped a frame.
            arrived.corners.append(&mut patches.corners);
            arrived.bytes.append(&mut patches.bytes);
        }
        patches.corners.clear();
        patches.bytes.clear();
    }

    /// Drops the uploads of images for which `lives` is false.
    pub(crate) fn retain(&mut self, lives: impl Fn(AssetId<Image>) -> bool) {
        self.arrived.retain(|image, _| lives(*image));
        self.waiting.retain(|(image, _), _| lives(*image));
    }
}

/// Writes the painted slots to the textures.
pub(crate) fn upload(
    mut uploads: ResMut<AtlasUploads>,
    mut mipmaps: ResMut<Mipmaps>,
    images: Res<RenderAssets<GpuImage>>,
    queue: Res<RenderQueue>,
) {
    let AtlasUploads { arrived, waiting } = uploads.bypass_change_detection();
    if !waiting.is_empty() {
        waiting.retain(|&(id, corner), Waiting { size, image_size, bytes }| {
            let image = images.get(id).filter(|image| is_of(image, *image_size));
            if let Some(image) = image {
                write(&queue, image, corner, *size, bytes);
                outdate(&mut mipmaps, id, image);
            }
            image.is_none()
        });
    }
    for (id, patches) in arrived {
        // Bevy is about to replace a texture of another size.
        let Patches { size, image_size, .. } = *patches;
        let image = images.get(*id).filter(|image| is_of(image, image_size));
        for (&corner, bytes) in patches.corners.iter().zip(patches.bytes.chunks_exact(patches.bytes_of_one().max(1))) {
            match image {
                Some(image) => write(&queue, image, corner, size, bytes),
                None => {
                    waiting.insert((*id, corner), Waiting { size, image_size, bytes: bytes.to_vec() });
                }
            }
        }
        if let Some(image) = image.filter(|_| !patches.corners.is_empty()) {
            outdate(&mut mipmaps, *id, image);
        }
        patches.corners.clear();
        patches.bytes.clear();
    }
}

/// The other levels of a picture with mipmaps must follow.
fn outdate(mipmaps: &mut ResMut<Mipmaps>, id: AssetId<Image>, image: &GpuImage) {
    if image.texture_descriptor.mip_level_count > 1 {
        mipmaps.outdate(id);
    }
}

fn is_of(image: &GpuImage, size: UVec2) -> bool {
    let texture = image.texture_descriptor.size;
    (texture.width, texture.height) == (size.x, size.y)
}

fn write(queue: &RenderQueue, image: &GpuImage, corner: UVec2, size: UVec2, bytes: &[u8]) {
    queue.write_texture(
        TexelCopyTextureInfo {
            texture: &image.texture,
            mip_level: 0,
            origin: Origin3d { x: corner.x, y: corner.y, z: 0 },
            aspect: TextureAspect::All,
        },
        bytes,
        TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(bytes.len() as u32 / size.y.max(1)),
            rows_per_image: None,
        },
        Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 },
    );
}
