//! The plugin. It adds the plugins of each concern, and orders the system sets.

use bevy::{
    asset::{AssetEventSystems, AssetServer},
    ecs::{intern::Interned, schedule::ScheduleLabel},
    prelude::*,
};

use super::{
    components::NcaBackend,
    debris::DebrisPlugin,
    display::DisplaysPlugin,
    render_bridge::RenderBridgePlugin,
    sets::NcaSystems,
    skin::SkinPlugin,
    spatial::FramesPlugin,
    systems::{
        BackendPlugin, ClockPlugin, DamagePlugin, DirectionsPlugin, FormPlugin, LifecyclePlugin, ReadBackPlugin,
        SeverPlugin, SleepPlugin, VitalsPlugin,
    },
};
use crate::gpu::NcaPrecision;

/// Grows and heals every [`NcaTexture`](super::NcaTexture).
///
/// Add it after `DefaultPlugins`. It panics without Bevy's `AssetPlugin`. Without a renderer, or with one that has no
/// compute shaders, the CPU simulates the cells. (Bevy's `RenderPlugin` panics without a GPU driver; leave it out on a
/// server.)
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// App::new().add_plugins((DefaultPlugins, NcaPlugin { backend: NcaBackend::Cpu, ..default() })).run();
/// ```
#[derive(Clone, Debug)]
pub struct NcaPlugin {
    /// Which engine to use; default [`NcaBackend::Auto`].
    pub backend: NcaBackend,
    /// How the GPU stores cells; default [`NcaPrecision::Full`].
    pub precision: NcaPrecision,
    /// The schedule in which sprites tick; default [`FixedPostUpdate`], which makes the cells independent of the frame
    /// rate. The clock advances by the [`Time`] of that schedule.
    pub schedule: Interned<dyn ScheduleLabel>,
}

impl Default for NcaPlugin {
    fn default() -> Self {
        Self { backend: NcaBackend::Auto, precision: NcaPrecision::Full, schedule: FixedPostUpdate.intern() }
    }
}

impl From<NcaBackend> for NcaPlugin {
    fn from(backend: NcaBackend) -> Self {
        Self { backend, ..default() }
    }
}

impl NcaPlugin {
    /// Sprites tick in this schedule instead of [`FixedPostUpdate`]. The other fields have their defaults.
    pub fn in_schedule(schedule: impl ScheduleLabel) -> Self {
        Self { schedule: schedule.intern(), ..default() }
    }
}

impl Plugin for NcaPlugin {
    fn build(&self, app: &mut App) {
        assert!(
            app.world().contains_resource::<AssetServer>(),
            "NcaPlugin needs Bevy's AssetPlugin: add it after DefaultPlugins"
        );
        let Self { backend, precision, schedule } = *self;
        app.configure_sets(PreStartup, (NcaSystems::ChooseBackend, NcaSystems::Place).chain())
            .configure_sets(First, (NcaSystems::ChooseBackend, NcaSystems::Receive).chain())
            .configure_sets(schedule, (NcaSystems::Place, NcaSystems::Tick).chain())
            .configure_sets(
                PostUpdate,
                (
                    NcaSystems::Dress,
                    NcaSystems::Place,
                    NcaSystems::Show,
                    NcaSystems::Report,
                    NcaSystems::Answer,
                    NcaSystems::Draw,
                )
                    .chain()
                    // New and changed images reach the renderer in the same frame.
                    .before(AssetEventSystems),
            )
            .add_plugins((
                BackendPlugin { backend, precision },
                LifecyclePlugin { schedule },
                ClockPlugin { schedule },
                DirectionsPlugin { schedule },
                FormPlugin { schedule },
                SeverPlugin { schedule },
                DamagePlugin,
                VitalsPlugin,
                SleepPlugin,
                ReadBackPlugin,
                DisplaysPlugin,
                FramesPlugin,
                SkinPlugin,
                DebrisPlugin,
                RenderBridgePlugin,
            ));
        #[cfg(feature = "picking")]
        app.add_plugins(super::spatial::PickingPlugin);
        #[cfg(feature = "avian2d")]
        app.add_plugins(super::spatial::PhysicsPlugin { schedule });
    }
}
