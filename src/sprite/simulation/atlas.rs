//! The image of a population, with a region for each slot.

use bevy::{
    asset::{AssetId, RenderAssetUsages},
    image::{ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor},
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat, TextureUsages, TextureViewDescriptor},
};

use crate::gpu::{ATLAS_LABEL, AtlasKind};

/// The part of an image that shows a sprite, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AtlasRegion<'a> {
    pub(crate) image: &'a Handle<Image>,
    pub(crate) rect: Rect,
    /// Width and height of the whole image.
    pub(crate) image_size: Vec2,
    /// The target of a model of colors in its grid, premultiplied. Skins show how far the tissue is from it.
    pub(crate) grown: Option<&'a Handle<Image>>,
}

#[cfg(feature = "pbr")]
impl AtlasRegion<'_> {
    /// Whether it is the whole image, which tiles.
    pub(crate) fn tiles(&self) -> bool {
        self.rect.size() == self.image_size
    }
}

/// What the image of a population contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtlasContent {
    /// The picture of each sprite, in straight-alpha sRGB, sampled linearly if `smooth`.
    Picture { smooth: bool },
    /// The first four channels of each sprite, for [skins](crate::NcaSkin).
    Tissue,
    /// The picture of a single sprite in an image of its own, which [tiles](crate::NcaTiling).
    Tile { image: AssetId<Image>, smooth: bool },
}

impl AtlasContent {
    /// The size of a pixel.
    pub(crate) fn pixel_bytes(self) -> usize {
        match self {
            Self::Picture { .. } | Self::Tile { .. } => 4,
            Self::Tissue => 8,
        }
    }

    pub(crate) fn kind(self) -> AtlasKind {
        match self {
            Self::Picture { .. } => AtlasKind::Picture,
            Self::Tissue => AtlasKind::Tissue,
            Self::Tile { .. } => AtlasKind::Tile,
        }
    }

    /// Width and height of a slot with its gutter.
    pub(crate) fn slot_size(self, grid: [u32; 2]) -> UVec2 {
        UVec2::from_array(grid) + 2 * self.kind().gutter()
    }
}

/// An image with a grid of slots, each with a gutter around it.
#[derive(Debug)]
pub(crate) struct Atlas {
    pub(crate) image: Handle<Image>,
    pub(crate) columns: u32,
    /// The number of slots.
    pub(crate) slots: u32,
    /// Width and height of the image.
    pub(crate) size: UVec2,
    pub(crate) content: AtlasContent,
    grid: [u32; 2],
    pub(crate) grown: Option<Handle<Image>>,
}

/// The maximum number of slots of an atlas whose sides have at most `side` pixels.
pub(crate) fn max_slots(grid: [u32; 2], content: AtlasContent, side: u32) -> u32 {
    let slots = UVec2::splat(side) / content.slot_size(grid);
    match content {
        AtlasContent::Tile { .. } => slots.min_element().min(1),
        _ => slots.x * slots.y,
    }
}

impl Atlas {
    /// An atlas with `slots` slots, at most [`max_slots`].
    pub(crate) fn new(
        images: &mut Assets<Image>,
        grid: [u32; 2],
        content: AtlasContent,
        slots: u32,
        side: u32,
        on_gpu: bool,
    ) -> Self {
        let columns = columns(grid, content, slots, side);
        let size = size(grid, content, columns, slots);
        let blank = blank(size, content, on_gpu);
        let image = match content {
            AtlasContent::Tile { image, .. } => own_image(images, image, blank),
            _ => images.add(blank),
        };
        Self { image, columns, slots, size, content, grid, grown: None }
    }

    /// Keeps the grown sprite of a model of colors for skins: `[height, width, 4]`, straight alpha, 0 to 1.
    pub(crate) fn show_grown(&mut self, images: &mut Assets<Image>, pixels: &[[f32; 4]]) {
        let [width, height] = self.grid;
        let size = Extent3d { width, height, depth_or_array_layers: 1 };
        let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        let data = pixels.iter().flat_map(|[r, g, b, a]| [r * a, g * a, b * a, *a].map(byte)).collect();
        // A new device after a lost one needs the data again.
        let usages = RenderAssetUsages::default();
        let image = Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8Unorm, usages);
        self.grown = Some(images.add(Image { sampler: ImageSampler::linear(), ..image }));
    }

    /// Changes the number of slots. The pixels are lost, and the slots move.
    pub(crate) fn resize(&mut self, images: &mut Assets<Image>, slots: u32, side: u32, on_gpu: bool) {
        self.columns = columns(self.grid, self.content, slots, side);
        self.slots = slots;
        self.size = size(self.grid, self.content, self.columns, slots);
        if let Err(error) = images.insert(&self.image, blank(self.size, self.content, on_gpu)) {
            error!("an atlas of sprites cannot be resized: {error}");
        }
    }

    /// Marks the layout as outdated: the next update replaces it.
    pub(crate) fn invalidate(&mut self) {
        self.slots = 0;
    }

    /// The upper left corner of a slot, in pixels.
    pub(crate) fn corner(&self, slot: u32) -> UVec2 {
        let cell = UVec2::new(slot % self.columns, slot / self.columns);
        cell * self.content.slot_size(self.grid) + self.content.kind().gutter()
    }

    /// Width and height of a slot with its gutter.
    pub(crate) fn slot_size(&self) -> UVec2 {
        self.content.slot_size(self.grid)
    }

    /// The region of a slot.
    pub(crate) fn region(&self, slot: u32) -> AtlasRegion<'_> {
        let (image, rect, grown) = (&self.image, self.rect(slot), self.grown.as_ref());
        AtlasRegion { image, rect, image_size: self.size.as_vec2(), grown }
    }

    /// The rectangle of a slot without its gutter, in pixels.
    fn rect(&self, slot: u32) -> Rect {
        let corner = self.corner(slot);
        URect::from_corners(corner, corner + UVec2::from_array(self.grid)).as_rect()
    }
}

