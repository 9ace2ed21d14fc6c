//! Living, self-healing sprites for [Bevy](https://bevy.org).
//!
//! A sprite grows from a single cell. When parts of it are shot away, they grow back. A trained neural cellular
//! automaton (NCA) updates its cells in compute shaders, or on the CPU if there is no suitable GPU. Both engines fire
//! the same cells, and their values agree to rounding.
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
//! # Sprites
//!
//! An [`NcaTexture`] simulates the cells of a sprite and shows its picture. It paints the `Sprite`, the `SpriteMesh`,
//! the `ImageNode` (feature `ui`) or the `MeshMaterial3d<StandardMaterial>` (feature `pbr`) of the same entity. In a
//! `bsn!` scene, the model is a path: `NcaTexture { model: "models/slime.nca" }`.
//!
//! # Your own art
//!
//! [`NcaSkin`] shows the art of a `Sprite`, an `ImageNode` or a `StandardMaterial` through living cells: an image or a
//! texture atlas of any size, animated. It needs no model: the sprite lives in the [generic body](rule::GenericBody) that
//! fits its art.
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_nca::prelude::*;
//! fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
//!     commands.spawn(NcaSkin::new(assets.load("knight.png")));
//! }
//! ```
//!
//! # Wounds and healing
//!
//! - [`NcaDamage`] wounds one sprite. Its shape is in world units, or in cells or texture coordinates ([`NcaSpace`]).
//! - [`NcaBlast`] wounds every sprite that it touches in the world.
//! - [`NcaWound`] is the shape of a wound, its strength and softness, and whether it leaves scars.
//! - [`NcaArmor`] protects cells from weaker wounds.
//! - [`NcaHeal`] lets scars grow again, and turns empty cells into seeds.
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_nca::prelude::*;
//! fn explode(mut commands: Commands) {
//!     // Kills 60% of the cells in the center, and fewer towards the edge. The killed cells become scars.
//!     let wound = NcaWound::circle(Vec2::new(10.0, 20.0), 30.0).with_softness(50.0).with_scars();
//!     commands.trigger(NcaBlast::new(wound));
//! }
//!
//! fn cut(mut commands: Commands, boss: Single<Entity, With<NcaTexture>>) {
//!     // Cuts the sprite from corner to corner, for any transform.
//!     let wound = NcaWound::capsule(Vec2::ZERO, Vec2::ONE, 0.05);
//!     commands.trigger(NcaDamage::new(*boss, wound).in_uv());
//! }
//! ```
//!
//! # Condition and events
//!
//! [`NcaVitals`] is the condition of a sprite. [`NcaGrown`], [`NcaWounded`], [`NcaRegrown`] and [`NcaDied`] report
//! changes, both as entity events and as messages. [`NcaKillBelow`] kills a grown sprite whose integrity falls below a
//! value. From the GPU, vitals and events arrive a few frames later, without a stall.
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
//! # Time and sleep
//!
//! Sprites tick 60 times per second of fixed time, unless the [`NcaClock`] sets another speed. [`NcaPace`] sets the
//! speed of one sprite. A whole or dead sprite falls asleep after ten seconds without a change, and is not simulated
//! until it wakes; see [`NcaSleeping`].
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_nca::prelude::*;
//! fn slow_motion(mut clock: ResMut<NcaClock>) {
//!     clock.speed = 0.25;
//! }
//! ```
//!
//! # Hit tests, picking and physics
//!
//! [`NcaAliveMask`] contains the living cells of a sprite. [`NcaProbe`] finds living cells in the world, of sprites
//! with this mask. With the feature `picking`, pointers hit living cells and pass through holes. With the feature
//! `avian2d`, `NcaCollider` gives a sprite a collider that follows its living cells, and contacts with an `NcaImpact`
//! wound it.
//!
//! # Coming apart
//!
//! A sprite with an [`NcaSever`] comes apart: each piece that a wound cuts off becomes an entity, which grows whole again.
//! [`NcaSevered`] names the pieces. [`NcaHeld`] holds cells, and what hangs on none of them drops. [`NcaDebris`] lets killed
//! cells fly off, and [`NcaShed`] reports them.
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_nca::prelude::*;
//! fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
//!     let slime = NcaTexture::new(assets.load("models/slime.nca"));
//!     commands.spawn((slime, Sprite::sized(Vec2::splat(200.0)), NcaSever::default(), NcaDebris::default()));
//! }
//! ```
//!
//! # Saved games and rollback
//!
//! [`NcaSave`] requests an [`NcaSnapshot`] of a sprite, and [`NcaRestore`] restores the sprite from it. A snapshot
//! includes wounds that wait for the next tick. [`NcaRollback`] saves and restores sprites immediately, within a
//! system, on the CPU. [`NcaReadCells`] and [`NcaWriteCells`] read and replace raw cells.
//!
//! # Engines and diagnostics
//!
//! [`NcaPlugin`] selects the engine ([`NcaBackend`]), the precision on the GPU ([`NcaPrecision`]) and the schedule. The
//! resource [`NcaEngine`] is the engine in use. [`NcaSystems`] are the system sets of the plugin.
//! [`NcaDiagnosticsPlugin`] adds diagnostics, which Bevy's overlay and log show.
//!
//! # Other modules and tools
//!
//! - [`rule`] is the automaton, its model file and its noise.
//! - [`cpu`] simulates cells without Bevy; see [`cpu::Engine`].
//! - [`scorecard`] measures how well a model grows, keeps and repairs its picture.
//! - [`headless`] builds apps without a window.
//! - [`train`](https://docs.rs/bevy_nca/latest/bevy_nca/train) trains models (feature `train`).
//! - [`record`](https://docs.rs/bevy_nca/latest/bevy_nca/record) writes pictures and animations (feature `record`).
//! - [`inspector`](https://docs.rs/bevy_nca/latest/bevy_nca/inspector) is a panel to inspect and edit sprites (feature
//!   `egui`).
//! - The program `nca` trains, measures, runs and imports models (feature `cli`).
//!
//! # Source
//!
//! The rule is that of Mordvintsev, Randazzo, Niklasson and Levin, [Growing Neural Cellular
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

