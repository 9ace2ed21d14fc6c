//! Displays: components that show a part of an image.

use std::marker::PhantomData;

use bevy::{
    ecs::{
        component::{ComponentId, Mutable},
        entity_disabling::Disabled,
        query::Allow,
        system::{StaticSystemParam, SystemParam},
    },
    prelude::*,
};

use crate::sprite::{
    components::{NcaTexture, OfTextures, Placement},
    populations::Populations,
    sets::NcaSystems,
    simulation::AtlasRegion,
};

/// A component that shows a part of an image.
pub(super) trait Display: Component<Mutability = Mutable> {
    /// The other parameters of [`show`](Self::show).
    type Context: SystemParam + 'static;

    /// Whether the component refers to an asset that holds the image. The asset may change while the component stays, and
    /// stay when the component goes.
    const IS_ASSET: bool = false;

    /// Whether it shows the art of an [`NcaSkin`](crate::NcaSkin) instead.
    const SHOWS_SKINS: bool = false;

    /// Whether it shows an image.
    fn shows(&self, image: &Handle<Image>, context: &<Self::Context as SystemParam>::Item<'_, '_>) -> bool;

    /// Shows a region of an atlas, or nothing. `is_ours` recognizes the images of the plugin: an image that the game
    /// has set stays until there is a region. Marks the component as changed only if it changes.
    fn show(
        display: Mut<Self>,
        region: Option<AtlasRegion>,
        is_ours: &dyn Fn(&Handle<Image>) -> bool,
        context: &mut <Self::Context as SystemParam>::Item<'_, '_>,
    );
}

/// The components that show sprites.
#[derive(Resource, Default)]
pub(super) struct DisplayComponents(pub(super) Vec<ComponentId>);

/// Registers a component that shows sprites: one without any causes a warning.
pub(crate) fn register_display<D: Component>(app: &mut App) {
    let id = app.world_mut().register_component::<D>();
    app.world_mut().get_resource_or_init::<DisplayComponents>().0.push(id);
}

/// Shows sprites on the displays of one type.
pub(super) struct DisplayPlugin<D>(PhantomData<D>);

impl<D> Default for DisplayPlugin<D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<D: Display> Plugin for DisplayPlugin<D> {
    fn build(&self, app: &mut App) {
        register_display::<D>(app);
        app.add_systems(PostUpdate, show::<D>.before(remember_shown).in_set(NcaSystems::Show))
            .add_observer(release::<D, Remove, NcaTexture>);
        if D::IS_ASSET {
            app.add_observer(release::<D, Discard, D>);
        }
    }
}

/// Shows the regions of instances: on displays that have changed, and on all displays when an atlas has a new layout.
fn show<D: Display>(
    mut displays: Query<(&mut D, Ref<Placement>), OfTextures>,
    populations: Res<Populations>,
    context: StaticSystemParam<D::Context>,
    mut layouts: Local<u64>,
) {
    let all = std::mem::replace(&mut *layouts, populations.layouts) != populations.layouts;
    let mut context = context.into_inner();
    for (display, placement) in &mut displays {
        if all || placement.is_changed() || display.is_changed() || D::IS_ASSET {
            if placement.is_skinned && D::SHOWS_SKINS {
                continue;
            }
            // Tissue is no picture.
            let region = placement.id.filter(|_| !placement.is_skinned).and_then(|id| populations.region(id));
            let is_ours = |image: &Handle<Image>| is_shown(&placement, image) || populations.owns(image.id());
            D::show(display, region, &is_ours, &mut context);
        }
    }
}

/// When the texture is removed, or a component whose asset stays, clears the display if it still shows the atlas. Its region
/// will soon show another sprite.
fn release<D: Display, E: EntityEvent, B: Bundle>(
    removed: On<E, B>,
    mut displays: Query<(&mut D, &Placement), OfTextures>,
    context: StaticSystemParam<D::Context>,
) {
    let Ok((display, placement)) = displays.get_mut(removed.event_target()) else { return };
    let mut context = context.into_inner();
    if placement.shown.as_ref().is_some_and(|shown| display.shows(shown, &context)) {
        D::show(display, None, &|image| is_shown(placement, image), &mut context);
    }
}

/// Whether an image is the one that the plugin has shown.
fn is_shown(placement: &Placement, image: &Handle<Image>) -> bool {
    placement.shown.as_ref() == Some(image)
}

/// Remembers the atlas that displays show, to recognize it after the instance is removed.
pub(super) fn remember_shown(
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
