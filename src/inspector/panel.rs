//! The windows of the inspector.

use bevy::{ecs::system::SystemParam, prelude::*};
use bevy_egui::{EguiContexts, egui};
use egui_plot::{Legend, Line, Plot, PlotPoints};

use super::{brush::NcaTool, channels::ChannelView, files::Files, history::History, settings::NcaInspector};
use crate::{
    rule::{Shape, State},
    sprite::{
        NcaBackend, NcaClock, NcaEngine, NcaForm, NcaHeal, NcaModel, NcaRestore, NcaSave, NcaSkin, NcaSleeping,
        NcaTexture, NcaVitals, NcaWriteCells,
    },
};

/// What the panel shows and changes.
#[derive(SystemParam)]
pub(super) struct Shown<'w, 's> {
    sprites: Query<'w, 's, Sprites>,
    models: ResMut<'w, Assets<NcaModel>>,
    clock: ResMut<'w, NcaClock>,
    engine: Res<'w, NcaEngine>,
    view: ResMut<'w, ChannelView>,
    history: Res<'w, History>,
    skins: Query<'w, 's, (), With<NcaSkin>>,
    files: ResMut<'w, Files>,
    commands: Commands<'w, 's>,
}

type Sprites = (Entity, &'static mut NcaTexture, &'static NcaVitals, Option<&'static Name>, Has<NcaSleeping>);

pub(super) fn show(mut contexts: EguiContexts, mut inspector: ResMut<NcaInspector>, mut shown: Shown) {
    // There is no context before a camera exists.
    let Ok(context) = contexts.ctx_mut() else { return };
    if !inspector.open {
        return;
    }
    let inspector = inspector.bypass_change_detection();
    let mut open = true;
    let height = context.viewport_rect().height().min(740.0) - 70.0;
    egui::Window::new("Cells")
        .open(&mut open)
        .default_pos([12.0, 12.0])
        .default_size([290.0, height])
        .vscroll(true)
        .show(context, |ui| {
            shown.sprite_choice(ui, inspector);
            let Some(entity) = inspector.sprite else {
                ui.label("There is no NcaTexture yet. Spawn one, and it shows here.");
                return;
            };
            section(ui, "Vitals", |ui| shown.vitals(ui, entity));
            section(ui, "Brush", |ui| brush(ui, inspector));
            section(ui, "Clock", |ui| shown.clock(ui));
            section(ui, "Sprite", |ui| shown.sprite(ui, entity));
            section(ui, "Files", |ui| shown.files(ui, entity, inspector));
        });
    inspector.open = open;
    if let Some(entity) = inspector.sprite {
        let output = shown.model_of(entity).map(|model| model.rule().output);
        egui::Window::new("Channels")
            .open(&mut inspector.channels)
            .pivot(egui::Align2::RIGHT_BOTTOM)
            .default_pos(context.viewport_rect().max - egui::vec2(12.0, 12.0))
            .default_width(252.0)
            .resizable(false)
            .show(context, |ui| shown.view.ui(ui, entity, output));
    }
}

fn section(ui: &mut egui::Ui, title: &str, contents: impl FnOnce(&mut egui::Ui)) {
    egui::CollapsingHeader::new(title).default_open(true).show(ui, contents);
}

/// A slider that clamps edits only: a value outside of its range stays as it is.
fn bar<N: egui::emath::Numeric>(value: &mut N, range: std::ops::RangeInclusive<N>) -> egui::Slider<'_> {
    egui::Slider::new(value, range).clamping(egui::SliderClamping::Edits)
}

/// Adds a slider. Returns the new value if it was moved.
fn slider<N: egui::emath::Numeric>(
    ui: &mut egui::Ui,
    value: N,
    range: std::ops::RangeInclusive<N>,
    text: &str,
) -> Option<N> {
    let mut value = value;
    ui.add(bar(&mut value, range).text(text)).changed().then_some(value)
}

/// Adds a slider for a slow change. Returns the new value once it is released.
fn slow_slider(ui: &mut egui::Ui, value: f64, range: std::ops::RangeInclusive<f64>, text: &str) -> Option<f64> {
    let id = ui.id().with(text);
    let mut held = ui.data(|data| data.get_temp(id)).unwrap_or(value);
    let response = ui.add(bar(&mut held, range).text(text));
    if response.dragged() {
        ui.data_mut(|data| data.insert_temp(id, held));
        return None;
    }
    ui.data_mut(|data| data.remove::<f64>(id));
    (response.changed() || response.drag_stopped()).then_some(held)
}

