//! The simulated texture as a component.

use bevy::{
    ecs::{entity_disabling::Disabled, lifecycle::HookContext, query::Allow, world::DeferredWorld},
    prelude::*,
};

use super::{NcaClock, NcaModel, NcaVitals, Placement};

/// A texture that is grown by a neural cellular automaton.
///
/// With a [`Sprite`] on the same entity it paints the sprite: it sets [`Sprite::image`] and
/// [`Sprite::rect`], and takes them back when it is removed; it removes a [`Sprite::texture_atlas`]. A sprite without
/// a custom size is as many world units wide as the grid has cells. A `SpriteMesh` is painted likewise, but Bevy draws
/// each of those by itself.
///
/// With an `ImageNode` it paints that node of the user interface in the same way (feature `ui`). Pointers go through the
/// holes of a node that has a `Pickable`, unless another pointer is on its living cells (feature `picking`). With a
/// `MeshMaterial3d<StandardMaterial>` it paints that material (feature `pbr`): it sets its
/// `base_color_texture` and `uv_transform`, and, where it has an `emissive` color, its `emissive_texture`.
/// Give each such entity a material of its own, with an `alpha_mode` other than opaque and no other
/// textures, and a mesh with texture coordinates of 0 to 1: the picture is a part of a larger one, which
/// does not tile and has no mipmaps.
///
/// Without any of them the cells are simulated all the same.
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
#[derive(Component, Reflect, Clone, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[require(Placement, NcaVitals)]
#[component(on_add = warn_without_plugin)]
pub struct NcaTexture {
    /// The model. The sprite starts to grow when it is loaded; another model starts it anew. When its asset
    /// changes, as by hot reloading, the cells go on by the new weights if channels, grid and life mask are the
    /// same.
    pub model: Handle<NcaModel>,
    /// The seed of the noise that decides which cells fire; default 0. The same seed and wounds
    /// give the same cells; give sprites that stand side by side different ones.
    pub seed: u32,
    /// By how much the picture is turned as it grows, in radians; default 0. For models that were
    /// trained upright this works as in the article's experiment 4.
    pub angle: f32,
    /// Width and height of the grid, 1..=1024 cells each; default: those of the model. Another
    /// grid starts the sprite anew.
    pub grid: Option<UVec2>,
    /// Whether a cell that is like that of the grown sprite shows the very pixel of the model's target, so
    /// that only wounded tissue looks alive; default false. The likeness is judged cell by cell.
    pub crisp: bool,
    /// Whether the picture is sampled linearly, as for sprites that are scaled or turned smoothly;
    /// default false, nearest. Another choice starts the sprite anew.
    pub smooth: bool,
}

impl NcaTexture {
    /// A texture that grows on the model's own grid, with seed 0, upright.
    pub fn new(model: Handle<NcaModel>) -> Self {
        Self { model, ..default() }
    }

    /// With another seed.
    pub fn with_seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }

    /// Turned by an angle in radians.
    pub fn with_angle(self, angle: f32) -> Self {
        Self { angle, ..self }
    }

    /// Shown as authored where it is whole.
    pub fn crisp(self) -> Self {
        Self { crisp: true, ..self }
    }

    /// Sampled linearly.
    pub fn smooth(self) -> Self {
        Self { smooth: true, ..self }
    }

    /// On a grid of so many cells.
    pub fn with_grid(self, width: u32, height: u32) -> Self {
        Self { grid: Some(UVec2::new(width, height)), ..self }
    }
}

/// Entities with a texture, disabled or not.
pub(crate) type OfTextures = (With<NcaTexture>, Allow<Disabled>);

fn warn_without_plugin(world: DeferredWorld, _: HookContext) {
    if !world.contains_resource::<NcaClock>() {
        warn_once!("an NcaTexture was added, but there is no NcaPlugin: nothing grows until the app adds it");
    }
}
