//! The animated art. What has no forms lives in generic bodies.

use bevy::{ecs::system::SystemParam, prelude::*};
use bevy_nca::prelude::*;

/// A row of square frames in `assets/art`.
pub struct Sheet {
    name: &'static str,
    /// The side of a frame, in pixels.
    side: u32,
    frames: u32,
    /// The model of what changes its form, and the number of its forms. Each has so many frames.
    forms: Option<(&'static str, u32)>,
}

impl Sheet {
    const fn new(name: &'static str, side: u32, frames: u32) -> Self {
        Self { name, side, frames, forms: None }
    }
}

pub const SHIP: Sheet = Sheet::new("ship", 128, 4);
pub const CRYSTAL: Sheet = Sheet::new("crystal", 96, 4);
pub const JELLYFISH: Sheet = Sheet::new("jellyfish", 160, 12);
pub const MACHINE: Sheet = Sheet::new("machine", 160, 8);
pub const WORM: Sheet = Sheet::new("worm", 224, 8);
pub const BOSS: Sheet = Sheet::new("boss", 256, 8);
pub const PLANT: Sheet = Sheet { forms: Some(("models/forms/ages.nca", 4)), ..Sheet::new("ages", 160, 1) };
pub const SLIME: Sheet = Sheet { forms: Some(("models/forms/moods.nca", 3)), ..Sheet::new("moods", 160, 1) };

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
        let Sheet { name, side, frames, forms } = *sheet;
        let columns = frames * forms.map_or(1, |(_, forms)| forms);
        let layout = TextureAtlasLayout::from_grid(UVec2::splat(side), columns, 1, None, None);
        let atlas = TextureAtlas { layout: self.layouts.add(layout), index: 0 };
        let sprite = Sprite::from_atlas_image(self.assets.load(format!("art/{name}.png")), atlas);
        (
            NcaSkin::default().with_form_frames(frames as usize),
            forms
                .map_or_else(NcaTexture::default, |(model, _)| NcaTexture::new(self.assets.load(model)))
                .with_seed(seed),
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
