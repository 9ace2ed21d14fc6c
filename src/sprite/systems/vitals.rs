//! Statistics become vitals and events.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow},
    prelude::*,
};

use crate::sprite::{
    components::{NcaAliveMask, NcaCondition, NcaKillBelow, NcaVitals, Placement},
    events::{NcaDied, NcaGrown, NcaMorphed, NcaRegrown, NcaWounded},
    populations::Populations,
    sets::NcaSystems,
    simulation::InstanceStats,
};

/// Updates vitals, and reports what has changed.
pub(crate) struct VitalsPlugin;

impl Plugin for VitalsPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaVitals>()
            .register_type::<NcaKillBelow>()
            .add_message::<NcaWounded>()
            .add_message::<NcaGrown>()
            .add_message::<NcaRegrown>()
            .add_message::<NcaDied>()
            .register_type::<NcaWounded>()
            .register_type::<NcaGrown>()
            .register_type::<NcaRegrown>()
            .register_type::<NcaDied>()
            .init_resource::<StatsInbox>()
            .add_systems(First, report.in_set(NcaSystems::Receive))
            .add_systems(PostUpdate, (count, report).chain().in_set(NcaSystems::Report));
    }
}

/// Statistics that have not been reported yet, oldest first.
#[derive(Resource, Default)]
pub(crate) struct StatsInbox(pub(crate) Vec<InstanceStats>);

/// Counts the cells of instances on the CPU.
fn count(mut populations: ResMut<Populations>, mut inbox: ResMut<StatsInbox>) {
    let counted = &mut inbox.bypass_change_detection().0;
    populations.bypass_change_detection().iter_mut().for_each(|population| population.count(counted));
}

type Reported = (
    &'static mut NcaVitals,
    &'static Placement,
    Option<&'static NcaKillBelow>,
    Option<&'static mut NcaAliveMask>,
    Has<Disabled>,
);

/// Reports statistics. Those of a disabled entity wait until it is enabled.
pub(super) fn report(
    mut inbox: ResMut<StatsInbox>,
    mut sprites: Query<Reported, Allow<Disabled>>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    let populations = populations.bypass_change_detection();
    inbox.bypass_change_detection().0.retain_mut(|counted| {
        let InstanceStats { entity, population, generation, tick, form, is_judged, stats, ref mut alive } = *counted;
        let Ok((mut vitals, placement, kill_below, alive_mask, is_disabled)) = sprites.get_mut(entity) else {
            return false;
        };
        if is_disabled {
            return true;
        }
        let Some(id) = placement.id.filter(|id| id.population == population) else { return false };
        let Some(population) = populations.get_mut(id) else { return false };
        let grid = population.grid();
        let (grown, possible) = population.grown_cells(id.slot, form);
        let reference = population.reference().clone();
        let most_changing = population.model().rule().mature_ticks.saturating_mul(2);
        // An unknown shape is not used to judge.
        let (grown, possible) = if is_judged { (Some(grown), Some(possible)) } else { (None, None) };
        let Some(instance) = population.instance_mut(id.slot).filter(|instance| instance.generation == generation)
        else {
            return false;
        };
        let reached = possible.is_some_and(|possible| reference.is_reached(&stats, form, possible));
        let morphed = instance.state.arrives(reached, tick);
        let is_changing = instance.state.is_changing(tick, most_changing);
        let had_grown = instance.state.has_grown;
        let before = instance.state.observe(&stats, possible, is_changing);
        let (condition, has_grown) = (instance.state.condition, instance.state.has_grown);
        vitals.set_if_neq(NcaVitals::new(&stats, grid, grown, condition, has_grown, tick));
        if let Some(mut cells) = alive.take() {
            if is_judged && !is_changing && stats.lost == 0 && condition != NcaCondition::Whole {
                instance.find_place(&reference, &cells, form);
            }
            if let Some(life) = &mut instance.life {
                // Some may have been lost since then.
                life.see(tick, cells.clone());
                cells = life.living().unwrap_or(cells);
            }
            reference.keep_shown(&mut cells, instance.state.pose_in(form));
            if let Some(mut mask) = alive_mask.filter(|mask| mask.cells.as_ref() != Some(&cells)) {
                mask.cells = Some(cells);
            }
        }
        if stats.lost > 0 {
            tell(&mut commands, NcaWounded { entity, lost_cells: stats.lost });
        }
        if has_grown && !had_grown {
            tell(&mut commands, NcaGrown { entity });
        }
        if morphed {
            tell(&mut commands, NcaMorphed { entity, form });
        }
        match condition {
            NcaCondition::Whole if before == NcaCondition::Wounded => tell(&mut commands, NcaRegrown { entity }),
            NcaCondition::Dead if before != NcaCondition::Dead => tell(&mut commands, NcaDied { entity }),
            _ => {}
        }
        if is_judged && has_grown && !is_changing && kill_below.is_some_and(|below| vitals.integrity < below.0) {
            // Kill it only once: statistics still in flight were counted before the kill.
            instance.state.has_grown = false;
            population.kill(id.slot);
        }
        false
    });
}

/// Triggers an event, and writes it as a message.
pub(super) fn tell<'a, E>(commands: &mut Commands, event: E)
where
    E: EntityEvent + Message + Clone,
    E::Trigger<'a>: Default,
{
    commands.trigger(event.clone());
    commands.write_message(event);
}
