//! The simulated texture as a component.

use std::fmt;

use bevy::{
    ecs::{
        entity_disabling::Disabled, lifecycle::HookContext, query::Allow, system::SystemParam, world::DeferredWorld,
    },
    prelude::*,
};

use super::{
    NcaModel, NcaSleeping, NcaSnapshot, NcaTissue, NcaVitals, canvas, damage::Blow, occupant::Occupant,
    populations::Populations,
};
use crate::rule::State;

/// A texture that is grown by a neural cellular automaton.
///
/// With a [`Sprite`] on the same entity it paints the sprite: it sets [`Sprite::image`] and
/// [`Sprite::rect`], and takes them back when it is removed; it removes a [`Sprite::texture_atlas`]. A sprite without
/// a custom size is as many world units wide as the grid has cells. A `SpriteMesh` is painted likewise, but Bevy draws
/// each of those by itself.
///
/// With an `ImageNode` it paints that node of the user interface in the same way (feature `ui`). Pointers go through the
/// holes of a node that has a `Pickable`, unless another pointer is on its living cells (feature `picking`). With a
/// `MeshMaterial3d<StandardMaterial>` it paints that material (feature `pbr`): it sets its
/// `base_color_texture` and `uv_transform`, and, where it has an `emissive` color, its `emissive_texture`.
/// Give each such entity a material of its own, with an `alpha_mode` other than opaque and no other
/// textures, and a mesh with texture coordinates of 0 to 1: the picture is a part of a larger one, which
/// does not tile and has no mipmaps.
///
/// Without any of them the cells are simulated all the same.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn((
///         NcaTexture::new(assets.load("models/slime.nca")).with_seed(7),
///         Sprite { custom_size: Some(Vec2::splat(200.0)), ..default() },
///     ));
/// }
/// ```
#[derive(Component, Reflect, Clone, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[require(NcaSlot, NcaVitals)]
#[component(on_add = arrive, on_remove = leave)]
pub struct NcaTexture {
    /// The model. The sprite starts to grow when it is loaded; another model starts it anew. When its asset
    /// changes, as by hot reloading, the cells go on by the new weights if channels, grid and life mask are the
    /// same.
    pub model: Handle<NcaModel>,
    /// The seed of the noise that decides which cells fire; default 0. The same seed and wounds
    /// give the same cells; give sprites that stand side by side different ones.
    pub seed: u32,
    /// By how much the picture is turned as it grows, in radians; default 0. For models that were
    /// trained upright this works as in the article's experiment 4.
    pub angle: f32,
    /// Width and height of the grid, 1..=1024 cells each; default: those of the model. Another
    /// grid starts the sprite anew.
    pub grid: Option<UVec2>,
    /// Whether a cell that is like that of the grown sprite shows the very pixel of the model's target, so
    /// that only wounded tissue looks alive; default false. The likeness is judged cell by cell.
    pub crisp: bool,
    /// Whether the picture is sampled linearly, as for sprites that are scaled or turned smoothly;
    /// default false, nearest. Another choice starts the sprite anew.
    pub smooth: bool,
}

impl NcaTexture {
    /// A texture that grows on the model's own grid, with seed 0, upright.
    pub fn new(model: Handle<NcaModel>) -> Self {
        Self { model, ..default() }
    }

    /// With another seed.
    pub fn with_seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }

    /// Turned by an angle in radians.
    pub fn with_angle(self, angle: f32) -> Self {
        Self { angle, ..self }
    }

    /// Shown as authored where it is whole.
    pub fn crisp(self) -> Self {
        Self { crisp: true, ..self }
    }

    /// Sampled linearly.
    pub fn smooth(self) -> Self {
        Self { smooth: true, ..self }
    }

    /// On a grid of so many cells.
    pub fn with_grid(self, width: u32, height: u32) -> Self {
        Self { grid: Some(UVec2::new(width, height)), ..self }
    }
}

/// Also those of entities that the game has disabled.
pub(super) type OfTextures = (With<NcaTexture>, Allow<Disabled>);

/// Where a texture's cells are kept, and what waits until there is such a place.
#[derive(Component, Default)]
pub(super) struct NcaSlot {
    pub(super) place: Option<Place>,
    /// The atlas that the sprite was given.
    pub(super) shown: Option<Handle<Image>>,
    /// What came before the model, in order.
    pub(super) waiting: Vec<Waiting>,
    /// What someone wants at the end of the frame.
    pub(super) wanted: Wanted,
}

/// What is done to a sprite as soon as its model is there.
pub(super) enum Waiting {
    Blow(Blow),
    /// Cells, and how old they are.
    Cells(u32, State),
    Snapshot(Box<NcaSnapshot>),
}

impl Waiting {
    /// Width, height and channels of the cells that it brings, if any.
    fn size(&self) -> Option<[usize; 3]> {
        let state = match self {
            Self::Blow(_) => return None,
            Self::Cells(_, state) => state,
            Self::Snapshot(snapshot) => snapshot.state(),
        };
        Some([state.width(), state.height(), state.channels()])
    }

    /// Whether nothing of it is left once a later one, which brings cells, is done.
    fn is_overridden_by(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Cells(..), Self::Cells(..)) => self.size() == later.size(),
            (Self::Snapshot(earlier), Self::Snapshot(later)) => earlier.is_for_the_same(later),
            _ => false,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Blow(blow) => write!(f, "{blow}"),
            Self::Cells(..) => f.write_str("a write of cells"),
            Self::Snapshot(_) => f.write_str("a snapshot"),
        }
    }
}

