//! Click the slime to shoot a hole in it, and watch it heal: the code is `../minimal.rs`.
//!
//! Where no window can be opened or no GPU is found, this shows the same on the CPU, as a GIF.

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