fn brush(ui: &mut egui::Ui, inspector: &mut NcaInspector) {
    let brush = &mut inspector.brush;
    ui.horizontal_wrapped(|ui| {
        for tool in NcaTool::ALL {
            ui.selectable_value(&mut brush.tool, tool, format!("{tool:?}"));
        }
    });
    ui.add(bar(&mut brush.size, 4.0..=400.0).logarithmic(true).text("size"));
    if !matches!(brush.tool, NcaTool::Off | NcaTool::Heal) {
        ui.add(bar(&mut brush.strength, 0.0..=1.0).text("strength"));
        ui.add(bar(&mut brush.softness, 0.0..=200.0).text("softness"));
    }
    if !matches!(brush.tool, NcaTool::Off | NcaTool::Heal | NcaTool::Paint | NcaTool::Erase) {
        ui.checkbox(&mut brush.scars, "scars: nothing grows back");
    }
    if matches!(brush.tool, NcaTool::Rectangle | NcaTool::Triangle | NcaTool::Splash) {
        ui.drag_angle(&mut brush.angle);
    }
}

impl Shown<'_, '_> {
    fn model_of(&self, entity: Entity) -> Option<&NcaModel> {
        self.models.get(&self.sprites.get(entity).ok()?.1.model)
    }

    fn sprite_choice(&mut self, ui: &mut egui::Ui, inspector: &mut NcaInspector) {
        let label = |entity: Entity, name: Option<&Name>| name.map_or(entity.to_string(), Name::to_string);
        let chosen = inspector.sprite.and_then(|sprite| self.sprites.get(sprite).ok());
        let text = chosen.map_or(String::new(), |(entity, _, _, name, _)| label(entity, name));
        ui.horizontal(|ui| {
            egui::ComboBox::from_id_salt("sprite").selected_text(text).show_ui(ui, |ui| {
                // A longer list is hard to use.
                for (entity, _, _, name, _) in self.sprites.iter().take(100) {
                    ui.selectable_value(&mut inspector.sprite, Some(entity), label(entity, name));
                }
            });
            let count = self.sprites.iter().len();
            ui.label(format!(
                "of {count}, on the {}",
                if self.engine.backend() == NcaBackend::Cpu { "CPU" } else { "GPU" }
            ));
        });
    }

