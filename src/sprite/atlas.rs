//! The picture of a population: one image, a slot for each sprite.

use bevy::{
    asset::RenderAssetUsages,
    image::ImageSampler,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat, TextureUsages, TextureViewDescriptor},
};

use crate::gpu::GUTTER;

/// An image with a grid of slots, each with a gutter around it.
#[derive(Debug)]
pub(super) struct Atlas {
    pub(super) image: Handle<Image>,
    pub(super) columns: u32,
    grid: [u32; 2],
}

impl Atlas {
    /// An atlas with room for so many slots, about square, at most `most_columns` wide.
    pub(super) fn new(images: &mut Assets<Image>, grid: [u32; 2], slots: u32, most_columns: u32, on_gpu: bool) -> Self {
        let columns = square(slots).min(most_columns);
        let image = images.add(blank(grid, columns, slots, on_gpu));
        Self { image, columns, grid }
    }

    /// The same image with room for more. Its pixels are lost, and slots lie elsewhere.
    pub(super) fn grow(&mut self, images: &mut Assets<Image>, slots: u32, most_columns: u32, on_gpu: bool) {
        self.columns = square(slots).min(most_columns);
        if let Err(error) = images.insert(&self.image, blank(self.grid, self.columns, slots, on_gpu)) {
            error!("an atlas of sprites cannot grow: {error}");
        }
    }

    /// The upper left corner of a slot, in pixels.
    pub(super) fn corner(&self, slot: u32) -> UVec2 {
        UVec2::new(slot % self.columns, slot / self.columns) * (UVec2::from_array(self.grid) + 2 * GUTTER) + GUTTER
    }

    /// Where a slot lies, in pixels, without its gutter.
    pub(super) fn rect(&self, slot: u32) -> Rect {
        let corner = self.corner(slot);
        URect::from_corners(corner, corner + UVec2::from_array(self.grid)).as_rect()
    }
}

fn square(slots: u32) -> u32 {
    (f64::from(slots).sqrt().ceil() as u32).max(1)
}

/// A transparent image. On the GPU it is written by compute through a linear view, since sRGB
/// textures cannot be written so; it is always sampled as sRGB.
fn blank(grid: [u32; 2], columns: u32, slots: u32, on_gpu: bool) -> Image {
    let [width, height] = grid.map(|side| side + 2 * GUTTER);
    let size = Extent3d { width: width * columns, height: height * slots.div_ceil(columns), depth_or_array_layers: 1 };
    let usages = RenderAssetUsages::MAIN_WORLD | RenderAssetUsages::RENDER_WORLD;
    let mut image = if on_gpu {
        let mut image = Image::new_uninit(size, TextureDimension::D2, TextureFormat::Rgba8Unorm, usages);
        image.texture_descriptor.usage |= TextureUsages::STORAGE_BINDING;
        image.texture_descriptor.view_formats = &[TextureFormat::Rgba8UnormSrgb];
        image.texture_view_descriptor = Some(TextureViewDescriptor {
            format: Some(TextureFormat::Rgba8UnormSrgb),
            usage: Some(TextureUsages::TEXTURE_BINDING),
            ..default()
        });
        image
    } else {
        Image::new_fill(size, TextureDimension::D2, &[0; 4], TextureFormat::Rgba8UnormSrgb, usages)
    };
    image.texture_descriptor.label = Some("nca_atlas");
    image.sampler = ImageSampler::nearest();
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_touch_and_lie_inside() {
        let mut images = Assets::<Image>::default();
        let atlas = Atlas::new(&mut images, [7, 5], 11, 100, true);
        let size = images.get(&atlas.image).unwrap().size().as_vec2();
        let rects: Vec<Rect> = (0..11).map(|slot| atlas.rect(slot).inflate(GUTTER as f32)).collect();
        for (i, a) in rects.iter().enumerate() {
            assert!(a.min.cmpge(Vec2::ZERO).all() && a.max.cmple(size).all(), "{a:?} in {size}");
            assert!(rects[..i].iter().all(|b| a.intersect(*b).is_empty()), "{a:?}");
        }
    }
}
