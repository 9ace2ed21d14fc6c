//! Skins in 3D: materials whose maps are looked up at living coordinates.

use bevy::{
    asset::embedded_asset,
    ecs::{entity_disabling::Disabled, query::Allow},
    image::TRANSPARENT_IMAGE_HANDLE,
    math::Affine2,
    mesh::MeshVertexBufferLayoutRef,
    pbr::{ExtendedMaterial, MaterialExtension, MaterialExtensionKey, MaterialExtensionPipeline, PbrPlugin},
    prelude::*,
    render::{
        erased_render_asset::ErasedRenderAssetPlugin,
        render_resource::{AsBindGroup, RenderPipelineDescriptor, ShaderType, SpecializedMeshPipelineError},
    },
    shader::{ShaderDefVal, ShaderRef},
};

use super::tissue::{Tissue, Tissued};
use crate::sprite::{
    components::{NcaSkin, NcaTexture, OfSkins, Placement},
    display::{MaterialOrderPlugin, register_display},
    populations::Populations,
};

/// The material of an [`NcaSkin`] in 3D: a [`StandardMaterial`] and the living tissue through which its maps are seen.
///
/// The plugin makes it from the `MeshMaterial3d<StandardMaterial>` beside the skin, and follows the changes of that
/// material. All maps are looked up at the living coordinates: base color, emissive, normals, roughness, occlusion,
/// depth. An opaque material becomes a masked one, because a wound is a hole; the alpha of its art is still ignored.
pub type NcaSkinMaterial = ExtendedMaterial<StandardMaterial, NcaSkinExtension>;

/// The living tissue of an [`NcaSkinMaterial`]. The plugin sets it.
#[derive(Asset, AsBindGroup, Reflect, Clone, Debug, Default, PartialEq)]
#[reflect(Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaSkinExtension {
    #[uniform(100)]
    #[reflect(ignore)]
    skin: Skin,
    #[texture(101)]
    #[sampler(102)]
    tissue: Option<Handle<Image>>,
    #[texture(103)]
    grown: Option<Handle<Image>>,
    #[texture(104, filterable = false)]
    uv: Option<Handle<Image>>,
}

/// `Skin` in `surface.wgsl`.
#[derive(ShaderType, Clone, Copy, Debug, Default, PartialEq)]
struct Skin {
    slot: Vec4,
    frame: Vec4,
    region: Vec4,
    lost: Vec4,
    part: Vec4,
    rotation: Vec2,
    pixels: Vec2,
    atlas: Vec2,
    tissue: f32,
    opaque: f32,
    uv: u32,
}

impl NcaSkinExtension {
    /// Tissue on a material. The alpha of an opaque one is ignored.
    fn new(tissue: Option<Tissue>, is_opaque: bool, images: Option<&Assets<Image>>) -> Self {
        let opaque = if is_opaque { 1.0 } else { 0.0 };
        let Some(tissue) = tissue else { return Self { skin: Skin { opaque, ..default() }, ..default() } };
        let Tissue { atlas, atlas_size, slot, grown, kind, rotation, fit, lost, pixelated, uv, .. } = tissue;
        let image = |id: AssetId<Image>| images?.get(id);
        let size = image(fit.art).map_or(Vec2::ONE, Image::size_f32);
        let uv_is_srgb = fit.uv.and_then(image).is_some_and(|uv| uv.texture_descriptor.format.is_srgb());
        let corners = |Rect { min, max }: Rect| Vec4::new(min.x, min.y, max.x - min.x, max.y - min.y);
        Self {
            skin: Skin {
                slot: corners(slot),
                frame: corners(fit.frame),
                region: corners(fit.region),
                lost: lost.to_vec4(),
                part: corners(Rect { min: fit.part.min / size, max: fit.part.max / size }),
                rotation,
                pixels: if pixelated { fit.part.size() } else { Vec2::ZERO },
                atlas: atlas_size,
                tissue: kind,
                opaque,
                uv: fit.uv.map_or(0, |_| 1 + u32::from(uv_is_srgb)),
            },
            tissue: Some(atlas),
            grown: Some(grown),
            uv: fit.uv.map(|_| uv),
        }
    }

    /// Whether the alpha of the art is ignored.
    pub(super) fn is_opaque(&self) -> bool {
        self.skin.opaque > 0.0
    }
}

impl MaterialExtension for NcaSkinExtension {
    fn fragment_shader() -> ShaderRef {
        "embedded://bevy_nca/sprite/skin/surface.wgsl".into()
    }

    fn prepass_fragment_shader() -> ShaderRef {
        Self::fragment_shader()
    }

    fn deferred_fragment_shader() -> ShaderRef {
        Self::fragment_shader()
    }

    fn specialize(
        _: &MaterialExtensionPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        _: &MeshVertexBufferLayoutRef,
        _: MaterialExtensionKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        let Some(fragment) = &mut descriptor.fragment else { return Ok(()) };
        let has = |name: &str| {
            fragment.shader_defs.iter().any(|def| matches!(def, ShaderDefVal::Bool(found, true) if found == name))
        };
        if has("PREPASS_PIPELINE") && !has("NORMAL_PREPASS_OR_DEFERRED_PREPASS") {
            fragment.shader_defs.push("DEPTH_ONLY".into());
        }
        Ok(())
    }
}

/// Draws skins on the surfaces of meshes.
pub(super) struct SurfacePlugin;

