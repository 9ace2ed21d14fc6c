//! What is left of cells that a wound has killed.

use std::time::Duration;

use bevy::prelude::*;

use super::NcaAliveMask;

/// Reports the cells that wounds kill: it triggers [`NcaShed`](crate::NcaShed). Add it beside an
/// [`NcaTexture`](super::NcaTexture) with a [`Sprite`]. [`NcaDebris`] requires it.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaAliveMask)]
pub struct NcaShedding;

/// Shows the cells that wounds kill as debris: they fly off in their own colors, fall and fade. Add it beside an
/// [`NcaTexture`](super::NcaTexture) with a [`Sprite`].
///
/// All debris is drawn in one draw call, in the order of z just above the sprites that it comes from. There are at most
/// 4096 bits of it at a time; the oldest give way. Without any, it costs nothing.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn((
///         NcaTexture::new(assets.load("models/slime.nca")),
///         Sprite::sized(Vec2::splat(200.0)),
///         NcaDebris { speed: 200.0, ..default() },
///     ));
/// }
/// ```
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaShedding)]
pub struct NcaDebris {
    /// The most cells of a wound that become debris; default 48. Of more, some are chosen evenly.
    pub most: u32,
    /// How long it is seen; default 0.9 s. It fades during the last half.
    pub lifetime: Duration,
    /// The speed away from the middle of the sprite, in world units per second; default 90. It varies by half.
    pub speed: f32,
    /// The acceleration in world units per second, squared; default 400 downwards.
    pub gravity: Vec2,
}

impl Default for NcaDebris {
    fn default() -> Self {
        Self { most: 48, lifetime: Duration::from_millis(900), speed: 90.0, gravity: Vec2::new(0.0, -400.0) }
    }
}
