//! Signals that ask the program to end: the first is remembered, the second ends it at once.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::Result;

/// The signal that has come, if one has.
pub struct Signals(Arc<AtomicUsize>);

#[cfg(unix)]
impl Signals {
    /// Listens from now on. What is ignored stays so, as by `nohup` or in the background of a script.
    pub fn listen() -> Result<Self> {
        use signal_hook::{
            consts::{SIGHUP, SIGINT, SIGTERM},
            flag,
        };
        let received = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(std::sync::atomic::AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal)) {
            // In this order: the first signal finds nothing to end by yet.
            flag::register_conditional_shutdown(signal, 128 + signal, again.clone())?;
            flag::register(signal, again.clone())?;
            flag::register_usize(signal, received.clone(), signal as usize)?;
        }
        Ok(Self(received))
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Listens from now on.
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
    /// The signal that has come, if one has.
    pub fn received(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|signal| *signal > 0)
    }

    /// As a shell expects of what a signal has ended.
    pub fn exit_code(&self) -> ExitCode {
        self.received().map_or(ExitCode::SUCCESS, |signal| ExitCode::from(128 + signal as u8))
    }
}

#[cfg(unix)]
fn is_ignored(signal: std::ffi::c_int) -> bool {
    // SAFETY: zeros are a valid `sigaction`. Without a new action, the call only writes the present one to it.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut present) == 0 && present.sa_sigaction == libc::SIG_IGN
    }
}