impl Plugin for SurfacePlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "surface.wgsl");
        register_display::<MeshMaterial3d<NcaSkinMaterial>>(app);
        app.add_observer(on_skin_removed);
    }

    // Bevy's renderer of materials is known by now, wherever this plugin was added.
    fn finish(&self, app: &mut App) {
        if app.is_plugin_added::<PbrPlugin>() {
            app.add_plugins(MaterialPlugin::<NcaSkinMaterial>::default());
            // Plugins that are added now are not finished by the app.
            ErasedRenderAssetPlugin::<MeshMaterial3d<NcaSkinMaterial>>::default().finish(app);
            MaterialOrderPlugin::<NcaSkinMaterial>::default().finish(app);
        } else {
            app.init_asset::<NcaSkinMaterial>();
        }
    }
}

/// The material that a skin is made from, and the entity that it was made for: a copy of an entity needs its own.
#[derive(Component, Clone)]
pub(super) struct Worn {
    base: Handle<StandardMaterial>,
    of: Entity,
}

type Unworn<'w, 's> = Query<
    'w,
    's,
    (Entity, &'static MeshMaterial3d<StandardMaterial>, &'static NcaSkin, &'static Placement),
    (With<NcaTexture>, Allow<Disabled>),
>;
type Wearing<'w, 's> = Query<
    'w,
    's,
    (Entity, &'static Worn, &'static MeshMaterial3d<NcaSkinMaterial>, &'static NcaSkin, &'static Placement),
    Allow<Disabled>,
>;

/// Makes the materials of skins, and follows the materials that they are made from.
pub(super) fn wear(
    (unworn, wearing): (Unworn, Wearing),
    populations: Res<Populations>,
    materials: Option<Res<Assets<StandardMaterial>>>,
    mut changes: Option<MessageReader<AssetEvent<StandardMaterial>>>,
    mut skins: ResMut<Assets<NcaSkinMaterial>>,
    mut commands: Commands,
) {
    let Some(materials) = materials else { return };
    let worn = |base: &Handle<StandardMaterial>, skin: &NcaSkin, placement: &Placement| {
        let is_picture = |image: &Handle<Image>| {
            *image == TRANSPARENT_IMAGE_HANDLE
                || placement.shown.as_ref() == Some(image)
                || populations.owns(image.id())
        };
        Some(with_holes(materials.get(base)?.clone(), &skin.art, is_picture))
    };
    for change in changes.iter_mut().flat_map(MessageReader::read) {
        let AssetEvent::Modified { id } = change else { continue };
        for (_, Worn { base, .. }, surface, skin, placement) in wearing.iter().filter(|found| found.1.base.id() == *id)
        {
            if let Some((made, mut material)) = worn(base, skin, placement).zip(skins.get_mut(&surface.0)) {
                (material.base, material.extension.skin.opaque) = (made.base, made.extension.skin.opaque);
            }
        }
    }
    let new = unworn.iter().map(|(entity, material, skin, placement)| (entity, &material.0, skin, placement));
    let copied = wearing.iter().filter(|(entity, worn, ..)| worn.of != *entity);
    let copied = copied.map(|(entity, worn, _, skin, placement)| (entity, &worn.base, skin, placement));
    for (entity, base, skin, placement) in new.chain(copied) {
        let Some(made) = worn(base, skin, placement) else { continue };
        commands
            .entity(entity)
            .try_remove::<MeshMaterial3d<StandardMaterial>>()
            .try_insert((MeshMaterial3d(skins.add(made)), Worn { base: base.clone(), of: entity }));
    }
}

/// A material that shows the holes of wounds. A picture of the cells is no art.
fn with_holes(
    mut base: StandardMaterial,
    art: &Handle<Image>,
    is_picture: impl Fn(&Handle<Image>) -> bool,
) -> NcaSkinMaterial {
    let is_opaque = base.alpha_mode == AlphaMode::Opaque;
    if is_opaque {
        base.alpha_mode = AlphaMode::Mask(0.5);
    }
    if base.base_color_texture.as_ref().is_some_and(&is_picture) {
        (base.base_color_texture, base.uv_transform) = (None, Affine2::IDENTITY);
        base.emissive_texture.take_if(|emissive| is_picture(emissive));
    }
    if base.base_color_texture.is_none() && *art != Handle::default() {
        base.base_color_texture = Some(art.clone());
    }
    ExtendedMaterial { base, extension: NcaSkinExtension::new(None, is_opaque, None) }
}

/// The mesh shows its own material again.
fn on_skin_removed(
    removed: On<Remove, (NcaSkin, NcaTexture)>,
    worn: Query<&Worn, Allow<Disabled>>,
    mut commands: Commands,
) {
    let Ok(worn) = worn.get(removed.entity) else { return };
    commands
        .entity(removed.entity)
        .try_remove::<(Worn, MeshMaterial3d<NcaSkinMaterial>)>()
        .try_insert(MeshMaterial3d(worn.base.clone()));
}

/// Shows the tissue of skins on their materials.
pub(super) fn show(
    surfaces: Query<(&MeshMaterial3d<NcaSkinMaterial>, Tissued), OfSkins>,
    populations: Res<Populations>,
    images: Option<Res<Assets<Image>>>,
    mut materials: ResMut<Assets<NcaSkinMaterial>>,
) {
    let materials = materials.bypass_change_detection();
    for (surface, tissued) in &surfaces {
        let Some(NcaSkinMaterial { extension: now, .. }) = materials.get(&surface.0) else { continue };
        let extension = NcaSkinExtension::new(Tissue::of(tissued, &populations), now.is_opaque(), images.as_deref());
        if *now != extension
            && let Some(mut material) = materials.get_mut(&surface.0)
        {
            material.extension = extension;
        }
    }
}
