//! Strokes of the mouse, which apply the brush to sprites in the world.

use bevy::{
    camera::RenderTarget,
    prelude::*,
    window::{PrimaryWindow, WindowRef},
};
use bevy_egui::input::EguiWantsInput;

use super::{
    brush::{NcaBrush, NcaTool},
    settings::NcaInspector,
};
use crate::{
    rule::Shape,
    sprite::{NcaBlast, NcaHeal, NcaPaint},
};

/// Applies the brush along the path of the mouse.
pub(super) fn paint(
    mut commands: Commands,
    inspector: Res<NcaInspector>,
    (mouse, panel): (Res<ButtonInput<MouseButton>>, Res<EguiWantsInput>),
    windows: Query<(Entity, &Window, Has<PrimaryWindow>)>,
    cameras: Query<(Entity, &Camera, &GlobalTransform, &RenderTarget), With<Camera2d>>,
    mut last: Local<Option<(Entity, Vec2)>>,
) {
    let from = last.take();
    // A drag that starts in a panel does not paint.
    let begins = mouse.just_pressed(MouseButton::Left);
    let draws = mouse.pressed(MouseButton::Left) && (begins || from.is_some());
    if !inspector.open || !draws || panel.wants_any_pointer_input() {
        return;
    }
    // The cursor is in at most one window, where several viewports may overlap.
    let cursors =
        windows.iter().filter_map(|(entity, window, is_primary)| Some((entity, window.cursor_position()?, is_primary)));
    let Some((window, cursor, is_primary)) = cursors.max_by_key(|(entity, _, is_primary)| {
        // A window still reports the cursor for a moment after it has left.
        (windows.get(*entity).is_ok_and(|(_, window, _)| window.focused), *is_primary)
    }) else {
        return;
    };
    let on_window = |target: &RenderTarget| match target {
        RenderTarget::Window(WindowRef::Primary) => is_primary,
        RenderTarget::Window(WindowRef::Entity(entity)) => *entity == window,
        _ => false,
    };
    let shows = cameras.iter().filter(|(_, camera, _, target)| {
        let here = camera.logical_viewport_rect().is_some_and(|viewport| viewport.contains(cursor));
        camera.is_active && here && on_window(target)
    });
    let topmost = shows.max_by_key(|(_, camera, ..)| camera.order);
    let point = topmost.and_then(|(entity, camera, transform, _)| {
        Some((entity, camera.viewport_to_world_2d(transform, cursor).ok()?))
    });
    let Some((camera, to)) = point else { return };
    *last = Some((camera, to));
    // A stroke does not continue from one camera to another.
    let from = from.filter(|(of, _)| *of == camera).map_or(to, |(_, from)| from);
    let brush = &inspector.brush;
    if let Some(wound) = brush.to_wound(from, to) {
        commands.trigger(NcaBlast::new(wound));
        return;
    }
    let Some(entity) = inspector.sprite else { return };
    let disc = Shape::circle(to.x, to.y, brush.size / 2.0);
    let NcaBrush { strength, softness, .. } = *brush;
    match brush.tool {
        NcaTool::Heal => commands.trigger(NcaHeal::new(entity, disc)),
        NcaTool::Paint => {
            commands.trigger(NcaPaint { strength, softness, ..NcaPaint::new(entity, disc) });
        }
        NcaTool::Erase => {
            commands.trigger(NcaPaint { strength, softness, ..NcaPaint::erase(entity, disc) });
        }
        _ => {}
    }
}
