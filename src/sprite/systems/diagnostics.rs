//! Diagnostics for Bevy's overlays and logs.

use bevy::{
    diagnostic::{Diagnostic, DiagnosticPath, Diagnostics, RegisterDiagnostic},
    prelude::*,
};

use super::clock::FrameTicks;
use crate::sprite::{populations::Populations, sets::NcaSystems};

/// Adds diagnostics of the simulation, which Bevy's `DiagnosticsOverlay` and `LogDiagnosticsPlugin` show.
///
/// Add it beside [`NcaPlugin`](crate::NcaPlugin). It does not measure the compute passes on the GPU: Bevy's
/// `RenderDiagnosticsPlugin` measures them as `render/nca`.
///
/// ```no_run
/// # use bevy::{diagnostic::LogDiagnosticsPlugin, prelude::*};
/// # use bevy_nca::prelude::*;
/// let mut app = App::new();
/// app.add_plugins((DefaultPlugins, NcaPlugin::default(), NcaDiagnosticsPlugin, LogDiagnosticsPlugin::default()));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NcaDiagnosticsPlugin;

impl NcaDiagnosticsPlugin {
    /// The number of sprites with cells.
    pub const SPRITES: DiagnosticPath = DiagnosticPath::const_new("nca/sprites");
    /// The number of sprites that are awake, enabled, and not stopped by [`NcaPace`](crate::NcaPace).
    pub const AWAKE: DiagnosticPath = DiagnosticPath::const_new("nca/awake");
    /// The number of ticks of the clock in a frame.
    pub const TICKS: DiagnosticPath = DiagnosticPath::const_new("nca/ticks");
    /// The number of ticks that a frame has dropped because of
    /// [`NcaClock::max_ticks_per_frame`](crate::NcaClock::max_ticks_per_frame).
    pub const DROPPED_TICKS: DiagnosticPath = DiagnosticPath::const_new("nca/dropped_ticks");
    /// The number of populations: combinations of model, grid size and content of the atlas.
    pub const POPULATIONS: DiagnosticPath = DiagnosticPath::const_new("nca/populations");
    /// The memory of cells and pictures in bytes, without working memory.
    pub const BYTES: DiagnosticPath = DiagnosticPath::const_new("nca/bytes");
}

impl Plugin for NcaDiagnosticsPlugin {
    fn build(&self, app: &mut App) {
        for (path, suffix) in [
            (Self::SPRITES, ""),
            (Self::AWAKE, ""),
            (Self::TICKS, ""),
            (Self::DROPPED_TICKS, ""),
            (Self::POPULATIONS, ""),
            (Self::BYTES, " B"),
        ] {
            app.register_diagnostic(Diagnostic::new(path).with_suffix(suffix).with_smoothing_factor(0.0));
        }
        app.add_systems(Last, measure.run_if(resource_exists::<Populations>).in_set(NcaSystems::Measure));
    }
}

fn measure(mut diagnostics: Diagnostics, mut populations: ResMut<Populations>, frame: Res<FrameTicks>) {
    let (ticks, dropped) = frame.counts();
    let (mut sprites, mut awake, mut count, mut bytes) = (0, 0, 0, 0);
    for population in populations.bypass_change_detection().iter_mut() {
        sprites += population.len();
        awake += population.active_mut().filter(|instance| instance.ticks()).count();
        count += 1;
        bytes += population.memory_bytes();
    }
    for (path, value) in [
        (NcaDiagnosticsPlugin::SPRITES, sprites as f64),
        (NcaDiagnosticsPlugin::AWAKE, awake as f64),
        (NcaDiagnosticsPlugin::TICKS, f64::from(ticks)),
        (NcaDiagnosticsPlugin::DROPPED_TICKS, f64::from(dropped)),
        (NcaDiagnosticsPlugin::POPULATIONS, f64::from(count)),
        (NcaDiagnosticsPlugin::BYTES, bytes as f64),
    ] {
        diagnostics.add_measurement(&path, || value);
    }
}
