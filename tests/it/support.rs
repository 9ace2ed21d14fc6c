//! Helpers that several test modules share.

use std::{
    io::Write,
    path::PathBuf,
    sync::{Mutex, Once, OnceLock, PoisonError},
};

use bevy_nca::{NcaBackend, headless::find_gpu};

pub use crate::golden_frames::{Golden, TOLERANCE, WOUND_TICK, distance};

pub fn golden_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The rules that have golden frames in `tests/golden`.
pub const GOLDEN: [&str; 9] =
    ["standard", "small", "wrap", "rotated", "synchronous", "rare", "texture", "material", "forms"];

impl Golden {
    pub fn read(name: &str) -> Self {
        let read = |file: String| std::fs::read(golden_folder().join(file)).unwrap();
        Self::of(&read(format!("{name}.nca")), &read(format!("{name}.frames.safetensors")))
    }
}

/// Runs a test on the CPU, and on the GPU where there is one.
pub fn on_each_backend(test: impl Fn(NcaBackend)) {
    test(NcaBackend::Cpu);
    on_the_gpu(|| test(NcaBackend::Gpu));
}

/// Runs a test if there is a GPU. Otherwise skips it and prints a warning, or fails if `NCA_REQUIRE_GPU` is 1.
/// Tests run one at a time, because software drivers share state that they should not.
pub fn on_the_gpu(test: impl FnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    static GPU: OnceLock<Option<String>> = OnceLock::new();
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    match GPU.get_or_init(find_gpu) {
        Some(_) => test(),
        None if std::env::var_os("NCA_REQUIRE_GPU").is_some_and(|value| value == "1") => {
            panic!("NCA_REQUIRE_GPU is set, but there is no GPU adapter")
        }
        None => {
            static LOUD: Once = Once::new();
            // Bypass the test harness, which captures the output of passing tests.
            LOUD.call_once(|| {
                let line = "##### NO GPU ADAPTER: ALL GPU TESTS ARE SKIPPED (NCA_REQUIRE_GPU=1 makes them fail) #####";
                std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
            });
        }
    }
}
