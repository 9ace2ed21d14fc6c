//! What the CPU has painted, on its way to the renderer: only the slots that have changed, not whole atlases.

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

/// Slots of one atlas that were painted anew in a frame.
#[derive(Default)]
pub(crate) struct Patches {
    /// Width and height of a slot with its gutter, and of the image.
    size: UVec2,
    image_size: UVec2,
    /// The upper left corners of the slots, gutters included.
    corners: Vec<UVec2>,
    /// The pixels, slot by slot.
    bytes: Vec<u8>,
    /// The image has been laid out anew, and goes to the renderer as a whole.
    is_whole: bool,
}

impl Patches {
    pub(crate) fn of(size: UVec2) -> Self {
        Self { size, ..default() }
    }

    /// The image goes as a whole, as soon as it is painted.
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

    /// Copies a slot out of an image.
    pub(crate) fn add(&mut self, corner: UVec2, data: &[u8], image_size: UVec2) {
        if self.is_whole {
            return;
        }
        let width = image_size.x as usize;
        self.image_size = image_size;
        self.corners.push(corner);
        let first = (corner.y as usize * width + corner.x as usize) * 4;
        let rows = data.get(first..).into_iter().flat_map(|rest| rest.chunks(width * 4)).take(self.size.y as usize);
        for row in rows {
            self.bytes.extend_from_slice(&row[..row.len().min(self.size.x as usize * 4)]);
        }
    }

    fn bytes_of_one(&self) -> usize {
        (self.size.x * self.size.y * 4) as usize
    }
}

/// In the render world: what has come, and what waits for its texture.
#[derive(Resource, Default)]
pub(crate) struct AtlasUploads {
    arrived: HashMap<AssetId<Image>, Patches>,
    waiting: HashMap<(AssetId<Image>, UVec2), Waiting>,
}

/// A slot that waits for a texture of its image's size.
struct Waiting {
    size: UVec2,
    image_size: UVec2,
    bytes: Vec<u8>,
}

impl AtlasUploads {
    /// Takes what a frame has painted of an image.
    pub(crate) fn receive(&mut self, image: AssetId<Image>, patches: &mut Patches) {
        if std::mem::take(&mut patches.is_whole) {
            self.waiting.retain(|(of, _), _| *of != image);
            self.arrived.remove(&image);
            return;
        }
        let arrived = self.arrived.entry(image).or_default();
        if arrived.corners.is_empty() {
            // Their memory goes back and forth.
            std::mem::swap(arrived, patches);
            patches.size = arrived.size;
        } else {
            // The renderer stands still.
            arrived.corners.append(&mut patches.corners);
            arrived.bytes.append(&mut patches.bytes);
        }
        patches.corners.clear();
        patches.bytes.clear();
    }

    /// Drops what is of images that are no more.
    pub(crate) fn retain(&mut self, lives: impl Fn(AssetId<Image>) -> bool) {
        self.arrived.retain(|image, _| lives(*image));
        self.waiting.retain(|(image, _), _| lives(*image));
    }
}

/// Writes what was painted into the textures.
pub(crate) fn upload(mut uploads: ResMut<AtlasUploads>, images: Res<RenderAssets<GpuImage>>, queue: Res<RenderQueue>) {
    let AtlasUploads { arrived, waiting } = uploads.bypass_change_detection();
    if !waiting.is_empty() {
        waiting.retain(|(image, corner), Waiting { size, image_size, bytes }| {
            let image = images.get(*image).filter(|image| is_of(image, *image_size));
            if let Some(image) = image {
                write(&queue, image, *corner, *size, bytes);
            }
            image.is_none()
        });
    }
    for (id, patches) in arrived {
        // A texture of another size is about to be replaced.
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
        patches.corners.clear();
        patches.bytes.clear();
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
        TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(size.x * 4), rows_per_image: None },
        Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 },
    );
}
