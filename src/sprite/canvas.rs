//! What a texture is painted on: sprites, nodes of the user interface, materials.

use bevy::{
    ecs::{
        component::Mutable,
        entity_disabling::Disabled,
        query::{Allow, QueryData},
        world::DeferredWorld,
    },
    image::TRANSPARENT_IMAGE_HANDLE,
    prelude::*,
    sprite::SpriteMesh,
};

use super::{
    NcaTexture,
    populations::Populations,
    texture::{NcaSlot, OfTextures, Place},
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
    /// A `TextureAtlas` that it shows a part of.
    fn atlas(&mut self) -> &mut Option<TextureAtlas>;
    fn has_atlas(&self) -> bool;
}

/// They have the same fields.
macro_rules! canvas {
    ($canvas:ty) => {
        impl Canvas for $canvas {
            fn shown(&self) -> (&Handle<Image>, Option<Rect>) {
                (&self.image, self.rect)
            }

            fn show(&mut self, image: Handle<Image>, rect: Option<Rect>) {
                (self.image, self.rect) = (image, rect);
            }

            fn atlas(&mut self) -> &mut Option<TextureAtlas> {
                &mut self.texture_atlas
            }

            fn has_atlas(&self) -> bool {
                self.texture_atlas.is_some()
            }
        }
    };
}

canvas!(Sprite);
canvas!(SpriteMesh);
#[cfg(feature = "ui")]
canvas!(ImageNode);

/// Tells canvases where their picture is: new ones, and all once an atlas has grown and moved everyone.
pub(super) fn show<C: Canvas>(
    mut canvases: Query<(&mut C, Ref<NcaSlot>), OfTextures>,
    populations: Res<Populations>,
    mut layouts: Local<u64>,
) {
    let all = std::mem::replace(&mut *layouts, populations.layouts) != populations.layouts;
    for (mut canvas, slot) in &mut canvases {
        if !(all || slot.is_changed() || canvas.is_changed()) {
            continue;
        }
        // It would move the part that is shown to another sprite's.
        if slot.place.is_some() && canvas.has_atlas() {
            warn_once!("a texture_atlas beside an NcaTexture is removed: the texture shows its own picture");
            *canvas.atlas() = None;
        }
        let (image, rect) = canvas.shown();
        match slot.place.and_then(|place| populations.picture(place)) {
            Some(picture) if (image, rect) != (picture.image, Some(picture.rect)) => {
                canvas.show(picture.image.clone(), Some(picture.rect));
            }
            Some(_) => {}
            // Rather nothing than another sprite's slot, or the white pixel of a missing image.
            None if slot.shown.as_ref() == Some(image)
                || *image == Handle::default()
                || populations.owns(image.id()) =>
            {
                canvas.show(TRANSPARENT_IMAGE_HANDLE, None);
            }
            None => {}
        }
    }
}

/// What else on an entity could be painted, and what is not.
#[derive(QueryData)]
pub(super) struct Surfaces {
    entity: Entity,
    sprites: Has<Sprite>,
    sprite_meshes: Has<SpriteMesh>,
    meshes_2d: Has<Mesh2d>,
    meshes_3d: Has<Mesh3d>,
    #[cfg(feature = "pbr")]
    materials: Has<MeshMaterial3d<StandardMaterial>>,
    #[cfg(feature = "ui")]
    nodes: (Has<Node>, Has<ImageNode>),
}

/// Warns of textures that are beside something visible, and paint nothing.
pub(super) fn warn(new: Query<Surfaces, Visible>) {
    for surfaces in &new {
        let SurfacesItem { entity, .. } = surfaces;
        if surfaces.sprites || surfaces.sprite_meshes {
            continue;
        }
        if surfaces.meshes_2d {
            warn_once!(
                "the NcaTexture of {entity} paints nothing: it does not paint a Mesh2d; a Sprite or a SpriteMesh would be \
                 painted"
            );
        }
        #[cfg(feature = "pbr")]
        if surfaces.meshes_3d && !surfaces.materials {
            warn_once!(
                "the NcaTexture of {entity} paints nothing: beside a Mesh3d, it paints a MeshMaterial3d<StandardMaterial>"
            );
        }
        #[cfg(not(feature = "pbr"))]
        if surfaces.meshes_3d {
            warn_once!("the NcaTexture of {entity} paints nothing: Mesh3d needs this crate's feature `pbr`");
        }
        #[cfg(feature = "ui")]
        if surfaces.nodes == (true, false) {
            warn_once!("the NcaTexture of {entity} paints nothing: a node of the user interface needs an ImageNode");
        }
    }
}

type Visible = (
    With<NcaTexture>,
    Or<(Added<NcaTexture>, Added<Mesh2d>, Added<Mesh3d>)>,
    Or<(With<Mesh2d>, With<Mesh3d>, WithNode)>,
);
#[cfg(feature = "ui")]
type WithNode = With<Node>;
#[cfg(not(feature = "ui"))]
type WithNode = With<Mesh2d>;

/// Slots remember what their canvases were given, to know it again.
pub(super) fn remember(
    mut slots: Query<&mut NcaSlot, (Changed<NcaSlot>, Allow<Disabled>)>,
    populations: Res<Populations>,
) {
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
    take_back::<SpriteMesh>(world, entity, image);
    #[cfg(feature = "ui")]
    take_back::<ImageNode>(world, entity, image);
    #[cfg(feature = "pbr")]
    materials::take_back(world, entity, image);
}

