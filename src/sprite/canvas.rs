//! What a texture is painted on: sprites, nodes of the user interface, materials.

use bevy::{
    ecs::{component::Mutable, world::DeferredWorld},
    image::TRANSPARENT_IMAGE_HANDLE,
    prelude::*,
};

use super::{
    NcaTexture,
    populations::Populations,
    texture::{NcaSlot, Place},
};

/// Where a sprite's picture is: a part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Picture<'a> {
    pub(super) image: &'a Handle<Image>,
    pub(super) rect: Rect,
    /// Width and height of the whole image.
    pub(super) size: Vec2,
}

/// A component that shows a part of an image.
pub(super) trait Canvas: Component<Mutability = Mutable> {
    fn shown(&self) -> (&Handle<Image>, Option<Rect>);
    fn show(&mut self, image: Handle<Image>, rect: Option<Rect>);
}

impl Canvas for Sprite {
    fn shown(&self) -> (&Handle<Image>, Option<Rect>) {
        (&self.image, self.rect)
    }

    fn show(&mut self, image: Handle<Image>, rect: Option<Rect>) {
        (self.image, self.rect) = (image, rect);
    }
}

#[cfg(feature = "ui")]
impl Canvas for ImageNode {
    fn shown(&self) -> (&Handle<Image>, Option<Rect>) {
        (&self.image, self.rect)
    }

    fn show(&mut self, image: Handle<Image>, rect: Option<Rect>) {
        (self.image, self.rect) = (image, rect);
    }
}

/// Tells canvases where their picture is: new ones, and all once an atlas has grown and moved everyone.
pub(super) fn show<C: Canvas>(
    mut canvases: Query<(&mut C, Ref<NcaSlot>), With<NcaTexture>>,
    populations: Res<Populations>,
    mut layouts: Local<u64>,
) {
    let all = std::mem::replace(&mut *layouts, populations.layouts) != populations.layouts;
    for (mut canvas, slot) in &mut canvases {
        if !(all || slot.is_changed() || canvas.is_changed()) {
            continue;
        }
        let (image, rect) = canvas.shown();
        match slot.place.and_then(|place| populations.picture(place)) {
            Some(picture) if (image, rect) != (picture.image, Some(picture.rect)) => {
                canvas.show(picture.image.clone(), Some(picture.rect));
            }
            Some(_) => {}
            // Rather nothing than another sprite's slot, or the white pixel of a missing image.
            None if slot.shown.as_ref() == Some(image) || *image == Handle::default() => {
                canvas.show(TRANSPARENT_IMAGE_HANDLE, None);
            }
            None => {}
        }
    }
}

/// Slots remember what their canvases were given, to know it again.
pub(super) fn remember(mut slots: Query<&mut NcaSlot, Changed<NcaSlot>>, populations: Res<Populations>) {
    for mut slot in &mut slots {
        let slot = slot.bypass_change_detection();
        let image = |place: Place| populations.picture(place).map(|picture| picture.image);
        let image = slot.place.and_then(image);
        if slot.shown.as_ref() != image {
            slot.shown = image.cloned();
        }
    }
}

/// Takes a picture back, if a canvas of the entity still shows it.
fn take_back<C: Canvas>(world: &mut DeferredWorld, entity: Entity, image: &Handle<Image>) {
    // The game may have given it an image of its own by now.
    if let Some(mut canvas) = world.get_mut::<C>(entity).filter(|canvas| canvas.shown().0 == image) {
        canvas.show(TRANSPARENT_IMAGE_HANDLE, None);
    }
}

/// Takes a picture back from every canvas of an entity. Others will be painted there.
pub(super) fn take_all_back(world: &mut DeferredWorld, entity: Entity, image: &Handle<Image>) {
    take_back::<Sprite>(world, entity, image);
    #[cfg(feature = "ui")]
    take_back::<ImageNode>(world, entity, image);
    #[cfg(feature = "pbr")]
    materials::take_back(world, entity, image);
}

#[cfg(feature = "pbr")]
pub(super) mod materials {
    //! Materials show a part of an image through their texture coordinates.

    use bevy::math::Affine2;

    use super::*;

    /// The textures of a material that are a sprite's, and the part of the image that they show.
    #[derive(PartialEq)]
    struct Textures {
        base_color: Option<Handle<Image>>,
        emissive: Option<Handle<Image>>,
        uv_transform: Affine2,
    }

    impl Textures {
        fn of(material: &StandardMaterial) -> Self {
            let StandardMaterial { base_color_texture, emissive_texture, uv_transform, .. } = material.clone();
            Self { base_color: base_color_texture, emissive: emissive_texture, uv_transform }
        }

        /// What a material that shows `ours` is to show instead; it glows in the same colors if it glows.
        fn wanted(material: &StandardMaterial, ours: Option<&Handle<Image>>, picture: Option<Picture>) -> Self {
            let image = picture.map_or(TRANSPARENT_IMAGE_HANDLE, |picture| picture.image.clone());
            let is_free = |texture: &Option<Handle<Image>>| {
                texture.as_ref().is_none_or(|texture| {
                    Some(texture) == ours || *texture == image || *texture == TRANSPARENT_IMAGE_HANDLE
                })
            };
            let glows = material.emissive != LinearRgba::BLACK;
            Self {
                emissive: match is_free(&material.emissive_texture) {
                    true => glows.then(|| image.clone()),
                    false => material.emissive_texture.clone(),
                },
                base_color: Some(image),
                uv_transform: picture.map_or(Affine2::IDENTITY, |Picture { rect, size, .. }| {
                    Affine2::from_scale_angle_translation(rect.size() / size, 0.0, rect.min / size)
                }),
            }
        }

        fn give(self, material: &mut StandardMaterial) {
            material.base_color_texture = self.base_color;
            material.emissive_texture = self.emissive;
            material.uv_transform = self.uv_transform;
        }
    }

    /// Tells materials where their picture is.
    pub(crate) fn show(
        canvases: Query<(&MeshMaterial3d<StandardMaterial>, &NcaSlot), With<NcaTexture>>,
        materials: Option<ResMut<Assets<StandardMaterial>>>,
        populations: Res<Populations>,
    ) {
        let Some(mut materials) = materials else { return };
        for (handle, slot) in &canvases {
            let Some(material) = materials.get(handle) else { continue };
            let picture = slot.place.and_then(|place| populations.picture(place));
            let wanted = Textures::wanted(material, slot.shown.as_ref(), picture);
            // A change makes the renderer prepare the material anew.
            if wanted != Textures::of(material)
                && let Some(mut material) = materials.get_mut(handle)
            {
                wanted.give(&mut material);
            }
        }
    }

    pub(super) fn take_back(world: &mut DeferredWorld, entity: Entity, image: &Handle<Image>) {
        let Some(handle) = world.get::<MeshMaterial3d<StandardMaterial>>(entity).map(|handle| handle.0.clone()) else {
            return;
        };
        let Some(mut materials) = world.get_resource_mut::<Assets<StandardMaterial>>() else { return };
        let shows = |material: &StandardMaterial| material.base_color_texture.as_ref() == Some(image);
        if materials.get(&handle).is_some_and(shows)
            && let Some(mut material) = materials.get_mut(&handle)
        {
            Textures::wanted(&material, Some(image), None).give(&mut material);
        }
    }
}
