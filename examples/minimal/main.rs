//! Click the slime to shoot a hole in it, and watch it heal. The code is in `../minimal.rs`.
//!
//! Without a display or a GPU driver, it simulates the slime on the CPU and writes a GIF.

#[path = "../support/offscreen.rs"]
mod offscreen;

mod minimal {
    include!("../minimal.rs");

    pub fn start() -> bevy::app::AppExit {
        main()
    }
}

fn main() -> bevy::app::AppExit {
    match offscreen::no_window() {
        None => minimal::start(),
        Some(why) => offscreen::show("models/slime.nca", "minimal.gif", why),
    }
}
