//! Draws the art in `assets/art`: characters of inked shapes, in frames. Also the pictures of a model with several forms.

mod boss;
mod forms;
mod ink;
mod jellyfish;
mod knight;
mod machine;
mod plant;
mod ship;
mod worm;

use std::f32::consts::TAU;

use bevy::prelude::*;
use image::{Rgba, RgbaImage};

use self::{
    boss::boss,
    forms::{AGES, Form, GATE, MOODS},
    jellyfish::jellyfish,
    knight::knight,
    machine::machine,
    plant::plant,
    ship::{crystal, ship},
    worm::worm,
};

fn main() -> Result {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/art");
    std::fs::create_dir_all(folder)?;
    let save = |name: &str, picture: RgbaImage| picture.save(format!("{folder}/{name}.png"));
    save("jellyfish", sheet(160, [12, 1], |phase, _| move |at| jellyfish(at, phase)))?;
    save("knight", sheet(144, [8, 2], |phase, row| inked(knight(phase, row == 1))))?;
    // Where its parts lie on its body.
    save("knight_uv", sheet(144, [8, 2], |phase, row| uv(knight(phase, row == 1))))?;
    save("boss", sheet(256, [8, 1], |phase, _| inked(boss(phase))))?;
    save("machine", sheet(160, [8, 1], |phase, _| inked(machine(phase))))?;
    save("plant", sheet(160, [8, 1], |phase, _| inked(plant(phase))))?;
    save("worm", sheet(224, [8, 1], |phase, _| inked(worm(phase))))?;
    save("ship", sheet(128, [4, 1], |phase, _| inked(ship(phase))))?;
    save("crystal", sheet(96, [4, 1], |phase, _| inked(crystal(phase))))?;
    // What the models in `assets/models/forms` grow: `nca train` takes the pictures of a folder.
    let models: [(&str, u32, &[Form]); 3] = [("moods", 24, &MOODS), ("ages", 24, &AGES), ("gate", 22, &GATE)];
    for (model, side, forms) in models {
        let folder = format!("{}/assets/targets/{model}", env!("CARGO_MANIFEST_DIR"));
        std::fs::create_dir_all(&folder)?;
        for (name, form) in forms {
            sheet(side, [1, 1], |_, _| inked(form())).save(format!("{folder}/{name}.png"))?;
        }
        // The same pictures at the resolution of art: what skins show.
        let frames = forms.len() as u32;
        let form = |phase: f32| forms[(phase / TAU * frames as f32).round() as usize].1;
        save(model, sheet(160, [frames, 1], |phase, _| inked(form(phase)())))?;
    }
    Ok(())
}

/// Columns and rows of square frames. `draw` takes the phase of a frame, 0 to TAU along a row, and the row. It returns the
/// color at a point of -1 to 1 on each axis, y down.
fn sheet<C: Fn(Vec2) -> [u8; 4]>(side: u32, [columns, rows]: [u32; 2], draw: impl Fn(f32, u32) -> C) -> RgbaImage {
    let mut picture = RgbaImage::new(side * columns, side * rows);
    for frame in 0..columns * rows {
        let (column, row) = (frame % columns, frame / columns);
        let color = draw(column as f32 / columns as f32 * TAU, row);
        for (x, y) in (0..side * side).map(|index| (index % side, index / side)) {
            let at = (UVec2::new(x, y).as_vec2() + 0.5) / side as f32 * 2.0 - 1.0;
            picture.put_pixel(column * side + x, row * side + y, Rgba(color(at)));
        }
    }
    picture
}

fn uv(ink: ink::Ink) -> impl Fn(Vec2) -> [u8; 4] {
    move |at| ink.uv(at)
}

fn inked(ink: ink::Ink) -> impl Fn(Vec2) -> [u8; 4] {
    move |at| ink.color(at)
}