/// The number of slots in a row: about as many as there are rows, unless that exceeds `side` pixels.
fn columns(grid: [u32; 2], content: AtlasContent, slots: u32, side: u32) -> u32 {
    let [most_columns, most_rows] = content.slot_size(grid).to_array().map(|slot| (side / slot).max(1));
    let square = f64::from(slots).sqrt().ceil() as u32;
    square.max(slots.div_ceil(most_rows)).clamp(1, most_columns)
}

/// Width and height of an image with this many slots.
fn size(grid: [u32; 2], content: AtlasContent, columns: u32, slots: u32) -> UVec2 {
    content.slot_size(grid) * UVec2::new(columns, slots.div_ceil(columns))
}

/// Puts the image where the users of a tiling texture expect it.
fn own_image(images: &mut Assets<Image>, id: AssetId<Image>, image: Image) -> Handle<Image> {
    if let Err(error) = images.insert(id, image) {
        error!("the image of a tiling texture cannot be replaced: {error}");
    }
    images.get_strong_handle(id).unwrap_or_default()
}

/// The sampler of an image that tiles. Far away, pixels are always averaged.
pub(crate) fn tiling_sampler(smooth: bool) -> ImageSampler {
    let filter = if smooth { ImageFilterMode::Linear } else { ImageFilterMode::Nearest };
    ImageSampler::Descriptor(ImageSamplerDescriptor {
        label: Some("nca_tile".to_owned()),
        address_mode_u: ImageAddressMode::Repeat,
        address_mode_v: ImageAddressMode::Repeat,
        mag_filter: filter,
        min_filter: ImageFilterMode::Linear,
        mipmap_filter: ImageFilterMode::Linear,
        // Anisotropic filtering requires that all filters are linear.
        anisotropy_clamp: if smooth { 8 } else { 1 },
        ..ImageSamplerDescriptor::default()
    })
}

/// A transparent image. Compute shaders write pictures through a linear view, because sRGB textures cannot be storage
/// textures. They are always sampled as sRGB.
fn blank(size: UVec2, content: AtlasContent, on_gpu: bool) -> Image {
    let size = Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 };
    let usages = RenderAssetUsages::MAIN_WORLD | RenderAssetUsages::RENDER_WORLD;
    let (storage_format, sampled_format) = match content {
        AtlasContent::Picture { .. } | AtlasContent::Tile { .. } => {
            (TextureFormat::Rgba8Unorm, TextureFormat::Rgba8UnormSrgb)
        }
        AtlasContent::Tissue => (TextureFormat::Rgba16Float, TextureFormat::Rgba16Float),
    };
    let mut image = if on_gpu {
        let mut image = Image::new_uninit(size, TextureDimension::D2, storage_format, usages);
        image.texture_descriptor.usage |= TextureUsages::STORAGE_BINDING;
        if sampled_format != storage_format {
            image.texture_descriptor.view_formats = &[TextureFormat::Rgba8UnormSrgb];
        }
        image.texture_view_descriptor = Some(TextureViewDescriptor {
            format: Some(sampled_format),
            usage: Some(TextureUsages::TEXTURE_BINDING),
            ..default()
        });
        image
    } else {
        // `vec!` allocates zeroed memory without writing it.
        let data = vec![0; size.width as usize * size.height as usize * content.pixel_bytes()];
        Image::new(size, TextureDimension::D2, data, sampled_format, usages)
    };
    image.texture_descriptor.label = Some(ATLAS_LABEL);
    if let AtlasContent::Tile { .. } = content {
        image.texture_descriptor.mip_level_count = size.max_mips(TextureDimension::D2);
        image.texture_descriptor.usage |= TextureUsages::RENDER_ATTACHMENT;
        // The renderer fills the other levels, but wants their data when it creates the texture.
        let pixels = |level| {
            let level = size.mip_level_size(level, TextureDimension::D2);
            level.width as usize * level.height as usize
        };
        let bytes = (0..image.texture_descriptor.mip_level_count).map(pixels).sum::<usize>() * content.pixel_bytes();
        if let Some(data) = &mut image.data {
            data.resize(bytes, 0);
        }
    }
    image.sampler = match content {
        AtlasContent::Picture { smooth: false } => ImageSampler::nearest(),
        AtlasContent::Picture { smooth: true } | AtlasContent::Tissue => ImageSampler::linear(),
        AtlasContent::Tile { smooth, .. } => tiling_sampler(smooth),
    };
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
            assert!(slots <= max_slots(grid, AtlasContent::Tissue, side));
            let atlas = Atlas::new(&mut images, grid, AtlasContent::Tissue, slots, side, true);
            let size = images.get(&atlas.image).unwrap().size();
            assert_eq!(size, atlas.size);
            assert!(size.max_element() <= side, "{size} for {slots} slots of {grid:?}");
            let rects: Vec<Rect> = (0..slots).map(|slot| atlas.rect(slot).inflate(1.0)).collect();
            for (i, a) in rects.iter().enumerate() {
                assert!(a.min.cmpge(Vec2::ZERO).all() && a.max.cmple(size.as_vec2()).all(), "{a:?} in {size}");
                assert!(rects[..i].iter().all(|b| a.intersect(*b).is_empty()), "{a:?}");
            }
        }
    }
}
