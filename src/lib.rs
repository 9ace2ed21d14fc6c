//! Living, self-healing sprites for [Bevy](https://bevy.org).
//!
//! A sprite grows out of one cell by a trained neural cellular automaton (NCA). Shoot a hole in it,
//! and its cells grow back. The automaton runs in compute shaders in Bevy's render graph, or on the
//! CPU where there are none; the same cells fire on both, and their values agree to rounding.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_nca::prelude::*;
//!
//! fn main() {
//!     App::new()
//!         .add_plugins((DefaultPlugins, NcaPlugin::default()))
//!         .add_systems(Startup, spawn)
//!         .add_systems(Update, shoot)
//!         .run();
//! }
//!
//! fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
//!     commands.spawn(Camera2d);
//!     commands.spawn((NcaTexture::new(assets.load("models/slime.nca")), Sprite::sized(Vec2::splat(200.0))));
//! }
//!
//! fn shoot(mut commands: Commands, keys: Res<ButtonInput<KeyCode>>, slime: Single<Entity, With<NcaTexture>>) {
//!     if keys.just_pressed(KeyCode::Space) {
//!         commands.trigger(NcaDamage::circle(*slime, Vec2::new(0.0, 30.0), 40.0));
//!     }
//! }
//! ```
//!
//! # The parts
//!
//! - [`NcaPlugin`] adds everything; [`NcaTexture`] makes an entity's sprite a living one.
//!   [`NcaClock`] says when cells tick, [`NcaBackend`] where.
//! - [`NcaDamage`] and [`NcaBlast`] wound sprites, [`NcaArmor`] shields them, [`NcaHeal`] helps them.
//!   [`NcaVitals`] says how they are, [`NcaSnapshot`] keeps one for later.
//! - [`NcaTissue`] and [`NcaProbe`] say where they live. With the feature `picking`, pointers hit sprites with
//!   a `Pickable` where they live; with `avian2d`, `NcaCollider` gives them a body that follows their cells,
//!   and `NcaImpact` lets contacts wound. With `ui` and `pbr`, textures paint nodes and materials.
//! - [`rule`] is the automaton itself, its model file and its noise. It knows no Bevy.
//! - [`cpu`] is the engine for CPUs, for use without Bevy too.
//! - [`scorecard`] measures how well a model grows its picture, keeps it, and repairs it;
//!   [`train`](https://docs.rs/bevy_nca/latest/bevy_nca/train) makes models from pictures (feature `train`).
//! - [`headless`] makes apps without a window, [`record`](https://docs.rs/bevy_nca/latest/bevy_nca/record)
//!   files of what they show (feature `record`).
//!
//! The rule is the one of Mordvintsev, Randazzo, Niklasson and Levin, [Growing Neural Cellular
//! Automata](https://distill.pub/2020/growing-ca), Distill 2020.

#![deny(missing_docs)]

pub mod cpu;
mod gpu;
pub mod headless;
#[cfg(feature = "egui")]
pub mod inspector;
#[cfg(feature = "record")]
pub mod record;
pub mod rule;
pub mod scorecard;
mod sprite;
#[cfg(feature = "train")]
pub mod train;

pub use sprite::*;

/// What a game uses.
pub mod prelude {
    #[cfg(feature = "egui")]
    pub use crate::inspector::{NcaInspector, NcaInspectorPlugin};
    pub use crate::sprite::{
        NcaArmor, NcaBackend, NcaBlast, NcaCells, NcaClock, NcaCondition, NcaDamage, NcaDied, NcaHeal, NcaHit,
        NcaKillBelow, NcaModel, NcaPace, NcaPlugin, NcaPrecision, NcaProbe, NcaReadCells, NcaRegrown, NcaRestore,
        NcaRestoreRefused, NcaSave, NcaSaved, NcaSleeping, NcaSnapshot, NcaSnapshotError, NcaSpace, NcaSystems,
        NcaTexture, NcaTissue, NcaVitals, NcaWound, NcaWounded, NcaWriteCells,
    };
    #[cfg(feature = "avian2d")]
    pub use crate::sprite::{NcaCollider, NcaImpact};
}