#[cfg(feature = "pbr")]
pub(super) mod materials {
    //! Materials show a part of an image through their texture coordinates.

    use bevy::{
        math::Affine2,
        render::{
            Render, RenderApp, RenderSystems, erased_render_asset::prepare_erased_assets, render_asset::prepare_assets,
            texture::GpuImage,
        },
    };

    use super::*;

    /// A material binds the texture of an atlas, so it has to wait for one that has grown.
    pub(crate) fn order(app: &mut App) {
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else { return };
        render_app.add_systems(
            Render,
            (|| ())
                .in_set(RenderSystems::PrepareAssets)
                .after(prepare_assets::<GpuImage>)
                .before(prepare_erased_assets::<MeshMaterial3d<StandardMaterial>>),
        );
    }

    /// What a material shows, or is to show.
    #[derive(PartialEq)]
    struct Textures<'a> {
        base_color: Option<&'a Handle<Image>>,
        emissive: Option<&'a Handle<Image>>,
        uv_transform: Affine2,
    }

    impl<'a> Textures<'a> {
        fn of(material: &'a StandardMaterial) -> Self {
            let StandardMaterial { base_color_texture, emissive_texture, uv_transform, .. } = material;
            let (base_color, emissive) = (base_color_texture.as_ref(), emissive_texture.as_ref());
            Self { base_color, emissive, uv_transform: *uv_transform }
        }

        /// What a material that has shown `ours` is to show; it glows in the same colors if it glows.
        fn wanted(material: &'a StandardMaterial, ours: Option<&Handle<Image>>, picture: Option<Picture<'a>>) -> Self {
            let now = Self::of(material);
            let is_free = |texture: Option<&Handle<Image>>| {
                texture.is_none_or(|texture| Some(texture) == ours || *texture == TRANSPARENT_IMAGE_HANDLE)
            };
            // A placeholder of the game's own stays until there is a picture.
            if picture.is_none() && !is_free(now.base_color) {
                return now;
            }
            let image = picture.map_or(&TRANSPARENT_IMAGE_HANDLE, |picture| picture.image);
            let glows = material.emissive != LinearRgba::BLACK;
            let is_ours = is_free(now.emissive) || now.emissive == Some(image);
            Self {
                base_color: Some(image),
                emissive: if is_ours { glows.then_some(image) } else { now.emissive },
                uv_transform: picture.map_or(Affine2::IDENTITY, |Picture { rect, size, .. }| {
                    Affine2::from_scale_angle_translation(rect.size() / size, 0.0, rect.min / size)
                }),
            }
        }
    }

    /// Lets a material show a picture, or nothing.
    fn paint(
        materials: &mut Assets<StandardMaterial>,
        handle: &Handle<StandardMaterial>,
        ours: Option<&Handle<Image>>,
        picture: Option<Picture>,
    ) {
        let Some(material) = materials.get(handle) else { return };
        let wanted = Textures::wanted(material, ours, picture);
        if wanted == Textures::of(material) {
            return;
        }
        let Textures { base_color, emissive, uv_transform } = wanted;
        let (base_color, emissive) = (base_color.cloned(), emissive.cloned());
        // A change makes the renderer prepare the material anew.
        if let Some(mut material) = materials.get_mut(handle) {
            (material.base_color_texture, material.emissive_texture) = (base_color, emissive);
            material.uv_transform = uv_transform;
        }
    }

    /// Tells materials where their picture is.
    pub(crate) fn show(
        canvases: Query<(&MeshMaterial3d<StandardMaterial>, &NcaSlot), OfTextures>,
        materials: Option<ResMut<Assets<StandardMaterial>>>,
        populations: Res<Populations>,
    ) {
        let Some(mut materials) = materials else { return };
        for (handle, slot) in &canvases {
            let picture = slot.place.and_then(|place| populations.picture(place));
            paint(materials.bypass_change_detection(), handle, slot.shown.as_ref(), picture);
        }
    }

    /// An entity is given another material, or none: the one that it had shows its picture no more.
    pub(crate) fn on_discard(
        discarded: On<Discard, MeshMaterial3d<StandardMaterial>>,
        canvases: Query<(&MeshMaterial3d<StandardMaterial>, &NcaSlot), Allow<Disabled>>,
        materials: Option<ResMut<Assets<StandardMaterial>>>,
    ) {
        let (Ok((handle, slot)), Some(mut materials)) = (canvases.get(discarded.entity), materials) else { return };
        if let Some(image) = &slot.shown {
            forget(&mut materials, handle, image);
        }
    }

    pub(super) fn take_back(world: &mut DeferredWorld, entity: Entity, image: &Handle<Image>) {
        let handle = world.get::<MeshMaterial3d<StandardMaterial>>(entity).map(|handle| handle.0.clone());
        if let (Some(handle), Some(mut materials)) = (handle, world.get_resource_mut::<Assets<StandardMaterial>>()) {
            forget(&mut materials, &handle, image);
        }
    }

    fn forget(materials: &mut Assets<StandardMaterial>, handle: &Handle<StandardMaterial>, image: &Handle<Image>) {
        let shows = |material: &StandardMaterial| material.base_color_texture.as_ref() == Some(image);
        if materials.get(handle).is_some_and(shows) {
            paint(materials, handle, Some(image), None);
        }
    }
}
