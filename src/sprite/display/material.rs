//! Materials, which show a part of an image through their texture coordinates.

use std::marker::PhantomData;

use bevy::{
    asset::{AssetMut, UntypedAssetId, VisitAssetDependencies},
    ecs::{entity_disabling::Disabled, query::Allow},
    image::TRANSPARENT_IMAGE_HANDLE,
    math::Affine2,
    prelude::*,
    render::{
        Render, RenderApp, RenderSystems,
        erased_render_asset::{ErasedRenderAsset, prepare_erased_assets},
        render_asset::prepare_assets,
        texture::GpuImage,
    },
};

use super::display_trait::Display;
use crate::sprite::{
    components::{NcaRelief, NcaTiling},
    simulation::AtlasRegion,
};

/// A material binds the texture of an atlas, so it must be prepared after the atlas.
pub(crate) struct MaterialOrderPlugin<M>(PhantomData<M>);

impl<M> Default for MaterialOrderPlugin<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<M: Material> Plugin for MaterialOrderPlugin<M>
where
    MeshMaterial3d<M>: ErasedRenderAsset,
{
    fn build(&self, _: &mut App) {}

    fn finish(&self, app: &mut App) {
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else { return };
        render_app.add_systems(
            Render,
            (|| ())
                .in_set(RenderSystems::PrepareAssets)
                .after(prepare_assets::<GpuImage>)
                .before(prepare_erased_assets::<MeshMaterial3d<M>>),
        );
    }
}

/// A material keeps the texture that it was prepared with. If the image of an [`NcaTiling`](crate::NcaTiling) or its
/// [relief](crate::NcaRelief) is replaced, as
/// by one of another size, the materials that use it are prepared again.
pub(super) fn follow_tiles(
    mut changes: Option<MessageReader<AssetEvent<Image>>>,
    tilings: Query<(&NcaTiling, Option<&NcaRelief>), Allow<Disabled>>,
    materials: Option<ResMut<Assets<StandardMaterial>>>,
) {
    let is_ours = |image: AssetId<Image>| {
        let mut images = tilings.iter();
        images.any(|(tiling, relief)| {
            tiling.image.id() == image || relief.is_some_and(|relief| relief.image.id() == image)
        })
    };
    let replaced = |change: &AssetEvent<Image>| match change {
        AssetEvent::Modified { id } if is_ours(*id) => Some(id.untyped()),
        _ => None,
    };
    let replaced: Vec<UntypedAssetId> = changes.iter_mut().flat_map(MessageReader::read).filter_map(replaced).collect();
    let Some(mut materials) = materials.filter(|_| !replaced.is_empty()) else { return };
    let materials = materials.bypass_change_detection();
    let shows = |material: &StandardMaterial| {
        let mut shows = false;
        material.visit_dependencies(&mut |texture| shows |= replaced.contains(&texture));
        shows
    };
    let users: Vec<_> = materials.iter().filter(|(_, material)| shows(material)).map(|(id, _)| id).collect();
    for user in users {
        // A mutable borrow makes the renderer prepare the material again.
        materials.get_mut(user).map(AssetMut::into_inner);
    }
}

/// The textures of a material.
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

    /// The textures that show a region. A material with an emissive color glows in the colors of the region.
    fn showing(
        material: &'a StandardMaterial,
        region: Option<AtlasRegion<'a>>,
        is_ours: &dyn Fn(&Handle<Image>) -> bool,
    ) -> Self {
        let now = Self::of(material);
        let is_free = |texture: Option<&Handle<Image>>| {
            texture.is_none_or(|texture| is_ours(texture) || *texture == TRANSPARENT_IMAGE_HANDLE)
        };
        // A placeholder that the game has set stays until there is a region.
        if region.is_none() && !is_free(now.base_color) {
            return now;
        }
        let image = region.map_or(&TRANSPARENT_IMAGE_HANDLE, |region| region.image);
        let shows_ours = now.base_color.is_some_and(is_ours);
        let glows = material.emissive != LinearRgba::BLACK;
        let is_ours = is_free(now.emissive) || now.emissive == Some(image);
        Self {
            base_color: Some(image),
            emissive: if is_ours { glows.then_some(image) } else { now.emissive },
            uv_transform: match region {
                // The game says how often it repeats.
                Some(region) if region.tiles() && (!shows_ours || now.base_color == Some(image)) => now.uv_transform,
                Some(AtlasRegion { rect, image_size, .. }) => {
                    Affine2::from_scale_angle_translation(rect.size() / image_size, 0.0, rect.min / image_size)
                }
                None if !shows_ours => now.uv_transform,
                None => Affine2::IDENTITY,
            },
        }
    }
}

impl Display for MeshMaterial3d<StandardMaterial> {
    type Context = Option<ResMut<'static, Assets<StandardMaterial>>>;

    const IS_ASSET: bool = true;
    const SHOWS_SKINS: bool = true;

    fn shows(&self, image: &Handle<Image>, materials: &Option<ResMut<Assets<StandardMaterial>>>) -> bool {
        let material = materials.as_ref().and_then(|materials| materials.get(&self.0));
        material.is_some_and(|material| material.base_color_texture.as_ref() == Some(image))
    }

    fn show(
        display: Mut<Self>,
        region: Option<AtlasRegion>,
        is_ours: &dyn Fn(&Handle<Image>) -> bool,
        materials: &mut Option<ResMut<Assets<StandardMaterial>>>,
    ) {
        let Some(materials) = materials else { return };
        let materials = materials.bypass_change_detection();
        let Some(material) = materials.get(&display.0) else { return };
        let wanted = Textures::showing(material, region, is_ours);
        if wanted == Textures::of(material) {
            return;
        }
        let Textures { base_color, emissive, uv_transform } = wanted;
        let (base_color, emissive) = (base_color.cloned(), emissive.cloned());
        // A mutable borrow makes the renderer prepare the material again.
        if let Some(mut material) = materials.get_mut(&display.0) {
            (material.base_color_texture, material.emissive_texture) = (base_color, emissive);
            material.uv_transform = uv_transform;
        }
    }
}
