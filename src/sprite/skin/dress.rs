//! The generic bodies of skins without a model of their own, and how art lies over its cells.

use bevy::{asset::AssetId, platform::collections::HashMap, prelude::*};

use super::{
    art::{Arts, Canvas, Sheet},
    painter::{cut, cut_like, read, read_uv},
};
use crate::{
    rule::{GenericBody, Target},
    sprite::{
        components::{FormArt, NcaModel, NcaSkin, NcaTexture, OfSkins, Placement, SkinFit},
        populations::Populations,
    },
};

/// What a generic body is made for: an image, and the parts of it that are shown at some time.
#[derive(PartialEq, Eq, Hash)]
struct Art {
    image: AssetId<Image>,
    parts: Vec<URect>,
    uv: Option<AssetId<Image>>,
    is_opaque: bool,
}

/// The generic bodies that have been made. They live as long as a sprite uses them.
#[derive(Resource, Default)]
pub(super) struct Bodies {
    /// `None` for art that has no body.
    by_art: HashMap<Art, Option<AssetId<NcaModel>>>,
    /// The part of its art that covers the target of a body.
    regions: HashMap<AssetId<NcaModel>, Rect>,
}

type Undressed<'w> = (Entity, Ref<'w, NcaSkin>, Canvas, &'w mut NcaTexture, &'w mut SkinFit, Option<&'w mut FormArt>);

/// Follows the art of skins. Gives skins without a model the generic body that fits all frames of their art, once it is
/// loaded.
pub(super) fn dress(
    mut skins: Query<Undressed, OfSkins>,
    mut changes: Option<MessageReader<AssetEvent<Image>>>,
    arts: Arts,
    mut models: ResMut<Assets<NcaModel>>,
    mut bodies: ResMut<Bodies>,
    mut commands: Commands,
) {
    let mut all = arts.is_changed();
    for change in changes.iter_mut().flat_map(MessageReader::read) {
        all = true;
        if let AssetEvent::Modified { id } | AssetEvent::Removed { id } = change {
            // Sprites keep the body that they have.
            bodies.by_art.retain(|art, _| art.image != *id && art.uv != Some(*id));
        }
    }
    for (entity, skin, mut canvas, mut texture, mut fit, form_art) in &mut skins {
        // Most skins rest: their art is the same as in the last frame.
        if fit.is_known() && !all && !skin.is_changed() && !texture.is_changed() && !canvas.is_changed() {
            continue;
        }
        canvas.take(&skin.art);
        if texture.is_changed() {
            fit.set_if_neq(SkinFit { region: bodies.region(texture.model.id()), ..*fit });
        }
        let Some(art) = arts.image(&canvas) else { continue };
        if !fit.is_known() && fit.art != art {
            fit.art = art;
        }
        let Some(sheet) = arts.sheet(&canvas, art, &skin.uv) else { continue };
        if !fit.is_known() && sheet.waits_for(&skin.uv, &arts) {
            continue;
        }
        if texture.model == Handle::default()
            && let Some(model) = bodies.model(&sheet, &mut models)
        {
            fit.set_if_neq(SkinFit { region: bodies.region(model.id()), ..*fit });
            texture.model = model;
        }
        let (part, uv, is_opaque) = (sheet.part(), sheet.uv_id(), sheet.is_opaque);
        fit.set_if_neq(SkinFit { art, part, uv, is_opaque, ..*fit });
        let parts = sheet.form_parts(skin.form_frames);
        match form_art {
            Some(mut form_art) => form_art.parts = parts,
            None if parts.is_empty() => {}
            None => _ = commands.entity(entity).insert(FormArt::new(parts)),
        }
    }
}

type Fitted<'w> = (&'w Placement, &'w mut SkinFit, Option<&'w mut FormArt>, Has<Mesh3d>);

/// Follows the grid of the cells of skins, where sprites stand in it, and their forms. Art on a mesh stays where the mesh
/// shows it.
pub(super) fn fit(mut skins: Query<Fitted, OfSkins>, populations: Res<Populations>) {
    for (placement, mut fit, form_art, is_mesh) in &mut skins {
        let found = placement.id.and_then(|id| {
            let population = populations.get(id)?;
            Some((population, population.instance(id.slot)?))
        });
        let Some((population, instance)) = found else { continue };
        let state = &instance.state;
        let pose = state.pose();
        let beside = if is_mesh { Vec2::ZERO } else { pose.upright_beside().into() };
        let mut fitted = SkinFit { frame: population.frame(), beside, ..*fit };
        let rests = !instance.ticks();
        let part = form_art.and_then(|mut art| art.bypass_change_detection().show(pose.form, state.tick, rests));
        fitted.part = part.unwrap_or(fitted.part);
        fit.set_if_neq(fitted);
    }
}

impl Bodies {
    /// The model for some art. `None` if it has no body.
    fn model(&mut self, sheet: &Sheet, models: &mut Assets<NcaModel>) -> Option<Handle<NcaModel>> {
        let art = Art { image: sheet.id, parts: sheet.parts(), uv: sheet.uv_id(), is_opaque: sheet.is_opaque };
        if let Some(model) = self.by_art.get(&art)
            && let Some(handle) = models.get_strong_handle((*model)?)
        {
            return Some(handle);
        }
        let body = body(sheet, &art);
        // Those that no sprite uses any more are gone.
        self.by_art.retain(|_, model| model.is_none_or(|model| models.contains(model)));
        self.regions.retain(|model, _| models.contains(*model));
        let handle = body.map(|(model, region)| {
            let handle = models.add(model);
            self.regions.insert(handle.id(), region);
            handle
        });
        self.by_art.insert(art, handle.as_ref().map(Handle::id));
        handle
    }

    /// Whether a model is a generic body that was made here.
    pub(super) fn are_of(&self, model: AssetId<NcaModel>) -> bool {
        self.regions.contains_key(&model)
    }

    /// The part of its art that covers the target of a model.
    fn region(&self, model: AssetId<NcaModel>) -> Rect {
        self.regions.get(&model).copied().unwrap_or(SkinFit::default().region)
    }
}

/// The body for some art, and the part of the art that covers its target.
fn body(sheet: &Sheet, art: &Art) -> Option<(NcaModel, Rect)> {
    let mut frames: Vec<Target> = match read(sheet.image) {
        Ok(whole) => art.parts.iter().map(|part| cut(&whole, part.as_rect())).collect(),
        Err(error) => {
            warn_once!("a skin lives in a rectangle, because its art cannot be read: {error}");
            let opaque = |part: &URect| {
                let [width, height] = part.size().as_usizevec2().to_array();
                Target { width, height, rgba: vec![255; width * height * 4] }
            };
            art.parts.iter().map(opaque).collect()
        }
    };
    if art.is_opaque {
        let alphas = frames.iter_mut().flat_map(|frame| frame.rgba.iter_mut().skip(3).step_by(4));
        alphas.for_each(|alpha| *alpha = 255);
    }
    let uvs = sheet.uv.map_or_else(Vec::new, |(_, uv)| {
        let uv = read_uv(uv);
        art.parts.iter().map(|part| cut_like(&uv, sheet.image.size_f32(), part.as_rect())).collect()
    });
    let (model, art) =
        GenericBody::for_frames(&frames, &uvs).inspect_err(|error| error_once!("a skin has no body: {error}")).ok()?;
    let [left, top, right, bottom] = art.region();
    Some((NcaModel::from(model), Rect::new(left, top, right, bottom)))
}
