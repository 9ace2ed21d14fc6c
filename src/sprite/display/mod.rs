//! What a sprite is shown on: sprites, nodes of the user interface, materials.
//!
//! To add a display, implement [`Display`] for the component that shows an image, and add a [`DisplayPlugin`] for it.

mod image;
#[cfg(feature = "pbr")]
mod material;
mod warnings;

use std::marker::PhantomData;

use bevy::{
    ecs::{
        component::Mutable,
        entity_disabling::Disabled,
        query::Allow,
        system::{StaticSystemParam, SystemParam},
    },
    prelude::*,
    sprite::SpriteMesh,
};

use super::{
    components::{NcaTexture, OfTextures, Placement},
    populations::Populations,
    sets::NcaSystems,
    simulation::AtlasRegion,
};

/// A component that shows a part of an image.
trait Display: Component<Mutability = Mutable> {
    /// What else it takes to change what is shown.
    type Context: SystemParam + 'static;

    /// Whether the image may change without a change of the component.
    const CAN_CHANGE_UNSEEN: bool = false;

    /// Shows a region of an atlas, or nothing. `is_ours` recognizes images that the plugin or nobody has set: an image
    /// that the game has set stays until there is a region. Marks nothing as changed unless it changes.
    fn show(
        display: Mut<Self>,
        region: Option<AtlasRegion>,
        is_ours: &dyn Fn(&Handle<Image>) -> bool,
        context: &mut <Self::Context as SystemParam>::Item<'_, '_>,
    );
}

/// Shows sprites on the displays of one type.
struct DisplayPlugin<D>(PhantomData<D>);

impl<D: Display> Plugin for DisplayPlugin<D> {
    fn build(&self, app: &mut App) {
        app.add_systems(PostUpdate, show::<D>.before(remember_shown).in_set(NcaSystems::Show))
            .add_observer(release::<D>);
    }
}

/// Shows sprites on everything that can show them.
pub(crate) struct DisplaysPlugin;

impl Plugin for DisplaysPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins((DisplayPlugin::<Sprite>(PhantomData), DisplayPlugin::<SpriteMesh>(PhantomData)));
        #[cfg(feature = "ui")]
        app.add_plugins(DisplayPlugin::<ImageNode>(PhantomData));
        #[cfg(feature = "pbr")]
        app.add_plugins((
            DisplayPlugin::<MeshMaterial3d<StandardMaterial>>(PhantomData),
            material::MaterialOrderPlugin,
        ));
        app.add_systems(PostUpdate, (warnings::warn_of_unpainted, remember_shown).in_set(NcaSystems::Show))
            .add_systems(PostUpdate, draw.in_set(NcaSystems::Draw));
    }
}

/// Shows the regions of instances: on new displays, and on all when an atlas has a new layout.
fn show<D: Display>(
    mut displays: Query<(&mut D, Ref<Placement>), OfTextures>,
    populations: Res<Populations>,
    context: StaticSystemParam<D::Context>,
    mut layouts: Local<u64>,
) {
    let all = std::mem::replace(&mut *layouts, populations.layouts) != populations.layouts;
    let mut context = context.into_inner();
    for (display, placement) in &mut displays {
        if all || placement.is_changed() || display.is_changed() || D::CAN_CHANGE_UNSEEN {
            let region = placement.id.and_then(|id| populations.region(id));
            let is_ours = |image: &Handle<Image>| is_shown(&placement, image) || populations.owns(image.id());
            D::show(display, region, &is_ours, &mut context);
        }
    }
}

/// The texture goes, or the display: what it shows will soon be another sprite.
fn release<D: Display>(
    removed: On<Discard, (NcaTexture, D)>,
    mut displays: Query<(&mut D, &Placement), OfTextures>,
    context: StaticSystemParam<D::Context>,
) {
    if let Ok((display, placement)) = displays.get_mut(removed.entity) {
        D::show(display, None, &|image| is_shown(placement, image), &mut context.into_inner());
    }
}

/// Whether an image is the one that the plugin has shown.
fn is_shown(placement: &Placement, image: &Handle<Image>) -> bool {
    placement.shown.as_ref() == Some(image)
}

/// Remembers the atlas that displays show, to recognize it when the instance has gone.
fn remember_shown(
    mut placements: Query<&mut Placement, (Changed<Placement>, Allow<Disabled>)>,
    populations: Res<Populations>,
) {
    for mut placement in &mut placements {
        let placement = placement.bypass_change_detection();
        let region = placement.id.and_then(|id| populations.region(id));
        let image = region.map(|region| region.image);
        if placement.shown.as_ref() != image {
            placement.shown = image.cloned();
        }
    }
}

/// The CPU backend draws what has changed.
fn draw(mut populations: ResMut<Populations>, mut images: Option<ResMut<Assets<Image>>>) {
    for population in populations.bypass_change_detection().iter_mut() {
        population.draw(images.as_deref_mut());
    }
}
