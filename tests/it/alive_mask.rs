//! `NcaAliveMask` and probes, on both backends.

use bevy::{ecs::system::RunSystemOnce, prelude::*};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Model, Shape},
};

use crate::{
    plugin::{add_model, app_with, cells, full, paused_app, still_model},
    support::on_each_backend,
};

/// Waits for the alive_mask of the last tick.
fn alive_mask(app: &mut App, entity: Entity) -> CellMask {
    let (tick, _) = cells(app, entity);
    for _ in 0..100 {
        if app.world().get::<NcaVitals>(entity).unwrap().tick == tick {
            return app.world().get::<NcaAliveMask>(entity).unwrap().cells.clone().unwrap();
        }
        app.update();
    }
    panic!("nothing of tick {tick} has come")
}

fn first_hit(app: &mut App, from: Vec2, to: Vec2) -> Option<NcaHit> {
    app.world_mut().run_system_once(move |probe: NcaProbe| probe.first_hit(from, to)).unwrap()
}

#[test]
fn a_shot_passes_through_the_hole_that_another_has_made() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let handle = add_model(&mut app, &still_model(10, 33));
        // Two walls, ten cells thick, one behind the other. The second is rotated and scaled.
        let near = Transform::from_xyz(20.0, 0.0, 0.0);
        let far =
            Transform::from_xyz(60.0, 0.0, 0.0).with_rotation(Quat::from_rotation_z(0.3)).with_scale(Vec3::splat(2.0));
        let [near, far] = [near, far].map(|transform| {
            let entity = app.world_mut().spawn((NcaTexture::new(handle.clone()), Sprite::default(), transform)).id();
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(10, 33) });
            entity
        });
        app.world_mut().entity_mut(far).insert(NcaAliveMask::default());
        headless::step(&mut app, 1);
        alive_mask(&mut app, far);
        let hit = first_hit(&mut app, Vec2::ZERO, Vec2::new(100.0, 0.0)).unwrap();
        assert_eq!(hit.entity, far, "the near one has no alive_mask to be hit");
        // The ray hits its rotated left side, which is ten from its center.
        assert!((hit.point.x - (60.0 - 10.0 / 0.3f32.cos())).abs() < 0.01 && hit.point.y == 0.0, "{hit:?}");
        assert_eq!(hit.cell.x, 0);

        app.world_mut().entity_mut(near).insert(NcaAliveMask::default());
        headless::step(&mut app, 1);
        assert_eq!(alive_mask(&mut app, near), CellMask::full(10, 33));
        let hit = first_hit(&mut app, Vec2::ZERO, Vec2::new(100.0, 0.2)).unwrap();
        assert_eq!((hit.entity, hit.cell), (near, UVec2::new(0, 16)));
        assert!((hit.fraction - 0.15).abs() < 1e-6 && (hit.point.x - 15.0).abs() < 1e-4, "{hit:?}");
        let back = first_hit(&mut app, Vec2::new(30.0, 5.2), Vec2::new(0.0, 5.2)).unwrap();
        assert_eq!((back.entity, back.cell), (near, UVec2::new(9, 11)));
        assert_eq!(first_hit(&mut app, Vec2::ZERO, Vec2::new(14.0, 0.0)), None, "too short");

        let bullet = NcaWound::capsule(Vec2::ZERO, Vec2::new(40.0, 0.0), 2.8);
        app.world_mut().trigger(NcaDamage::new(near, bullet));
        headless::step(&mut app, 1);
        let hole = CellMask::of(&Shape::capsule([-15.0, 16.5], [25.0, 16.5], 2.8), 10, 33);
        let left = CellMask::from_fn(10, 33, |&cell| !hole.contains(cell));
        assert_eq!(alive_mask(&mut app, near), left, "{backend:?}");
        let hit = first_hit(&mut app, Vec2::ZERO, Vec2::new(100.0, 0.0)).unwrap();
        assert_eq!(hit.entity, far);
        let lives = move |probe: NcaProbe| {
            [(20.0, 0.0), (20.0, 2.4), (20.0, 4.1), (20.0, 20.0)].map(|(x, y)| probe.lives_at(near, Vec2::new(x, y)))
        };
        assert_eq!(app.world_mut().run_system_once(lives).unwrap(), [false, false, true, false]);

        // Probes do not find a sprite without `NcaAliveMask`.
        app.world_mut().entity_mut(near).remove::<NcaAliveMask>();
        headless::step(&mut app, 1);
        assert_eq!(first_hit(&mut app, Vec2::new(0.0, 5.0), Vec2::new(30.0, 5.0)), None);
    });
}

#[test]
fn alive_mask_changes_only_when_cells_do() {
    #[derive(Resource, Default)]
    struct Changes(u32);
    let (mut app, entity) = app_with(NcaBackend::Cpu, &still_model(9, 9), |texture| texture);
    let count = |alive_mask: Query<(), Changed<NcaAliveMask>>, mut changes: ResMut<Changes>| {
        changes.0 += alive_mask.iter().count() as u32
    };
    app.init_resource::<Changes>().add_systems(Last, count);
    app.world_mut().entity_mut(entity).insert(NcaAliveMask::default());
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(9, 9) });
    headless::step(&mut app, 1);
    let before = app.world().resource::<Changes>().0;
    headless::step(&mut app, 50);
    assert_eq!(app.world().resource::<Changes>().0, before);
    app.world_mut().trigger(NcaDamage::circle(entity, Vec2::ZERO, 1.0));
    headless::step(&mut app, 1);
    assert_eq!(app.world().resource::<Changes>().0, before + 1);
}

/// A body of coordinates is larger than its picture: it grows, heals, and is hit where it shows something.
#[test]
fn the_mask_of_a_body_is_that_of_its_picture() {
    on_each_backend(|backend| {
        let model = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca")).unwrap();
        let (mut app, entity) = app_with(backend, &model, |texture| texture);
        app.world_mut().entity_mut(entity).insert(NcaAliveMask::default());
        headless::step(&mut app, 200);
        let [width, height] = model.rule().grid.map(|side| side as usize);
        let pixels = model.target().unwrap().premultiplied(width, height);
        let picture = CellMask::from_fn(width, height, |&cell| pixels[cell * 4 + 3] > 0.1);
        assert_eq!(alive_mask(&mut app, entity), picture, "{backend:?}");
        let vitals = *app.world().get::<NcaVitals>(entity).unwrap();
        let shown = picture.iter().count() as u32;
        assert!(vitals.integrity == 1.0 && vitals.condition == NcaCondition::Whole, "{backend:?}: {vitals:?}");
        assert!(vitals.live_cells > shown + 40, "{backend:?}: {} cells for {shown} pixels", vitals.live_cells);

        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(12.0, 14.0), 7.0).in_cells());
        headless::step(&mut app, 1);
        let left = alive_mask(&mut app, entity).iter().count();
        assert!(left * 100 < shown as usize * 75, "{backend:?}: {left} of {shown}");
        headless::step(&mut app, 200);
        assert_eq!(alive_mask(&mut app, entity), picture, "{backend:?}");
    });
}
