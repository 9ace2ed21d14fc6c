//! The relief of a tiling texture.

use bevy::{
    ecs::{lifecycle::HookContext, world::DeferredWorld},
    prelude::*,
};

use super::NcaTiling;

/// Derives a normal map, or a depth map, from the picture of an [`NcaTiling`]: what is bright is high. It follows the picture
/// with every tick, so that a wound is a hollow.
///
/// Its image has the size of the picture, tiles and has mipmaps. Use it as the `normal_map_texture` of a `StandardMaterial`,
/// whose mesh needs tangents, or as its `depth_map`.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>, images: Res<Assets<Image>>) {
///     let stones = NcaTiling::new(&images);
///     let relief = NcaRelief::new(&images);
///     // StandardMaterial {
///     //     base_color_texture: Some(stones.image.clone()),
///     //     normal_map_texture: Some(relief.image.clone()),
///     //     ..default()
///     // }
///     commands.spawn((NcaTexture::new(assets.load("materials/cobbles.nca")), stones, relief));
/// }
/// ```
#[derive(Component, Reflect, Clone, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaTiling)]
#[component(on_insert = on_insert)]
pub struct NcaRelief {
    /// The image: a handle that [`NcaRelief::new`] has reserved. A handle with a fixed id, such as the default, is replaced
    /// by a new one.
    pub image: Handle<Image>,
    /// What the image contains; default normals.
    pub kind: NcaReliefKind,
    /// The share of red, green and blue in the height of a pixel; default brightness: `[0.2126, 0.7152, 0.0722]`. A negative
    /// share makes hollows of what is bright.
    pub channels: Vec3,
    /// The height of a full channel in pixels; default 2. Depth maps do not use it.
    pub height: f32,
}

/// What the image of an [`NcaRelief`] contains.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[type_path = "bevy_nca"]
pub enum NcaReliefKind {
    /// Normals in tangent space, y up, for `StandardMaterial::normal_map_texture`.
    #[default]
    Normals,
    /// Depths, 0 at the surface to 1, for `StandardMaterial::depth_map`.
    Depths,
}

impl Default for NcaRelief {
    fn default() -> Self {
        Self {
            image: Handle::default(),
            kind: NcaReliefKind::default(),
            channels: Vec3::new(0.2126, 0.7152, 0.0722),
            height: 2.0,
        }
    }
}

impl NcaRelief {
    /// Normals whose [image](Self::image) can be given to their users.
    pub fn new(images: &Assets<Image>) -> Self {
        Self { image: images.reserve_handle(), ..default() }
    }

    /// Sets [`NcaRelief::height`].
    pub fn with_height(self, height: f32) -> Self {
        Self { height, ..self }
    }
}

fn on_insert(mut world: DeferredWorld, HookContext { entity, .. }: HookContext) {
    let Some(relief) = world.get::<NcaRelief>(entity) else { return };
    if !matches!(relief.image.id(), AssetId::Uuid { .. }) {
        return;
    }
    // An app without images draws nothing.
    let reserved = world.get_resource::<Assets<Image>>().map(Assets::reserve_handle);
    if let (Some(image), Some(mut relief)) = (reserved, world.get_mut::<NcaRelief>(entity)) {
        relief.image = image;
    }
}
