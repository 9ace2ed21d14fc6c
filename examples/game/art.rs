//! The animated art, which lives in generic bodies.

use bevy::{ecs::system::SystemParam, prelude::*};
use bevy_nca::prelude::*;

/// A row of square frames in `assets/art`.
pub struct Sheet {
    name: &'static str,
    /// The side of a frame, in pixels.
    side: u32,
    frames: u32,
}

pub const SHIP: Sheet = Sheet { name: "ship", side: 128, frames: 4 };
pub const CRYSTAL: Sheet = Sheet { name: "crystal", side: 96, frames: 4 };
pub const JELLYFISH: Sheet = Sheet { name: "jellyfish", side: 160, frames: 12 };
pub const PLANT: Sheet = Sheet { name: "plant", side: 160, frames: 8 };
pub const MACHINE: Sheet = Sheet { name: "machine", side: 160, frames: 8 };
pub const WORM: Sheet = Sheet { name: "worm", side: 224, frames: 8 };
pub const BOSS: Sheet = Sheet { name: "boss", side: 256, frames: 8 };

/// Frames a second.
const RATE: f32 = 10.0;

/// The number of frames of a sprite that plays.
#[derive(Component)]
struct Animated(u32);

pub fn plugin(app: &mut App) {
    app.add_systems(Update, animate);
}

/// Makes living sprites.
#[derive(SystemParam)]
pub struct Gallery<'w> {
    assets: Res<'w, AssetServer>,
    layouts: ResMut<'w, Assets<TextureAtlasLayout>>,
}

impl Gallery<'_> {
    /// A living sprite with sides of `size` world units.
    pub fn living(&mut self, sheet: &Sheet, size: f32, seed: u32) -> impl Bundle + use<> {
        let Sheet { name, side, frames } = *sheet;
        let layout = TextureAtlasLayout::from_grid(UVec2::splat(side), frames, 1, None, None);
        let atlas = TextureAtlas { layout: self.layouts.add(layout), index: 0 };
        let sprite = Sprite::from_atlas_image(self.assets.load(format!("art/{name}.png")), atlas);
        (
            NcaSkin::default(),
            NcaTexture::default().with_seed(seed),
            Sprite { custom_size: Some(Vec2::splat(size)), ..sprite },
            Animated(frames),
        )
    }
}

/// Plays the frames. What does not live yet or is wounded plays too.
fn animate(mut sprites: Query<(&mut Sprite, &Animated)>, time: Res<Time>) {
    for (mut sprite, frames) in &mut sprites {
        if let Some(atlas) = &mut sprite.texture_atlas {
            let frame = (time.elapsed_secs() * RATE) as usize % frames.0 as usize;
            if atlas.index != frame {
                atlas.index = frame;
            }
        }
    }
}
