//! The cells of a sprite, channel by channel.

use bevy::prelude::*;
use bevy_egui::egui::{self, Color32, ColorImage, TextureHandle, TextureOptions};

use super::{files::Files, settings::NcaInspector};
use crate::{
    rule::{Output, State},
    sprite::{NcaCellsRead, NcaReadCells},
};

/// The last readback of the cells, and the texture that shows it.
#[derive(Resource, Default)]
pub(super) struct ChannelView {
    /// Whether the window was drawn since the last request.
    pub(super) shown: bool,
    cells: Option<(Entity, State)>,
    /// Whether the cells are newer than the texture.
    stale: bool,
    texture: Option<TextureHandle>,
}

/// Requests the cells of the inspected and the recorded sprite, for the next frame.
pub(super) fn request_cells(
    mut commands: Commands,
    mut view: ResMut<ChannelView>,
    files: Res<Files>,
    inspector: Res<NcaInspector>,
) {
    let looked_at = inspector.sprite.filter(|_| std::mem::take(&mut view.shown));
    let recorded = files.recorded().filter(|entity| looked_at != Some(*entity));
    for entity in looked_at.into_iter().chain(recorded) {
        commands.trigger(NcaReadCells { entity });
    }
}

pub(super) fn on_cells(cells: On<NcaCellsRead>, mut view: ResMut<ChannelView>, inspector: Res<NcaInspector>) {
    if inspector.sprite == Some(cells.entity) {
        view.cells = Some((cells.entity, cells.state.clone()));
        view.stale = true;
    }
}

impl ChannelView {
    const COLUMNS: usize = 4;
    /// The maximum width and height of a texture on every GPU and in egui.
    const MAX_PIXELS: usize = 2048;

    /// Shows each channel: blue below zero, orange above it.
    pub(super) fn ui(&mut self, ui: &mut egui::Ui, entity: Entity, output: Option<Output>) {
        self.shown = true;
        let Some((_, state)) = self.cells.as_ref().filter(|(of, _)| *of == entity) else {
            ui.weak("the cells are on their way");
            return;
        };
        if std::mem::take(&mut self.stale) || self.texture.is_none() {
            let image = tiles(state);
            match &mut self.texture {
                Some(texture) => texture.set(image, TextureOptions::NEAREST),
                None => self.texture = Some(ui.ctx().load_texture("nca_channels", image, TextureOptions::NEAREST)),
            }
        }
        let Some(texture) = &self.texture else { return };
        let aspect = state.height() as f32 / state.width() as f32;
        let tile = |ui: &mut egui::Ui, index: usize, width: f32| {
            let (column, row) = (index % Self::COLUMNS, index / Self::COLUMNS);
            let one = egui::vec2(1.0 / Self::COLUMNS as f32, 1.0 / state.channels().div_ceil(Self::COLUMNS) as f32);
            let uv = egui::Rect::from_min_size(egui::pos2(column as f32 * one.x, row as f32 * one.y), one);
            let size = egui::vec2(width, width * aspect);
            ui.add(egui::Image::from_texture((texture.id(), size)).uv(uv))
        };
        let gap = ui.spacing().item_spacing.x;
        let each = 252.0 / Self::COLUMNS as f32 - gap;
        egui::Grid::new("nca_channels").num_columns(Self::COLUMNS).spacing([gap, gap]).show(ui, |ui| {
            for channel in 0..state.channels() {
                let range = extremes(state, channel);
                tile(ui, channel, each).on_hover_text(format!(
                    "{}\n{:.3} to {:.3}",
                    name(channel, output),
                    range.0,
                    range.1
                ));
                if channel % Self::COLUMNS + 1 == Self::COLUMNS {
                    ui.end_row();
                }
            }
        });
    }
}

fn name(channel: usize, output: Option<Output>) -> String {
    let names = match output {
        Some(Output::Coordinates) => ["column", "row", "free", "alpha"],
        _ => ["red", "green", "blue", "alpha"],
    };
    format!("{channel}, {}", names.get(channel).unwrap_or(&"hidden"))
}

fn extremes(state: &State, channel: usize) -> (f32, f32) {
    let values = state.values().iter().skip(channel).step_by(state.channels());
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)))
}

/// All channels, [`ChannelView::COLUMNS`] per row. A large grid is subsampled.
fn tiles(state: &State) -> ColorImage {
    let (columns, rows) = (ChannelView::COLUMNS, state.channels().div_ceil(ChannelView::COLUMNS));
    let stride = (columns * state.width()).max(rows * state.height()).div_ceil(ChannelView::MAX_PIXELS);
    let [width, height] = [state.width(), state.height()].map(|side| side.div_ceil(stride));
    let pixel = |index: usize| {
        let (x, y) = (index % (columns * width), index / (columns * width));
        let cell = state.cell(x % width * stride, y % height * stride);
        let value = cell.and_then(|cell| cell.get(y / height * columns + x / width));
        heat(value.copied().unwrap_or_default())
    };
    ColorImage::new([columns * width, rows * height], (0..columns * width * rows * height).map(pixel).collect())
}

/// Black at 0, orange at 1, blue at -1.
fn heat(value: f32) -> Color32 {
    let share = |most: f32| (value.abs().min(1.0) * most) as u8;
    match value >= 0.0 {
        true => Color32::from_rgb(share(255.0), share(160.0), share(60.0)),
        false => Color32::from_rgb(share(60.0), share(140.0), share(255.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_tile_and_large_grids_fit() {
        let values = (0..2 * 3 * 8).map(|index| if index % 8 == 5 { 1.0 } else { 0.0 }).collect();
        let image = tiles(&State::from_values(2, 3, 8, values).unwrap());
        assert_eq!(image.size, [8, 6]);
        // Channel 5 is the second in the second row.
        let lit = |x: usize, y: usize| image.pixels[y * 8 + x] == heat(1.0);
        for (x, y) in (0..8).flat_map(|x| (0..6).map(move |y| (x, y))) {
            assert_eq!(lit(x, y), (2..4).contains(&x) && y >= 3, "{x}, {y}");
        }
        let image = tiles(&State::zeros(1024, 700, 32));
        assert!(image.size.iter().all(|side| *side <= ChannelView::MAX_PIXELS), "{:?}", image.size);
    }
}
