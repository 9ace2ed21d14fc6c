//! Textures in an image of their own, which tiles.

use bevy::{
    ecs::{lifecycle::HookContext, world::DeferredWorld},
    prelude::*,
};

use super::{NcaTexture, Placement};

/// Draws an [`NcaTexture`] into an image of its own, which tiles and has mipmaps, for any number of users: sprites and nodes
/// that tile, any texture of a `StandardMaterial`, a terrain with repeating texture coordinates.
///
/// The image has a pixel for each cell. It exists once the model is loaded; before, Bevy draws nothing that uses it. It
/// repeats beyond its edges, without a seam if the model has a [boundary that wraps](crate::rule::Boundary::Wrap). Close up
/// its pixels are sharp, or smooth with [`NcaTexture::smooth`]; far away they are averaged. When the entity is despawned,
/// the image stays as it is.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>, mut images: ResMut<Assets<Image>>) {
///     let moss = NcaTiling::new(&images);
///     let image_mode = SpriteImageMode::Tiled { tile_x: true, tile_y: true, stretch_value: 1.0 };
///     for x in [-400.0, 400.0] {
///         commands.spawn((
///             Sprite { custom_size: Some(Vec2::splat(500.0)), image_mode: image_mode.clone(), ..Sprite::from_image(moss.image.clone()) },
///             Transform::from_xyz(x, 0.0, 0.0),
///         ));
///     }
///     commands.spawn((NcaTexture::new(assets.load("materials/moss.nca")), moss));
/// }
/// ```
#[derive(Component, Reflect, Clone, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaTexture)]
#[component(immutable, on_insert = on_insert, on_discard = on_discard)]
pub struct NcaTiling {
    /// The image: a handle that [`NcaTiling::new`] has reserved. A handle with a fixed id, such as the default, is replaced by
    /// a new one. Do not give two textures the same image: only the first draws it.
    pub image: Handle<Image>,
}

impl NcaTiling {
    /// A tiling texture whose [image](Self::image) can be given to its users.
    pub fn new(images: &Assets<Image>) -> Self {
        Self { image: images.reserve_handle() }
    }
}

fn on_insert(mut world: DeferredWorld, HookContext { entity, .. }: HookContext) {
    let Some(image) = world.get::<NcaTiling>(entity).map(|tiling| tiling.image.id()) else { return };
    if matches!(image, AssetId::Uuid { .. }) {
        // An app without images draws nothing.
        let reserved = world.get_resource::<Assets<Image>>().map(NcaTiling::new);
        if let Some(tiling) = reserved {
            world.commands().entity(entity).insert(tiling);
        }
        return;
    }
    set_tiling(&mut world, entity, Some(image));
}

fn on_discard(mut world: DeferredWorld, HookContext { entity, .. }: HookContext) {
    set_tiling(&mut world, entity, None);
}

fn set_tiling(world: &mut DeferredWorld, entity: Entity, image: Option<AssetId<Image>>) {
    if let Some(mut placement) = world.get_mut::<Placement>(entity) {
        placement.tiling = image;
    }
    // The instance moves to another population.
    if let Some(mut texture) = world.get_mut::<NcaTexture>(entity) {
        texture.set_changed();
    }
}
