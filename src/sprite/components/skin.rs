//! A game's own art, shown through living cells.

use bevy::{
    ecs::{entity_disabling::Disabled, lifecycle::HookContext, query::Allow, world::DeferredWorld},
    image::TRANSPARENT_IMAGE_HANDLE,
    prelude::*,
};

use super::{NcaTexture, Placement};

/// Shows a game's own art through living cells: whole, it is the art to the pixel. Wounded, it is cut open, and its own
/// pixels swim back into place.
///
/// The art has any size; it covers the rectangle of the model's target. Where a cell lives but the art is transparent,
/// nothing is shown. It is that of the same entity:
///
/// - a [`Sprite`], which a skin alone gets: its image, [`Sprite::texture_atlas`] with its index, [`Sprite::rect`], color,
///   flips and custom size, and its [`Anchor`](bevy::sprite::Anchor). Code that animates a sprite goes on as it is.
/// - an `ImageNode` (feature `ui`): the same, and its mode.
/// - a `MeshMaterial3d<StandardMaterial>` (feature `pbr`) on a mesh whose texture coordinates go from 0 to 1 once, not
///   mirrored. All its maps are seen through the tissue: base color, emissive, normals, roughness, occlusion, depth. A
///   wound is a hole, in its shadow too. The plugin replaces the material by an `NcaSkinMaterial` of its own, and follows
///   its changes.
///
/// Insert the skin together with these, or after them. A skin lives once its art is loaded. If the art is loaded again
/// with another outline, a sprite keeps the body that it has.
///
/// Without a model of its own ([`NcaTexture::model`]), the sprite lives in the [generic
/// body](crate::rule::GenericBody) that fits its art, without any training: all frames of its atlas that have the size of
/// the present one. If the game animates [`Sprite::rect`] or replaces the image instead, the body is that of the first
/// frame. To get another body, set [`NcaTexture::model`] back to the default handle.
///
/// Sprites with the same model and the same image are drawn in one draw call, in the order of z with other sprites. A skin
/// ignores [`NcaTexture::crisp`] and [`NcaTexture::smooth`], and the rounded corners of a node. Sliced and tiled images
/// show no skin. A `SpriteMesh` beside it stays transparent. Adding or removing a skin restarts the sprite; to show plain
/// art again, remove its [`NcaTexture`] too.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn(NcaSkin::new(assets.load("knight.png")));
/// }
/// ```
///
/// In a `bsn!` scene, the art is a path: `NcaSkin { art: "knight.png" }`.
#[derive(Component, Reflect, FromTemplate, Clone, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaTexture, SkinFit)]
#[component(on_add = on_add, on_remove = on_remove)]
pub struct NcaSkin {
    /// The art of a sprite, node or material that has none: it becomes [`Sprite::image`], `ImageNode::image` or
    /// `StandardMaterial::base_color_texture`. To change the art later, change that.
    pub art: Handle<Image>,
    /// Whether the edge of a wound follows the pixels of the art; default false: it is smooth.
    pub pixelated: bool,
    /// The color that lost tissue is tinted with: cells that are not at their place. Its alpha says how much, 0 to 1;
    /// default none.
    pub lost: Option<Color>,
    /// The UV sheet of the art: where on the body its pixels lie, so that a wound stays in an arm that swings. Default none,
    /// the default handle: they lie where they are, and the wound stays at its place in the picture.
    ///
    /// It has the frames of the art, at any resolution. The red of a pixel is the column on the body, the green its row: 0
    /// to 255 over a frame. Pixels with an alpha below 128 lie where they are. Load it as any image, or without sRGB: its
    /// bytes are read. `nca uv` makes a first guess of a sheet.
    ///
    /// The generic body consists of all visible pixels, laid out so. A skin that gets another sheet later keeps its body.
    /// Wounds and healing in the world and in texture coordinates reach the cells that are seen in the present frame: an
    /// arm behind the body is safe. A shape that covers all that is seen reaches all cells.
    pub uv: Handle<Image>,
    /// The number of frames in the atlas from the art of one form to that of the next; default 0: all forms show the same
    /// frames. In form `n` of an [`NcaForm`](super::NcaForm), the skin shows the frame `n * form_frames` after the index of
    /// its atlas, or that of the first form if there is none of the same size. Of a blend, it shows the form of the largest
    /// share. When that changes, the art of the form before fades out over [`NcaSkin::FADE`] ticks. Without an atlas, as on a
    /// mesh, it has no effect.
    pub form_frames: usize,
}

impl NcaSkin {
    /// The ticks in which the art of a form fades into that of the next.
    pub const FADE: u32 = 40;

    /// A skin with this art.
    pub fn new(art: Handle<Image>) -> Self {
        Self { art, ..default() }
    }

