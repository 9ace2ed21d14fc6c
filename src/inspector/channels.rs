//! The cells of a sprite, channel by channel.

use bevy::prelude::*;
use bevy_egui::egui::{self, Color32, ColorImage, TextureHandle, TextureOptions};

use super::{NcaInspector, files::Files};
use crate::{
    rule::State,
    sprite::{NcaCells, NcaReadCells},
};

/// The cells that were read last, and the texture that shows them.
#[derive(Resource, Default)]
pub(super) struct ChannelView {
    /// Whether someone looks.
    pub(super) shown: bool,
    cells: Option<(Entity, State)>,
    /// The texture is not what the cells are.
    stale: bool,
    texture: Option<TextureHandle>,
}

/// Asks for the sprite's cells, for the next frame.
pub(super) fn ask(
    mut commands: Commands,
    mut view: ResMut<ChannelView>,
    files: Res<Files>,
    inspector: Res<NcaInspector>,
) {
    let wanted = std::mem::take(&mut view.shown) || files.frames().is_some();
    if let Some(entity) = inspector.sprite.filter(|_| wanted) {
        commands.trigger(NcaReadCells { entity });
    }
}

pub(super) fn on_cells(cells: On<NcaCells>, mut view: ResMut<ChannelView>, inspector: Res<NcaInspector>) {
    if inspector.sprite == Some(cells.entity) {
        view.cells = Some((cells.entity, cells.state.clone()));
        view.stale = true;
    }
}

impl ChannelView {
    const COLUMNS: usize = 4;

    /// Each channel: blue below zero, orange above it.
    pub(super) fn ui(&mut self, ui: &mut egui::Ui, entity: Entity) {
        self.shown = true;
        let Some((_, state)) = self.cells.as_ref().filter(|(of, _)| *of == entity) else {
            ui.weak("the cells are on their way");
            return;
        };
        let tiles = state.channels();
        if std::mem::take(&mut self.stale) || self.texture.is_none() {
            let image = tile_column(state);
            match &mut self.texture {
                Some(texture) => texture.set(image, TextureOptions::NEAREST),
                None => self.texture = Some(ui.ctx().load_texture("nca_channels", image, TextureOptions::NEAREST)),
            }
        }
        let Some(texture) = &self.texture else { return };
        let aspect = state.height() as f32 / state.width() as f32;
        let tile = |ui: &mut egui::Ui, index: usize, width: f32| {
            let [top, bottom] = [index, index + 1].map(|edge| edge as f32 / tiles as f32);
            let uv = egui::Rect::from_min_max(egui::pos2(0.0, top), egui::pos2(1.0, bottom));
            let size = egui::vec2(width, width * aspect);
            ui.add(egui::Image::from_texture((texture.id(), size)).uv(uv))
        };
        let gap = ui.spacing().item_spacing.x;
        let each = 252.0 / Self::COLUMNS as f32 - gap;
        egui::Grid::new("nca_channels").num_columns(Self::COLUMNS).spacing([gap, gap]).show(ui, |ui| {
            for channel in 0..state.channels() {
                let range = extremes(state, channel);
                tile(ui, channel, each).on_hover_text(format!("{}\n{:.3} to {:.3}", name(channel), range.0, range.1));
                if channel % Self::COLUMNS + 1 == Self::COLUMNS {
                    ui.end_row();
                }
            }
        });
    }
}

fn name(channel: usize) -> String {
    match channel {
        0 => "0, red".to_owned(),
        1 => "1, green".to_owned(),
        2 => "2, blue".to_owned(),
        3 => "3, alpha".to_owned(),
        hidden => format!("{hidden}, hidden"),
    }
}

fn extremes(state: &State, channel: usize) -> (f32, f32) {
    let values = state.values().iter().skip(channel).step_by(state.channels());
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)))
}

/// All channels, one under the other.
fn tile_column(state: &State) -> ColorImage {
    let channel = |channel: usize| state.values().iter().skip(channel).step_by(state.channels());
    let pixels = (0..state.channels()).flat_map(channel).map(|value| heat(*value)).collect();
    ColorImage::new([state.width(), state.height() * state.channels()], pixels)
}

/// Black at 0, orange at 1, blue at -1.
fn heat(value: f32) -> Color32 {
    let share = |most: f32| (value.abs().min(1.0) * most) as u8;
    match value >= 0.0 {
        true => Color32::from_rgb(share(255.0), share(160.0), share(60.0)),
        false => Color32::from_rgb(share(60.0), share(140.0), share(255.0)),
    }
}
