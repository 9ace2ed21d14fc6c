//! The directions along which a texture grows.

use bevy::{prelude::*, render::render_resource::TextureFormat};

use super::NcaTexture;
use crate::rule::Directions;

/// The directions along which an [`NcaTexture`] without a life mask grows: scales that point outward, grass in the wind, lava
/// that flows. At each cell, the x axis of its rule points along the direction, on top of
/// [`NcaTexture::angle`]. It has no effect on rules that do not perceive both gradients. It may change at any time.
#[derive(Component, Reflect, Clone, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaTexture)]
pub enum NcaDirections {
    /// Away from a point in texture coordinates, 0 to 1, y down. On a grid whose edges meet, from its nearest repetition.
    Radial(Vec2),
    /// Along the vectors of an image that is stretched over the grid: red is x, to the right, and green is y, down. 128 of
    /// 255 is 0. Their length does not matter. The image must have 8 bits per channel, and keep its data in the main world.
    /// It is read once it is loaded.
    Flow(Handle<Image>),
}

impl NcaDirections {
    /// The directions of a grid of this width and height. `None` while the image is not loaded, or if it cannot be read.
    pub(crate) fn of_cells(&self, [width, height]: [u32; 2], images: Option<&Assets<Image>>) -> Option<Directions> {
        let size = [width, height].map(|side| side as usize);
        match self {
            Self::Radial(point) => {
                let point = *point * UVec2::new(width, height).as_vec2();
                Some(Directions::radial(size[0], size[1], point.into()))
            }
            Self::Flow(image) => {
                let image = images?.get(image)?;
                let Some(places) = places(image) else {
                    warn_once!(
                        "an NcaDirections was ignored: expected an image of 8 bits per channel whose data is in the main \
                         world, found {:?}",
                        image.texture_descriptor.format
                    );
                    return None;
                };
                let [columns, rows] = image.size().to_array();
                let at = |center: f32, cells: u32, pixels: u32| {
                    ((center / cells as f32 * pixels as f32) as u32).min(pixels.saturating_sub(1))
                };
                Some(Directions::from_fn(size[0], size[1], |[x, y]| {
                    let pixel = UVec3::new(at(x, width, columns), at(y, height, rows), 0);
                    let bytes = image.pixel_bytes(pixel).unwrap_or_default();
                    places.map(|place| bytes.get(place).map_or(0.0, |byte| f32::from(*byte) - 128.0))
                }))
            }
        }
    }
}

/// The bytes of red and green in a pixel of an image that can be read.
fn places(image: &Image) -> Option<[usize; 2]> {
    image.data.as_ref()?;
    match image.texture_descriptor.format {
        TextureFormat::Rgba8Unorm | TextureFormat::Rgba8UnormSrgb | TextureFormat::Rg8Unorm => Some([0, 1]),
        TextureFormat::Bgra8Unorm | TextureFormat::Bgra8UnormSrgb => Some([2, 1]),
        _ => None,
    }
}