    /// Sets [`pixelated`](Self::pixelated) to true.
    pub fn with_pixelated(self) -> Self {
        Self { pixelated: true, ..self }
    }

    /// Sets the [UV sheet](Self::uv).
    pub fn with_uv(self, uv: Handle<Image>) -> Self {
        Self { uv, ..self }
    }

    /// Sets the [frames of a form](Self::form_frames).
    pub fn with_form_frames(self, form_frames: usize) -> Self {
        Self { form_frames, ..self }
    }

    /// Sets the [color of lost tissue](Self::lost).
    pub fn with_lost(self, lost: impl Into<Color>) -> Self {
        Self { lost: Some(lost.into()), ..self }
    }
}

/// The art of a new skin becomes that of a sprite without art, and its cells show tissue from now on. A skin on nothing
/// else is on a sprite.
fn on_add(mut world: DeferredWorld, HookContext { entity, .. }: HookContext) {
    let Some(art) = world.get::<NcaSkin>(entity).map(|skin| skin.art.clone()) else { return };
    if !has_canvas(&world, entity) {
        let sprite = Sprite::from_image(art.clone());
        world.commands().entity(entity).queue_silenced(|mut entity: EntityWorldMut| {
            entity.insert_if_new(sprite);
        });
    }
    let shown = world.get::<Placement>(entity).and_then(|placement| placement.shown.clone());
    if let Some(mut sprite) = world.get_mut::<Sprite>(entity) {
        // A picture of the cells is no art.
        if sprite.image == TRANSPARENT_IMAGE_HANDLE || shown.as_ref() == Some(&sprite.image) {
            (sprite.image, sprite.rect) = (Handle::default(), None);
        }
        if sprite.image == Handle::default() {
            sprite.image = art;
        }
    }
    #[cfg(feature = "ui")]
    if let Some(mut node) = world.get_mut::<ImageNode>(entity).filter(|node| shown.as_ref() == Some(&node.image)) {
        (node.image, node.rect) = (TRANSPARENT_IMAGE_HANDLE, None);
    }
    set_skinned(&mut world, entity, true);
}

/// Whether an entity has something that can show a skin.
fn has_canvas(world: &DeferredWorld, entity: Entity) -> bool {
    #[cfg(feature = "ui")]
    if world.get::<ImageNode>(entity).is_some() {
        return true;
    }
    world.get::<Sprite>(entity).is_some() || world.get::<Mesh3d>(entity).is_some()
}

/// The cells show a picture again.
fn on_remove(mut world: DeferredWorld, HookContext { entity, .. }: HookContext) {
    set_skinned(&mut world, entity, false);
    world.commands().entity(entity).try_remove::<(SkinFit, FormArt)>();
}

fn set_skinned(world: &mut DeferredWorld, entity: Entity, is_skinned: bool) {
    if let Some(mut placement) = world.get_mut::<Placement>(entity) {
        placement.is_skinned = is_skinned;
    }
    // The instance moves to another population.
    if let Some(mut texture) = world.get_mut::<NcaTexture>(entity) {
        texture.set_changed();
    }
}

/// Filters skins, disabled or not.
pub(crate) type OfSkins = (With<NcaSkin>, Allow<Disabled>);

/// Bevy loads images, because there is a renderer. Without one, as on a server, images never finish loading.
#[derive(Resource)]
pub(crate) struct LoadsImages;

/// How the art of a skin lies over its cells.
#[derive(Component, Clone, Copy, Debug, PartialEq)]
pub(crate) struct SkinFit {
    /// The part of the art that covers the target of the model: 0 to 1 on each axis is the art. A generic body may cover
    /// more, or less.
    pub(crate) region: Rect,
    /// The rectangle of the target in the grid, in cells. The sprite, or the node, is as large as the art over it.
    pub(crate) frame: Rect,
    /// How far the sprite stands beside that rectangle, in cells of the grid turned upright. Its art goes along.
    pub(crate) beside: Vec2,
    /// The image of the art.
    pub(crate) art: AssetId<Image>,
    /// The part of the image that is shown in this frame, in pixels. Empty until the art is loaded.
    pub(crate) part: Rect,
    /// The image of the UV sheet, if it is loaded and can be read.
    pub(crate) uv: Option<AssetId<Image>>,
    /// Whether the alpha of the art is ignored.
    pub(crate) is_opaque: bool,
}

impl Default for SkinFit {
    fn default() -> Self {
        let unit = Rect { min: Vec2::ZERO, max: Vec2::ONE };
        Self {
            region: unit,
            frame: unit,
            beside: Vec2::ZERO,
            art: AssetId::default(),
            part: Rect::default(),
            uv: None,
            is_opaque: false,
        }
    }
}

