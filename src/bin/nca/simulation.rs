//! One sprite, on either backend.

use bevy::prelude::*;
use bevy_nca::{
    cpu::{Engine, Grid, Scratch, Tick},
    headless,
    prelude::*,
    rule::{CellMap, CellMask, Model, Shape, State},
};

use crate::Result;

/// The maximum number of app updates to wait for a readback. A few are enough once the shaders are compiled.
const PATIENCE: u32 = 10_000;

/// A sprite that grows from its seed.
pub enum Simulation {
    /// The CPU engine alone.
    Cpu(Box<CpuSimulation>),
    /// The plugin, in an app without a window.
    Gpu(Box<App>, Entity),
}

pub struct CpuSimulation {
    engine: Engine,
    grid: Grid,
    scratch: Scratch,
    tick: Tick,
    wound: Option<CellMask>,
    painted: CellMask,
}

impl Simulation {
    /// Runs on the GPU if `gpu` gives a precision, else on the CPU.
    pub fn new(
        model: &Model,
        [width, height]: [u32; 2],
        seed: u32,
        angle: f32,
        gpu: Option<NcaPrecision>,
    ) -> Result<Self> {
        if let Some(precision) = gpu {
            let mut app = headless::app(NcaPlugin { backend: NcaBackend::Gpu, precision, ..default() })?;
            app.world_mut().resource_mut::<NcaClock>().paused = true;
            let model = app.world_mut().resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model.clone()));
            let texture = NcaTexture::new(model).with_seed(seed).with_angle(angle).with_grid((width, height));
            let entity = app.world_mut().spawn(texture).id();
            let mut simulation = Self::Gpu(Box::new(app), entity);
            // No tick runs until the pipelines are ready. The first readback waits for them.
            simulation.state()?;
            return Ok(simulation);
        }
        let engine = Engine::new(model);
        let seed_state = State::seed(model.rule(), width as usize, height as usize);
        let grid = engine.grid(seed_state).ok_or("the seed does not fit the model")?;
        let tick = Tick { tick: 0, seed, angle };
        let painted = CellMask::new(width as usize, height as usize);
        let scratch = Scratch::default();
        Ok(Self::Cpu(Box::new(CpuSimulation { engine, grid, scratch, tick, wound: None, painted })))
    }

    /// Zeroes cells before the next tick.
    pub fn wound(&mut self, shape: &Shape) {
        match self {
            Self::Cpu(cpu) => {
                let state = cpu.grid.state();
                let (width, height) = (state.width(), state.height());
                cpu.wound.get_or_insert_with(|| CellMask::new(width, height)).add(shape, CellMap::IDENTITY);
            }
            Self::Gpu(app, entity) => {
                app.world_mut().trigger(NcaDamage::new(*entity, shape.clone()).in_cells());
            }
        }
    }

    /// Lets cells follow the model's overgrowth.
    pub fn paint(&mut self, shape: &Shape) {
        match self {
            Self::Cpu(cpu) => {
                cpu.painted.add(shape, CellMap::IDENTITY);
                cpu.engine.set_overgrown(&mut cpu.grid, cpu.painted.clone());
            }
            Self::Gpu(app, entity) => {
                app.world_mut().trigger(NcaPaint::new(*entity, shape.clone()).in_cells());
            }
        }
    }

    /// Changes to a form of the model.
    pub fn set_form(&mut self, model: &Model, name: &str) {
        match self {
            Self::Cpu(cpu) => {
                let share = |form: &String| f32::from(u8::from(form == name));
                let shares: Vec<f32> = model.rule().forms.iter().map(share).collect();
                cpu.engine.set_form(&mut cpu.grid, &shares);
            }
            Self::Gpu(app, entity) => {
                app.world_mut().entity_mut(*entity).insert(NcaForm::new(name.to_owned()));
            }
        }
    }

    pub fn advance(&mut self, ticks: u32) {
        match self {
            Self::Cpu(cpu) => {
                for _ in 0..ticks {
                    cpu.engine.step(&mut cpu.grid, &mut cpu.scratch, cpu.tick, cpu.wound.take().as_ref());
                    cpu.tick.tick += 1;
                }
            }
            Self::Gpu(app, _) => headless::step(app, ticks),
        }
    }

    pub fn state(&mut self) -> Result<State> {
        match self {
            Self::Cpu(cpu) => Ok(cpu.grid.state().clone()),
            Self::Gpu(app, entity) => Ok(headless::read_cells(app, *entity, PATIENCE)?.1),
        }
    }
}