    fn vitals(&mut self, ui: &mut egui::Ui, entity: Entity) {
        let Ok((_, _, vitals, _, asleep)) = self.sprites.get(entity) else { return };
        let NcaVitals { condition, live_cells, integrity, tick, .. } = vitals;
        let rest = if asleep { ", asleep" } else { "" };
        ui.label(format!("{condition:?}{rest}: integrity {integrity:.3}, {live_cells} cells, tick {tick}"));
        let most = self.history.entries.iter().map(|entry| entry.live_cells).max().unwrap_or(1).max(1);
        let points = |of: &dyn Fn(&NcaVitals) -> f64| -> PlotPoints<'static> {
            self.history.entries.iter().map(|entry| [f64::from(entry.tick), of(entry)]).collect()
        };
        let integrity = Line::new("integrity", points(&|vitals| f64::from(vitals.integrity)));
        let cells = Line::new("cells", points(&|vitals| f64::from(vitals.live_cells) / f64::from(most)));
        Plot::new("vitals")
            .height(90.0)
            .include_y(0.0)
            .include_y(1.05)
            .legend(Legend::default())
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .show(ui, |plot| {
                plot.line(integrity);
                plot.line(cells);
            });
    }

    fn clock(&mut self, ui: &mut egui::Ui) {
        let clock = &mut self.clock;
        if let Some(rate) = slider(ui, clock.ticks_per_second, 1.0..=240.0, "ticks a second") {
            clock.ticks_per_second = rate;
        }
        if let Some(speed) = slider(ui, clock.speed, 0.0..=4.0, "speed") {
            clock.speed = speed;
        }
        ui.horizontal(|ui| {
            let label = if clock.paused { "▶ Run" } else { "⏸ Pause" };
            if ui.button(label).clicked() {
                clock.paused = !clock.paused;
            }
            if ui.add_enabled(clock.paused, egui::Button::new("Step")).clicked() {
                clock.steps += 1;
            }
        });
    }

    fn sprite(&mut self, ui: &mut egui::Ui, entity: Entity) {
        let Ok((_, mut texture, ..)) = self.sprites.get_mut(entity) else { return };
        let name = |model: &NcaModel| match model.rule().name.as_str() {
            "" => "nameless".to_owned(),
            name => name.to_owned(),
        };
        let Some(model) = self.models.get(&texture.model).cloned() else {
            ui.weak("the model is being loaded");
            return;
        };
        let mut chosen = texture.model.id();
        egui::ComboBox::from_label("model").selected_text(name(&model)).show_ui(ui, |ui| {
            for (id, model) in self.models.iter() {
                ui.selectable_value(&mut chosen, id, name(model));
            }
        });
        if chosen != texture.model.id() {
            if let Some(model) = self.models.get_strong_handle(chosen) {
                texture.model = model;
            }
            return;
        }
        let forms = &model.rule().forms;
        if !forms.is_empty() {
            ui.horizontal_wrapped(|ui| {
                for form in forms {
                    if ui.button(form).clicked() {
                        self.commands.entity(entity).try_insert(NcaForm::new(form.clone()));
                    }
                }
            });
        }
        let mut degrees = texture.angle.to_degrees();
        if ui.add(bar(&mut degrees, -180.0..=180.0).text("angle, degrees")).changed() {
            texture.angle = degrees.to_radians();
        }
        let mut seed = texture.seed;
        ui.horizontal(|ui| {
            ui.add(egui::DragValue::new(&mut seed));
            ui.label("noise seed");
        });
        if seed != texture.seed {
            texture.seed = seed;
        }
        ui.horizontal(|ui| {
            let (mut crisp, mut smooth) = (texture.crisp, texture.smooth);
            if ui.checkbox(&mut crisp, "crisp").changed() {
                texture.crisp = crisp;
            }
            if ui.checkbox(&mut smooth, "smooth").changed() {
                texture.smooth = smooth;
            }
        });
        let grid = texture.grid.map_or(model.rule().grid, |grid| grid.to_array());
        let rate = slow_slider(ui, model.rule().fire_rate, 0.05..=1.0, "fire rate (model)");
        if let Some(changed) = rate.and_then(|rate| (*model).clone().map_rule(|rule| rule.fire_rate = rate).ok()) {
            // All sprites of the model continue with the new rate and keep their cells.
            if let Err(error) = self.models.insert(chosen, changed.into()) {
                self.files.message = error.to_string();
            }
        }
        if ui.button("Start again").clicked() {
            let [width, height] = grid.map(|side| side as usize);
            let all = Shape::rect(0.0, 0.0, width as f32, height as f32);
            self.commands.trigger(NcaHeal::new(entity, all).in_cells());
            self.commands.trigger(NcaWriteCells { entity, tick: 0, state: State::seed(model.rule(), width, height) });
        }
    }

    fn files(&mut self, ui: &mut egui::Ui, entity: Entity, inspector: &mut NcaInspector) {
        let model = self.model_of(entity).map(|model| model.0.clone());
        ui.horizontal(|ui| {
            if ui.button("Save snapshot").clicked() {
                self.files.asked = Some(entity);
                self.commands.trigger(NcaSave { entity });
            }
            let restore = ui.add_enabled(self.files.snapshot.is_some(), egui::Button::new("Restore"));
            if let Some(snapshot) = self.files.snapshot.as_ref().filter(|_| restore.clicked()) {
                self.commands.trigger(NcaRestore { entity, snapshot: snapshot.clone() });
            }
            // A browser has no folder to write to.
            if cfg!(target_arch = "wasm32") {
                return;
            }
            let recorded = self.files.frames();
            let label = recorded.map_or("⏺ Record".to_owned(), |frames| format!("⏹ GIF, {frames} frames"));
            if ui.button(label).clicked()
                && let Some(model) = model
            {
                match recorded {
                    None => self.files.record(entity, model, self.skins.contains(entity)),
                    Some(_) => self.files.write_recording(&inspector.folder, &model.rule().name),
                }
            }
        });
        if !inspector.channels && ui.button("Show channels").clicked() {
            inspector.channels = true;
        }
        if !self.files.message.is_empty() {
            ui.weak(&self.files.message);
        }
    }
}
