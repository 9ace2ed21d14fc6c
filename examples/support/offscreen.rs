//! Fallback for examples on a machine without a display or a GPU driver.

use bevy::prelude::*;
use bevy_nca::{headless, prelude::*, record::Recording};

/// Why no window can be opened, or `None` if one can.
pub fn no_window() -> Option<&'static str> {
    #[cfg(target_os = "linux")]
    if !x11_answers() {
        return Some("no X11 display was found");
    }
    headless::find_gpu().is_none().then_some("no GPU driver was found")
}

/// Whether an X server listens at `DISPLAY`. The examples are built for X11.
#[cfg(target_os = "linux")]
fn x11_answers() -> bool {
    let Ok(display) = std::env::var("DISPLAY") else { return false };
    let Some((host, number)) = display.rsplit_once(':') else { return false };
    let number = number.split('.').next().unwrap_or_default();
    match host {
        "" | "unix" => std::os::unix::net::UnixStream::connect(format!("/tmp/.X11-unix/X{number}")).is_ok(),
        // Forwarded from another host.
        host => number.parse().is_ok_and(|n: u16| std::net::TcpStream::connect((host, n.saturating_add(6000))).is_ok()),
    }
}

/// Grows a sprite on the CPU, wounds it, lets it heal, and writes a GIF of it.
pub fn show(model: &'static str, path: &str, why: &str) -> AppExit {
    println!("{why}: the sprite grows and heals on the CPU, into {path}");
    match record(model, path) {
        Ok(()) => AppExit::Success,
        Err(error) => {
            eprintln!("{error}");
            AppExit::error()
        }
    }
}

fn record(model: &'static str, path: &str) -> Result<(), Box<dyn std::error::Error>> {
    const TICKS_A_FRAME: u32 = 2;
    let mut app = headless::app(NcaBackend::Cpu)?;
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    let handle: Handle<NcaModel> = app.world().resource::<AssetServer>().load(model);
    let entity = app.world_mut().spawn(NcaTexture::new(handle.clone())).id();
    let (_, seed) = headless::read_cells(&mut app, entity, 100_000)?;
    let models = app.world().resource::<Assets<NcaModel>>();
    let model = models.get(&handle).ok_or("the model went away")?.clone();
    let rule = model.rule();

    let [width, height] = rule.grid.map(|side| side as f32);
    let mut recording = Recording::default().with_scale(8).with_background(Recording::DARK);
    recording.push(&model, &seed);
    for tick in (0..rule.mature_ticks * 5).step_by(TICKS_A_FRAME as usize) {
        for (at, [x, y]) in [(2, [0.3, 0.4]), (3, [0.7, 0.65])] {
            if tick / TICKS_A_FRAME == rule.mature_ticks * at / TICKS_A_FRAME {
                let wound = NcaDamage::circle(entity, Vec2::new(width * x, height * y), width / 6.0);
                app.world_mut().trigger(wound.in_cells());
            }
        }
        headless::step(&mut app, TICKS_A_FRAME);
        let (_, state) = headless::read_cells(&mut app, entity, 1)?;
        recording.push(&model, &state);
    }
    Ok(recording.write(path)?)
}