impl NcaSlot {
    /// Wounds that a sprite without its model remembers; of more, the oldest are lost, with a warning.
    const MOST_BLOWS: usize = 4096;
    /// The same of cells and snapshots of different sizes.
    const MOST_STATES: usize = 4;

    /// Keeps something for when the model is there. Cells or a snapshot override earlier ones of the same kind and size:
    /// if those fit the model, these do too.
    pub(super) fn wait(&mut self, entity: Entity, waiting: Waiting) {
        if waiting.size().is_some() {
            self.waiting.retain(|earlier| !earlier.is_overridden_by(&waiting));
        }
        let brings_cells = waiting.size().is_some();
        let most = if brings_cells { Self::MOST_STATES } else { Self::MOST_BLOWS };
        let of_its_kind = |earlier: &Waiting| earlier.size().is_some() == brings_cells;
        if self.waiting.iter().filter(|earlier| of_its_kind(earlier)).count() >= most {
            warn_once!("{waiting} makes an earlier one go: {entity} has no model yet, and {most} of those wait for it");
            if let Some(oldest) = self.waiting.iter().position(of_its_kind) {
                self.waiting.remove(oldest);
            }
        }
        self.waiting.push(waiting);
    }

    /// The place, unless the texture has just been changed to something that belongs elsewhere.
    pub(super) fn place_of(&self, texture: &NcaTexture, populations: &Populations) -> Option<Place> {
        self.place.filter(|place| populations.suits(*place, texture))
    }

    /// Leaves its place. What was asked for is asked for again, of the next; the next life begins awake.
    pub(super) fn leave(&mut self, entity: Entity, populations: &mut Populations, commands: &mut Commands) {
        commands.entity(entity).try_remove::<NcaSleeping>();
        commands.queue(move |world: &mut World| forget(&mut world.into(), entity));
        if let Some(place) = self.place.take() {
            let wanted = populations.leave(place);
            self.wanted.add(wanted);
        }
    }
}

/// Finds the sprites of entities.
#[derive(SystemParam)]
pub(super) struct Occupants<'w, 's> {
    slots: Query<'w, 's, &'static mut NcaSlot, Allow<Disabled>>,
    populations: ResMut<'w, Populations>,
}

impl Occupants<'_, '_> {
    /// The sprite of an entity, if it has its place.
    pub(super) fn get_mut(&mut self, entity: Entity) -> Option<&mut Occupant> {
        self.populations.occupant_mut(self.slots.get(entity).ok()?.place?)
    }

    /// Lets every system look at a sprite again that looks at changed ones.
    pub(super) fn touch(&mut self, entity: Entity) {
        if let Ok(mut slot) = self.slots.get_mut(entity) {
            slot.set_changed();
        }
    }
}

/// What is done with cells once they are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) cells: bool,
    pub(super) snapshot: bool,
}

impl Wanted {
    pub(super) const NOTHING: Self = Self { cells: false, snapshot: false };

    /// And this too.
    pub(super) fn add(&mut self, other: Self) {
        self.cells |= other.cells;
        self.snapshot |= other.snapshot;
    }
}

/// A slot of a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) population: u32,
    pub(super) slot: u32,
}

/// A texture has come that needs a place.
fn arrive(mut world: DeferredWorld, context: HookContext) {
    match world.get_resource_mut::<Populations>() {
        Some(mut populations) => populations.homeless.push(context.entity),
        None => warn_once!("an NcaTexture was added, but there is no NcaPlugin: nothing grows until the app adds it"),
    }
}

/// It lives nowhere until it is counted again.
fn forget(world: &mut DeferredWorld, entity: Entity) {
    if let Some(mut tissue) = world.get_mut::<NcaTissue>(entity) {
        tissue.cells = None;
    }
    if let Some(mut vitals) = world.get_mut::<NcaVitals>(entity) {
        *vitals = NcaVitals::default();
    }
}

/// Frees the slot when the texture or its entity goes. Others will be painted there.
fn leave(mut world: DeferredWorld, context: HookContext) {
    // The next life begins awake.
    world.commands().entity(context.entity).try_remove::<NcaSleeping>();
    forget(&mut world, context.entity);
    let Some(mut slot) = world.get_mut::<NcaSlot>(context.entity) else { return };
    let NcaSlot { place, shown, .. } = std::mem::take(&mut *slot);
    if let Some(image) = shown {
        canvas::take_all_back(&mut world, context.entity, &image);
    }
    if let (Some(place), Some(mut populations)) = (place, world.get_resource_mut::<Populations>()) {
        populations.leave(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits for a model that never comes is bounded, and a later write takes the place of an earlier one.
    #[test]
    fn what_waits_for_a_model_is_bounded() {
        let entity = Entity::PLACEHOLDER;
        let mut slot = NcaSlot::default();
        let cells = |tick, side: usize| Waiting::Cells(tick, State::zeros(side, side, 8));
        (0..1000).for_each(|tick| slot.wait(entity, cells(tick, 5)));
        assert!(matches!(slot.waiting[..], [Waiting::Cells(999, _)]), "one is left, the last");
        (1..30).for_each(|side| slot.wait(entity, cells(side as u32, side)));
        let ticks: Vec<u32> = slot
            .waiting
            .iter()
            .filter_map(|waiting| match waiting {
                Waiting::Cells(tick, _) => Some(*tick),
                _ => None,
            })
            .collect();
        assert_eq!(ticks, [26, 27, 28, 29], "of different sizes, the last few");
    }
}