/// The types that most games use.
pub mod prelude {
    #[cfg(feature = "egui")]
    pub use crate::inspector::{NcaInspector, NcaInspectorPlugin};
    #[cfg(feature = "avian2d")]
    pub use crate::sprite::{NcaCollider, NcaImpact};
    pub use crate::{
        rule::Shape,
        sprite::{
            NcaAliveMask, NcaArmor, NcaArt, NcaBackend, NcaBlast, NcaCellsRead, NcaClock, NcaCondition, NcaDamage,
            NcaDebris, NcaDiagnosticsPlugin, NcaDied, NcaDirections, NcaEngine, NcaFilter, NcaForm, NcaFormName,
            NcaFormStop, NcaGrown, NcaHeal, NcaHeld, NcaHit, NcaKillBelow, NcaModel, NcaMorphed, NcaPace, NcaPaint,
            NcaPieceFate, NcaPieceLimit, NcaPieceOf, NcaPieces, NcaPlugin, NcaPrecision, NcaProbe, NcaReadCells,
            NcaRegrown, NcaRelief, NcaReliefKind, NcaRestore, NcaRestoreFailed, NcaRollback, NcaRollbackError, NcaSave,
            NcaSaved, NcaSever, NcaSevered, NcaShed, NcaShedCell, NcaShedding, NcaSkin, NcaSleeping,
            NcaSleepingDisabled, NcaSnapshot, NcaSnapshotError, NcaSpace, NcaSystems, NcaTexture, NcaTiling, NcaVitals,
            NcaWound, NcaWounded, NcaWriteCells,
        },
    };
}
