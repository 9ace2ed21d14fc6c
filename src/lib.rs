pub mod cpu;
pub mod rule;
