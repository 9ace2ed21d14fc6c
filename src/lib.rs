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
//! fn shoot(mut commands: Commands, keys: Res<ButtonInput<KeyCode>>) {
//!     if keys.just_pressed(KeyCode::Space) {
//!         commands.trigger(NcaBlast::circle(Vec2::new(0.0, 30.0), 40.0));
//!     }
//! }
//! ```
//!
//! # A tour
//!
//! **Wounds** come in shapes, and do more than kill: see [`NcaWound`]. [`NcaDamage`] hits one sprite, in
//! world units unless told otherwise; [`NcaBlast`] whatever it touches in the world. [`NcaArmor`] shields, [`NcaHeal`] helps.
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_nca::prelude::*;
//! fn explode(mut commands: Commands) {
//!     // Sure death in the middle, less and less towards the rim; what it kills never grows back.
//!     let wound = NcaWound::circle(Vec2::new(10.0, 20.0), 30.0).with_softness(50.0).with_scars();
//!     commands.trigger(NcaBlast::new(wound));
//! }
//!
//! fn cut(mut commands: Commands, boss: Single<Entity, With<NcaTexture>>) {
//!     // A sword: from corner to corner of the sprite, whatever its transform.
//!     let wound = NcaWound::capsule(Vec2::ZERO, Vec2::ONE, 0.05);
//!     commands.trigger(NcaDamage::new(*boss, wound).in_uv());
//! }
//! ```
//!
//! **How a sprite is** says its [`NcaVitals`]; [`NcaWounded`], [`NcaRegrown`] and [`NcaDied`] tell when that changes.
//! [`NcaKillBelow`] lets it die of too large a wound. From the GPU all that comes a frame or two later, without
//! stalling it.
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_nca::prelude::*;
//! fn health_bar(sprites: Query<&NcaVitals>) {
//!     for vitals in &sprites {
//!         println!("{:?}: {:.0}% of its cells", vitals.condition, 100.0 * vitals.integrity);
//!     }
//! }
//!
//! fn die(died: On<NcaDied>, mut commands: Commands) {
//!     commands.entity(died.entity).despawn();
//! }
//! # App::new().add_systems(Update, health_bar).add_observer(die);
//! ```
//!
//! **Time** is the [`NcaClock`]'s: 60 ticks a second of fixed time. [`NcaPace`] lets one sprite heal slower. A whole
//! sprite that nothing hits falls asleep, and costs nothing: see [`NcaSleeping`].
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_nca::prelude::*;
//! fn slow_motion(mut clock: ResMut<NcaClock>) {
//!     clock.speed = 0.25;
//! }
//! ```
//!
//! **Where it lives**: [`NcaAliveMask`] and [`NcaProbe`]. With the feature `picking`, pointers hit living cells and go
//! through the holes; with `avian2d`, `NcaCollider` gives a sprite a body that follows its cells, and `NcaImpact` lets
//! contacts wound. With `ui` and `pbr`, textures paint nodes and materials.
//!
//! **Saved games** keep an [`NcaSnapshot`] of each sprite, mid-wound, by [`NcaSave`] and [`NcaRestore`].
//!
//! **Without Bevy**, the same cells come from [`cpu`]'s `Engine`.
//!
//! **Models of your own** come from [`train`](https://docs.rs/bevy_nca/latest/bevy_nca/train) (feature `train`) or the
//! program `nca` (feature `cli`); [`scorecard`] measures how well a model grows its picture, keeps it, and repairs it.
//! [`rule`] is the automaton, its file and its noise.
//!
//! **Tools**: [`headless`] makes apps without a window, [`record`](https://docs.rs/bevy_nca/latest/bevy_nca/record)
//! files of what they show (feature `record`), and
//! [`inspector`](https://docs.rs/bevy_nca/latest/bevy_nca/inspector) a panel to look into sprites (feature `egui`).
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
        NcaAliveMask, NcaArmor, NcaBackend, NcaBlast, NcaCellsRead, NcaClock, NcaCondition, NcaDamage, NcaDied,
        NcaFilter, NcaHeal, NcaHit, NcaKillBelow, NcaModel, NcaPace, NcaPlugin, NcaPrecision, NcaProbe, NcaReadCells,
        NcaRegrown, NcaRestore, NcaRestoreFailed, NcaRollback, NcaRollbackError, NcaSave, NcaSaved, NcaSleeping,
        NcaSnapshot, NcaSnapshotError, NcaSpace, NcaSystems, NcaTexture, NcaVitals, NcaWound, NcaWounded,
        NcaWriteCells,
    };
    #[cfg(feature = "avian2d")]
    pub use crate::sprite::{NcaCollider, NcaImpact};
}
