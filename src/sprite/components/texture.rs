//! The simulated texture as a component.

use bevy::{
    asset::{AsAssetId, AssetId},
    ecs::{entity_disabling::Disabled, lifecycle::HookContext, query::Allow, world::DeferredWorld},
    prelude::*,
};

use super::{NcaClock, NcaModel, NcaVitals, Placement};

/// A texture that a neural cellular automaton grows.
///
/// Another component of the same entity shows its picture:
///
/// - A [`Sprite`]: the texture sets [`Sprite::image`] and [`Sprite::rect`], and removes a [`Sprite::texture_atlas`].
///   Without a custom size, a cell is one world unit wide. A `SpriteMesh` works in the same way, but Bevy draws each
///   `SpriteMesh` in a separate draw call.
/// - An `ImageNode` (feature `ui`) works in the same way. If the node has a `Pickable`, pointers pass through its
///   holes, unless another pointer is on its living cells (feature `picking`).
/// - A `MeshMaterial3d<StandardMaterial>` (feature `pbr`): the texture sets `base_color_texture` and `uv_transform`,
///   and `emissive_texture` if the material has an `emissive` color. Give each entity its own material, with an
///   `alpha_mode` other than opaque and no other textures, and a mesh with texture coordinates of 0 to 1. The picture
///   is a part of a larger image, so it does not tile and has no mipmaps; beside an [`NcaTiling`](super::NcaTiling), it
///   does and has.
///
/// Beside an [`NcaSkin`](super::NcaSkin), they keep their own images instead, which the skin shows through the cells.
///
/// When the texture is removed, its picture is removed too. Without any of these components, the cells are still
/// simulated.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn((
///         NcaTexture::new(assets.load("models/slime.nca")).with_seed(7),
///         Sprite { custom_size: Some(Vec2::splat(200.0)), ..default() },
///     ));
/// }
/// ```
///
/// In a `bsn!` scene, the model is a path: `NcaTexture { model: "models/slime.nca" }`.
#[derive(Component, Reflect, FromTemplate, Clone, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(Placement, NcaVitals)]
#[component(on_add = warn_without_plugin)]
pub struct NcaTexture {
    /// The model. The sprite starts to grow once it is loaded. Another model restarts the sprite. If the asset changes,
    /// as with hot reloading, the cells continue with the new weights, provided that channels, grid and life mask are
    /// the same.
    pub model: Handle<NcaModel>,
    /// The seed of the noise that decides which cells fire; default 0. The same seed and the same wounds give the same
    /// cells. Give neighboring sprites different seeds.
    pub seed: u32,
    /// The angle in radians by which the sprite grows rotated, counter-clockwise; default 0. A model that was trained
    /// upright can grow rotated, as in experiment 4 of [Growing Neural Cellular
    /// Automata](https://distill.pub/2020/growing-ca).
    pub angle: f32,
    /// Width and height of the grid in cells, 1 to 1024 each; default `None`, the grid of the model. Another grid
    /// restarts the sprite. A sprite with an invalid grid does not grow, and a warning reports it.
    pub grid: Option<UVec2>,
    /// Whether a cell that matches the grown sprite shows the pixel of the model's target; default false. Only cells
    /// that differ then show their own colors. A model without a target ignores this with a warning. A
    /// model of [coordinates](crate::rule::Output::Coordinates) always shows its target.
    pub crisp: bool,
    /// Whether the picture is sampled linearly, for sprites that are scaled or rotated smoothly; default false:
    /// nearest. A change restarts the sprite.
    pub smooth: bool,
}

impl NcaTexture {
    /// A texture on the grid of the model, with seed 0, upright.
    pub fn new(model: Handle<NcaModel>) -> Self {
        Self { model, ..default() }
    }

    /// Sets the [seed](Self::seed).
    pub fn with_seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }

    /// Sets the [angle](Self::angle), in radians.
    pub fn with_angle(self, angle: f32) -> Self {
        Self { angle, ..self }
    }

    /// Sets the [grid](Self::grid), in cells: a [`UVec2`], or a pair of width and height.
    pub fn with_grid(self, grid: impl Into<UVec2>) -> Self {
        Self { grid: Some(grid.into()), ..self }
    }

    /// Sets [`crisp`](Self::crisp) to true.
    pub fn with_crisp(self) -> Self {
        Self { crisp: true, ..self }
    }

    /// Sets [`smooth`](Self::smooth) to true.
    pub fn with_smooth(self) -> Self {
        Self { smooth: true, ..self }
    }
}

impl AsAssetId for NcaTexture {
    type Asset = NcaModel;

    fn as_asset_id(&self) -> AssetId<NcaModel> {
        self.model.id()
    }
}

/// Entities with a texture, disabled or not.
pub(crate) type OfTextures = (With<NcaTexture>, Allow<Disabled>);

fn warn_without_plugin(world: DeferredWorld, _: HookContext) {
    if !world.contains_resource::<NcaClock>() {
        warn_once!("an NcaTexture was added, but there is no NcaPlugin: nothing grows until the app adds it");
    }
}
