//! Forms reach the instances of textures.

use bevy::{
    ecs::{entity_disabling::Disabled, intern::Interned, query::Allow, schedule::ScheduleLabel},
    prelude::*,
};

use super::{instances::Instances, sever::sever};
use crate::{
    rule::{FIRST_FORM, printable},
    sprite::{
        components::{NcaForm, Placement},
        events::NcaMorphed,
        populations::Populations,
        sets::NcaSystems,
    },
};

/// Sends the forms of textures to their instances.
pub(crate) struct FormPlugin {
    pub(crate) schedule: Interned<dyn ScheduleLabel>,
}

impl Plugin for FormPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaForm>()
            .register_type::<NcaMorphed>()
            .add_message::<NcaMorphed>()
            .add_observer(on_removed)
            .add_systems(self.schedule, form.in_set(NcaSystems::Tick).before(sever));
    }
}

/// Instances that are new, or whose form has changed, get theirs.
fn form(textures: Query<(Ref<NcaForm>, &Placement), Allow<Disabled>>, mut populations: ResMut<Populations>) {
    let populations = populations.bypass_change_detection();
    for (form, placement) in &textures {
        let Some(id) = placement.id else { continue };
        let Some(population) = populations.get(id) else { continue };
        // Most forms do not change, and their sprites may sleep.
        let has_form = population.instance(id.slot).is_none_or(|instance| instance.has_form);
        if has_form && !form.is_changed() {
            continue;
        }
        let model = population.model().clone();
        let Some(instance) = populations.instance_mut(id) else { continue };
        if form.is_added() && instance.inherited_form.take().as_ref() == Some(&*form) {
            continue;
        }
        instance.has_form = true;
        match form.resolve(model.rule()) {
            Ok(stops) => instance.state.walk(&stops),
            Err(error) => {
                warn!("an NcaForm of the model `{}` was ignored: {error}", printable(&model.rule().name));
            }
        }
    }
}

fn on_removed(removed: On<Remove, NcaForm>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(removed.entity) {
        instance.has_form = false;
        instance.state.walk(&[(0, FIRST_FORM)]);
    }
}
