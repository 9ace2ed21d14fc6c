//! The components that show a sprite: sprites, UI nodes and materials.
//!
//! To add a display, implement `Display` for the component that shows an image, and add a `DisplayPlugin` for it below.

mod display_trait;
mod image;
#[cfg(feature = "pbr")]
mod material;
mod relief;
mod warnings;

use bevy::{
    prelude::*,
    render::{ExtractSchedule, RenderApp},
    sprite::SpriteMesh,
};

#[cfg(feature = "pbr")]
pub(crate) use self::display_trait::register_display;
use self::display_trait::{DisplayPlugin, remember_shown};
#[cfg(feature = "pbr")]
pub(crate) use self::material::MaterialOrderPlugin;
use super::{populations::Populations, sets::NcaSystems};

/// Shows sprites on everything that can show them.
pub(crate) struct DisplaysPlugin;

impl Plugin for DisplaysPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins((DisplayPlugin::<Sprite>::default(), DisplayPlugin::<SpriteMesh>::default()));
        #[cfg(feature = "ui")]
        app.add_plugins(DisplayPlugin::<ImageNode>::default());
        #[cfg(feature = "pbr")]
        app.add_plugins((
            DisplayPlugin::<MeshMaterial3d<StandardMaterial>>::default(),
            MaterialOrderPlugin::<StandardMaterial>::default(),
        ))
        .add_systems(PostUpdate, material::follow_tiles.in_set(NcaSystems::Show));
        app.add_systems(PostUpdate, remember_shown.in_set(NcaSystems::Show))
            // Its commands would cost a synchronization point between the other sets.
            .add_systems(Last, warnings::warn_of_unpainted.in_set(NcaSystems::Show))
            .add_systems(PostUpdate, draw.in_set(NcaSystems::Draw))
            .add_systems(PostUpdate, relief::fit_reliefs.in_set(NcaSystems::Draw));
        if let Some(render_app) = app.get_sub_app_mut(RenderApp) {
            render_app.add_systems(ExtractSchedule, relief::extract_reliefs);
        }
    }
}

/// The CPU backend draws what has changed.
fn draw(mut populations: ResMut<Populations>, mut images: Option<ResMut<Assets<Image>>>) {
    for population in populations.bypass_change_detection().iter_mut() {
        population.draw(images.as_deref_mut());
    }
}
