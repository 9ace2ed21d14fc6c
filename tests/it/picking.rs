//! Pointers hit only living cells, on both backends.

use bevy::{
    camera::{
        CameraPlugin, CameraProjection, ImageRenderTarget, NormalizedRenderTarget, RenderTarget, RenderTargetInfo,
    },
    mesh::MeshPlugin,
    picking::{
        PickingPlugin,
        backend::PointerHits,
        pointer::{Location, PointerId, PointerLocation},
    },
    prelude::*,
    render::render_resource::TextureFormat,
    window::{PrimaryWindow, WindowPlugin},
};
use bevy_nca::{headless, prelude::*};

use crate::{
    plugin::{add_model, cells, full, still_model},
    support::on_each_backend,
};

/// What the pointer hit in the last frame, nearest first.
#[derive(Resource, Default)]
struct Hits(Vec<(Entity, f32)>);

#[test]
fn a_click_goes_through_the_hole_to_what_is_behind() {
    on_each_backend(|backend| {
        let mut app = headless::app_with(backend, |app| {
            if backend == NcaBackend::Cpu {
                let no_window = WindowPlugin { primary_window: None, ..default() };
                app.add_plugins((no_window, MeshPlugin, CameraPlugin));
            }
            app.add_plugins(PickingPlugin);
        })
        .unwrap();
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        app.init_resource::<Hits>().add_systems(
            Last,
            |mut messages: MessageReader<PointerHits>, mut hits: ResMut<Hits>| {
                hits.0 =
                    messages.read().flat_map(|hits| &hits.picks).map(|(entity, hit)| (*entity, hit.depth)).collect();
                hits.0.sort_by(|a, b| a.1.total_cmp(&b.1));
            },
        );
        let handle = add_model(&mut app, &still_model(40, 30));
        let wall = |app: &mut App, z: f32| {
            let texture = NcaTexture::new(handle.clone());
            let transform = Transform::from_xyz(10.0, 0.0, z);
            let entity = app.world_mut().spawn((texture, Sprite::default(), Pickable::default(), transform)).id();
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(40, 30) });
            entity
        };
        let (front, back) = (wall(&mut app, 5.0), wall(&mut app, 1.0));
        let no_target = app.world_mut().spawn((NcaTexture::new(handle.clone()), Sprite::default())).id();
        assert!(
            app.world().get::<NcaAliveMask>(front).is_some() && app.world().get::<NcaAliveMask>(no_target).is_none()
        );

        let image = Image::new_target_texture(200, 100, TextureFormat::Rgba8UnormSrgb, None);
        let target = ImageRenderTarget::from(app.world_mut().resource_mut::<Assets<Image>>().add(image));
        // Without a renderer, nothing else sets the camera's projection and target size.
        let mut projection = OrthographicProjection::default_2d();
        projection.update(200.0, 100.0);
        let mut camera = Camera::default();
        camera.computed.clip_from_view = projection.get_clip_from_view();
        camera.computed.target_info = Some(RenderTargetInfo { physical_size: UVec2::new(200, 100), scale_factor: 1.0 });
        app.world_mut().spawn((Camera2d, camera, RenderTarget::Image(target.clone())));
        // Bevy finds a pointer's camera only if there is a primary window.
        app.world_mut().spawn(PrimaryWindow);
        let pointer = app.world_mut().spawn(PointerId::Custom(Default::default())).id();
        let point = |app: &mut App, world: Vec2| {
            let target = NormalizedRenderTarget::Image(target.clone());
            let position = Vec2::new(100.0, 50.0) + world * Vec2::new(1.0, -1.0);
            app.world_mut().entity_mut(pointer).insert(PointerLocation::new(Location { target, position }));
            (0..4).for_each(|_| app.update());
            app.world().resource::<Hits>().0.iter().map(|(entity, _)| *entity).collect::<Vec<_>>()
        };
        headless::step(&mut app, 1);
        cells(&mut app, front);
        assert_eq!(point(&mut app, Vec2::ZERO), [front, back], "{backend:?}");
        assert_eq!(point(&mut app, Vec2::new(-10.5, 0.0)), [], "beside both");

        app.world_mut().trigger(NcaDamage::circle(front, Vec2::ZERO, 4.0));
        headless::step(&mut app, 1);
        cells(&mut app, front);
        assert_eq!(point(&mut app, Vec2::ZERO), [back], "{backend:?}: through the hole");
        assert_eq!(point(&mut app, Vec2::new(5.0, 0.0)), [front, back]);
    });
}
