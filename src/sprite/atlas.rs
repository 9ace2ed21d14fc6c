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
    /// Slots that there is room for.
    pub(super) slots: u32,
    /// Width and height of the image.
    pub(super) size: UVec2,
    grid: [u32; 2],
    smooth: bool,
}

/// The most slots of an atlas of at most so many pixels on a side.
pub(super) fn most_slots(grid: [u32; 2], side: u32) -> u32 {
    let [columns, rows] = grid.map(|cells| side / (cells + 2 * GUTTER));
    columns * rows
}

impl Atlas {
    /// An atlas with room for so many slots, at most [`most_slots`].
    pub(super) fn new(
        images: &mut Assets<Image>,
        grid: [u32; 2],
        smooth: bool,
        slots: u32,
        side: u32,
        on_gpu: bool,
    ) -> Self {
        let columns = columns(grid, slots, side);
        let size = size(grid, columns, slots);
        let image = images.add(blank(size, smooth, on_gpu));
        Self { image, columns, slots, size, grid, smooth }
    }

    /// The same image with room for more or less. Its pixels are lost, and slots lie elsewhere.
    pub(super) fn resize(&mut self, images: &mut Assets<Image>, slots: u32, side: u32, on_gpu: bool) {
        self.columns = columns(self.grid, slots, side);
        self.slots = slots;
        self.size = size(self.grid, self.columns, slots);
        if let Err(error) = images.insert(&self.image, blank(self.size, self.smooth, on_gpu)) {
            error!("an atlas of sprites cannot be resized: {error}");
        }
    }

    /// It is to be laid out anew in any case.
    pub(super) fn outgrow(&mut self) {
        self.slots = 0;
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

/// Slots in a row: about as many as there are rows, within so many pixels on either side.
fn columns(grid: [u32; 2], slots: u32, side: u32) -> u32 {
    let [most_columns, most_rows] = grid.map(|cells| (side / (cells + 2 * GUTTER)).max(1));
    let square = f64::from(slots).sqrt().ceil() as u32;
    square.max(slots.div_ceil(most_rows)).clamp(1, most_columns)
}

/// Width and height of an image with so many slots.
fn size(grid: [u32; 2], columns: u32, slots: u32) -> UVec2 {
    (UVec2::from_array(grid) + 2 * GUTTER) * UVec2::new(columns, slots.div_ceil(columns))
}

/// A transparent image. On the GPU it is written by compute through a linear view, since sRGB
/// textures cannot be written so; it is always sampled as sRGB.
fn blank(size: UVec2, smooth: bool, on_gpu: bool) -> Image {
    let size = Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 };
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
        // Zeros that are not written take no time.
        let data = vec![0; size.width as usize * size.height as usize * 4];
        Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, usages)
    };
    image.texture_descriptor.label = Some("nca_atlas");
    image.sampler = if smooth { ImageSampler::linear() } else { ImageSampler::nearest() };
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_touch_and_lie_inside() {
        for (grid, slots, side) in
            [([7, 5], 11, 1000), ([24, 300], 30, 1000), ([1, 90], 400, 1000), ([90, 1], 400, 1000)]
        {
            let mut images = Assets::<Image>::default();
            assert!(slots <= most_slots(grid, side));
            let atlas = Atlas::new(&mut images, grid, false, slots, side, true);
            let size = images.get(&atlas.image).unwrap().size();
            assert_eq!(size, atlas.size);
            assert!(size.max_element() <= side, "{size} for {slots} slots of {grid:?}");
            let rects: Vec<Rect> = (0..slots).map(|slot| atlas.rect(slot).inflate(GUTTER as f32)).collect();
            for (i, a) in rects.iter().enumerate() {
                assert!(a.min.cmpge(Vec2::ZERO).all() && a.max.cmple(size.as_vec2()).all(), "{a:?} in {size}");
                assert!(rects[..i].iter().all(|b| a.intersect(*b).is_empty()), "{a:?}");
            }
        }
    }
}