/// The art of a skin in each form, and which of them is shown.
#[derive(Component, Clone, Debug, Default, PartialEq)]
pub(crate) struct FormArt {
    /// The part of the image that each form shows, in pixels.
    pub(crate) parts: Vec<Rect>,
    /// What was shown last. `None` before the first tick.
    shown: Option<ShownForm>,
    /// The part that fades out, from the corner of the one that is shown, in pixels, and how much of it is still seen, 0 to 1.
    pub(crate) fading: (Vec2, f32),
}

/// A form that is shown, and the one that fades out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ShownForm {
    form: usize,
    before: usize,
    /// How much is still seen of the form before.
    share: f32,
    /// The age of the sprite.
    age: u32,
}

impl FormArt {
    /// The art of a skin whose forms show these parts of the image.
    pub(crate) fn new(parts: Vec<Rect>) -> Self {
        Self { parts, ..Self::default() }
    }

    /// Shows a form at an age. Returns its part of the image: that of the first form if it has none. Nothing fades before the
    /// first tick, and while the sprite rests.
    pub(crate) fn show(&mut self, form: usize, age: u32, rests: bool) -> Option<Rect> {
        let at_once = ShownForm { form, before: form, share: 0.0, age };
        let last = self.shown.filter(|last| !rests && last.age <= age).unwrap_or(at_once);
        let share = (last.share - (age - last.age) as f32 / NcaSkin::FADE as f32).max(0.0);
        let shown = match last {
            _ if last.form == form => ShownForm { share, age, ..last },
            // It goes back from where it is.
            _ if last.before == form => ShownForm { form, before: last.form, share: 1.0 - share, age },
            // What is seen most fades out.
            _ => ShownForm { form, before: if share > 0.5 { last.before } else { last.form }, share: 1.0, age },
        };
        self.shown = Some(shown).filter(|_| age > 0);
        let part_of = |form: usize| self.parts.get(form).or(self.parts.first()).copied();
        let part = part_of(form);
        let offset = part.zip(part_of(shown.before)).map_or(Vec2::ZERO, |(part, before)| before.min - part.min);
        self.fading =
            if offset == Vec2::ZERO || shown.share == 0.0 { Default::default() } else { (offset, shown.share) };
        part
    }
}

impl SkinFit {
    /// The map from cells to the art, 0 to 1: a scale, and the place of the grid's corner.
    pub(crate) fn cells_to_art(&self) -> (Vec2, Vec2) {
        let scale = self.region.size() / self.frame.size();
        (scale, self.region.min - self.frame.min * scale)
    }

    /// The same over the rectangle where it stands.
    pub(crate) fn where_it_stands(self) -> Self {
        let frame = Rect { min: self.frame.min + self.beside, max: self.frame.max + self.beside };
        Self { frame, beside: Vec2::ZERO, ..self }
    }

    /// Whether the art is loaded.
    pub(crate) fn is_known(&self) -> bool {
        self.part.size() != Vec2::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_art_of_forms_is_cross_faded() {
        let part = |index: usize| Rect::new(10.0 * index as f32, 0.0, 10.0 * index as f32 + 10.0, 8.0);
        let mut art = FormArt::new(vec![part(0), part(1), part(2)]);
        let mut show = |form, age, rests| {
            let found = art.show(form, age, rests);
            (found.unwrap(), art.fading.0.x, art.fading.1)
        };
        let fade = NcaSkin::FADE;
        assert_eq!(show(0, 0, false), (part(0), 0.0, 0.0));
        assert_eq!(show(1, 0, false), (part(1), 0.0, 0.0), "nothing fades before the first tick");
        assert_eq!(show(1, 7, false), (part(1), 0.0, 0.0));
        assert_eq!(show(2, 100, false), (part(2), -10.0, 1.0));
        assert_eq!(show(2, 100 + fade / 4, false), (part(2), -10.0, 0.75));
        assert_eq!(show(1, 100 + fade / 4, false), (part(1), 10.0, 0.25), "back from where it was");
        assert_eq!(show(0, 100 + fade / 4, false), (part(0), 10.0, 1.0), "most was seen of the second form");
        assert_eq!(show(0, 100 + fade / 2, true), (part(0), 0.0, 0.0), "a sprite at rest");
        assert_eq!(show(2, 200, false), (part(2), -20.0, 1.0));
        assert_eq!(show(2, 5, false), (part(2), 0.0, 0.0), "a sprite that begins anew");
        assert_eq!(show(7, 9, false), (part(0), 20.0, 1.0), "a form without art");
        art.parts.clear();
        assert_eq!((art.show(0, 10, false), art.fading.1), (None, 0.0), "no art any more");
    }
}
