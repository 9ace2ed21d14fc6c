//! Termination signals. The first one is recorded, and the second one ends the program immediately.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::Result;

/// The signal that was received, if any.
pub struct Signals(Arc<AtomicUsize>);

#[cfg(unix)]
impl Signals {
    /// Installs the handlers. Signals that are already ignored stay ignored, as under `nohup` or in a script's
    /// background job.
    pub fn listen() -> Result<Self> {
        use signal_hook::{
            consts::{SIGHUP, SIGINT, SIGTERM},
            low_level,
        };
        let received = Arc::new(AtomicUsize::new(0));
        for signal in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal)) {
            let received = received.clone();
            let handler = move || {
                // Two signals may arrive in two threads at once. One of them is the second.
                if received.swap(signal as usize, Ordering::Relaxed) != 0 {
                    low_level::exit(128 + signal);
                }
            };
            // SAFETY: An atomic swap and an immediate exit are allowed in a signal handler.
            unsafe { low_level::register(signal, handler)? };
        }
        Ok(Self(received))
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Installs the handler.
    pub fn listen() -> Result<Self> {
        const INTERRUPT: usize = 2;
        let received = Arc::new(AtomicUsize::new(0));
        let asked = received.clone();
        ctrlc::set_handler(move || {
            if asked.swap(INTERRUPT, Ordering::Relaxed) != 0 {
                std::process::exit(128 + INTERRUPT as i32);
            }
        })?;
        Ok(Self(received))
    }
}

impl Signals {
    /// The signal that was received, if any.
    pub fn received(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|signal| *signal > 0)
    }

    /// 128 plus the signal, as shells expect; success without a signal.
    pub fn exit_code(&self) -> ExitCode {
        self.received().map_or(ExitCode::SUCCESS, |signal| ExitCode::from(128 + signal as u8))
    }
}

#[cfg(unix)]
fn is_ignored(signal: std::ffi::c_int) -> bool {
    // SAFETY: An all-zero `sigaction` is valid. With a null new action, the call only writes the current one.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut present) == 0 && present.sa_sigaction == libc::SIG_IGN
    }
}
