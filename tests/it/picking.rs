//! Pointers hit only living cells, on both backends.

use bevy::{
    asset::RenderAssetUsages,
    camera::{
        CameraPlugin, CameraProjection, ImageRenderTarget, NormalizedRenderTarget, RenderTarget, RenderTargetInfo,
    },
    mesh::MeshPlugin,
    picking::{
        InteractionPlugin, PickingPlugin, PickingSystems,
        backend::{HitData, PointerHits, ray::RayMap},
        hover::HoverMap,
        mesh_picking::{MeshPickingSettings, update_hits},
        pointer::{Location, PointerId, PointerLocation},
    },
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
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

fn app(backend: NcaBackend) -> App {
    let mut app = headless::app_with(backend, |app| {
        if backend == NcaBackend::Cpu {
            let no_window = WindowPlugin { primary_window: None, ..default() };
            app.add_plugins((no_window, MeshPlugin, CameraPlugin));
        }
        app.init_asset::<TextureAtlasLayout>().add_plugins((PickingPlugin, InteractionPlugin));
    })
    .unwrap();
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    app.init_resource::<Hits>().add_systems(
        Last,
        |mut messages: MessageReader<PointerHits>, mut hits: ResMut<Hits>| {
            hits.0 = messages.read().flat_map(|hits| &hits.picks).map(|(entity, hit)| (*entity, hit.depth)).collect();
            hits.0.sort_by(|a, b| a.1.total_cmp(&b.1));
        },
    );
    app
}

/// A pointer over a camera of 200 x 100 units.
struct Pointer {
    entity: Entity,
    target: ImageRenderTarget,
}

impl Pointer {
    fn new(app: &mut App) -> Self {
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
        Self { entity: app.world_mut().spawn(PointerId::Custom(Default::default())).id(), target }
    }

    /// What it hits at a point of the world, nearest first.
    fn hits(&self, app: &mut App, world: Vec2) -> Vec<Entity> {
        let target = NormalizedRenderTarget::Image(self.target.clone());
        let position = Vec2::new(100.0, 50.0) + world * Vec2::new(1.0, -1.0);
        app.world_mut().entity_mut(self.entity).insert(PointerLocation::new(Location { target, position }));
        (0..4).for_each(|_| app.update());
        app.world().resource::<Hits>().0.iter().map(|(entity, _)| *entity).collect::<Vec<_>>()
    }

    /// What is under it in the end, at a point of the world.
    fn hovers(&self, app: &mut App, world: Vec2) -> Vec<Entity> {
        self.hits(app, world);
        let mut hovered: Vec<Entity> =
            app.world().resource::<HoverMap>().0.values().flat_map(|hits| hits.keys().copied()).collect();
        hovered.sort();
        hovered
    }
}

#[test]
fn a_click_goes_through_the_hole_to_what_is_behind() {
    on_each_backend(|backend| {
        let mut app = app(backend);
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

        let pointer = Pointer::new(&mut app);
        let point = |app: &mut App, world| pointer.hits(app, world);
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

/// A backend that hits whole sprites, as Bevy's does, front to back until one blocks.
fn pick_sprites(
    rays: Res<RayMap>,
    sprites: Query<(Entity, &Transform, &Pickable), With<Sprite>>,
    mut hits: MessageWriter<PointerHits>,
) {
    for (id, _) in rays.iter() {
        let mut sprites: Vec<_> = sprites.iter().collect();
        sprites.sort_by(|a, b| b.1.translation.z.total_cmp(&a.1.translation.z));
        let blocking = sprites.iter().position(|(.., pickable)| pickable.should_block_lower);
        sprites.truncate(blocking.map_or(sprites.len(), |index| index + 1));
        let hit = |(entity, at, _): (Entity, &Transform, &Pickable)| {
            (entity, HitData::new(id.camera, -at.translation.z, None, None))
        };
        hits.write(PointerHits::new(id.pointer, sprites.into_iter().map(hit).collect(), 0.0));
    }
}

/// Bevy's backend finds art wherever it has pixels. A click hits a skin where it lives and shows a pixel in this frame.
#[test]
fn a_click_goes_through_the_hole_of_a_skin() {
    let mut app = app(NcaBackend::Cpu);
    app.add_systems(PreUpdate, pick_sprites.in_set(PickingSystems::Backend));
    // Two frames of 40 x 40 pixels: the left and the right half.
    let pixel = |index: usize| if (index % 80 < 20) || (index % 80 >= 60) { [9, 9, 9, 255] } else { [0; 4] };
    let size = Extent3d { width: 80, height: 40, depth_or_array_layers: 1 };
    let image = Image::new(
        size,
        TextureDimension::D2,
        (0..80 * 40).flat_map(pixel).collect(),
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::default(),
    );
    let image = app.world_mut().resource_mut::<Assets<Image>>().add(image);
    let layout = TextureAtlasLayout::from_grid(UVec2::splat(40), 2, 1, None, None);
    let layout = app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
    let atlas = TextureAtlas { layout, index: 0 };
    let handle = add_model(&mut app, &still_model(40, 40));
    let behind = app.world_mut().spawn((Sprite::from_color(Color::WHITE, Vec2::splat(40.0)), Pickable::default())).id();
    app.world_mut().get_mut::<Transform>(behind).unwrap().translation.z = -1.0;
    let sprite = Sprite::from_atlas_image(image, atlas);
    let skin = app.world_mut().spawn((NcaSkin::default(), NcaTexture::new(handle), sprite, Pickable::default())).id();
    app.world_mut().trigger(NcaWriteCells { entity: skin, tick: 0, state: full(40, 40) });
    let pointer = Pointer::new(&mut app);
    headless::step(&mut app, 1);
    let (left, right) = (Vec2::new(-10.0, 0.0), Vec2::new(10.0, 0.0));
    assert_eq!(pointer.hovers(&mut app, left), [skin], "it blocks what is behind");
    assert_eq!(pointer.hovers(&mut app, right), [behind], "the frame has no pixel there");
    app.world_mut().get_mut::<Sprite>(skin).unwrap().texture_atlas.as_mut().unwrap().index = 1;
    assert_eq!(pointer.hovers(&mut app, left), [behind]);
    assert_eq!(pointer.hovers(&mut app, right), [skin]);
    app.world_mut().trigger(NcaDamage::circle(skin, right, 6.0));
    headless::step(&mut app, 1);
    assert_eq!(pointer.hovers(&mut app, right), [behind], "through the hole");
    assert_eq!(pointer.hovers(&mut app, right + Vec2::X * 8.0), [skin], "beside the hole");
    assert_eq!(*app.world().get::<Pickable>(skin).unwrap(), Pickable::default());
}

/// A pointer passes through the hole of a mesh to what is behind.
#[test]
fn a_click_goes_through_the_hole_of_a_mesh() {
    let mut app = app(NcaBackend::Cpu);
    app.init_resource::<MeshPickingSettings>();
    app.add_systems(PreUpdate, update_hits.in_set(PickingSystems::Backend));
    let mesh = Mesh3d(app.world_mut().resource_mut::<Assets<Mesh>>().add(Rectangle::new(40.0, 40.0)));
    let handle = add_model(&mut app, &still_model(40, 40));
    let behind = app.world_mut().spawn((mesh.clone(), Transform::from_xyz(0.0, 0.0, -5.0))).id();
    let wall = app.world_mut().spawn((mesh, NcaTexture::new(handle), Pickable::default())).id();
    app.world_mut().trigger(NcaWriteCells { entity: wall, tick: 0, state: full(40, 40) });
    let pointer = Pointer::new(&mut app);
    headless::step(&mut app, 1);
    let right = Vec2::new(10.0, 5.0);
    assert_eq!(pointer.hovers(&mut app, right), [wall], "it blocks what is behind");
    app.world_mut().trigger(NcaDamage::circle(wall, Vec2::new(0.75, 0.375), 0.15).in_uv());
    headless::step(&mut app, 1);
    assert_eq!(pointer.hovers(&mut app, right), [behind], "through the hole");
    assert_eq!(pointer.hovers(&mut app, right + Vec2::X * 8.0), [wall], "beside the hole");
    assert_eq!(pointer.hovers(&mut app, Vec2::new(-10.0, -5.0)), [wall]);
    assert_eq!(*app.world().get::<Pickable>(wall).unwrap(), Pickable::default());
}
