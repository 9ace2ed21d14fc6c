//! The one place where the main world and the render world meet.

use bevy::{prelude::*, render::MainWorld};

use super::{cells::CellsInbox, populations::Populations, upload::AtlasUploads, vitals::CensusInbox};
use crate::gpu::GpuPopulations;

/// Moves work to the render world, and what was read back to the main world.
pub(super) fn extract(mut main: ResMut<MainWorld>, mut gpu: ResMut<GpuPopulations>, mut uploads: ResMut<AtlasUploads>) {
    if let Some(mut populations) = main.get_resource_mut::<Populations>() {
        populations.bypass_change_detection().send(&mut gpu, uploads.bypass_change_detection());
    }
    if let Some(mut inbox) = main.get_resource_mut::<CensusInbox>() {
        gpu.take_census(&mut inbox.bypass_change_detection().0);
    }
    let read = gpu.take_cells();
    if let Some(mut inbox) = main.get_resource_mut::<CellsInbox>().filter(|_| !read.is_empty()) {
        inbox.0.extend(read);
    }
}
