//! Components with an image and a rectangle of it.

use bevy::{image::TRANSPARENT_IMAGE_HANDLE, prelude::*, sprite::SpriteMesh};

use super::display_trait::Display;
use crate::sprite::simulation::AtlasRegion;

macro_rules! display {
    ($component:ty, $shows_skins:literal) => {
        impl Display for $component {
            type Context = ();

            const SHOWS_SKINS: bool = $shows_skins;

            fn shows(&self, image: &Handle<Image>, (): &()) -> bool {
                self.image == *image
            }

            fn show(
                mut display: Mut<Self>,
                region: Option<AtlasRegion>,
                is_ours: &dyn Fn(&Handle<Image>) -> bool,
                (): &mut (),
            ) {
                let Some(AtlasRegion { image, rect, .. }) = region else {
                    // Show nothing instead of another sprite or the white pixel of a missing image.
                    if is_ours(&display.image) || display.image == Handle::default() {
                        (display.image, display.rect) = (TRANSPARENT_IMAGE_HANDLE, None);
                    }
                    return;
                };
                // A texture atlas would move the rectangle to another sprite.
                if display.texture_atlas.is_some() {
                    warn_once!("a texture_atlas beside an NcaTexture is removed: the texture shows its own picture");
                    display.texture_atlas = None;
                }
                if (&display.image, display.rect) != (image, Some(rect)) {
                    (display.image, display.rect) = (image.clone(), Some(rect));
                }
            }
        }
    };
}

display!(Sprite, true);
display!(SpriteMesh, false);
#[cfg(feature = "ui")]
display!(ImageNode, true);
