//! UI nodes and 3D materials that show living cells.

use bevy::{image::TRANSPARENT_IMAGE_HANDLE, prelude::*};
use bevy_nca::{headless, prelude::*, rule::CellMask};

use crate::{
    plugin::{add_model, cells, full, paused_app, still_model},
    support::on_each_backend,
};

fn material(app: &App, handle: &Handle<StandardMaterial>) -> StandardMaterial {
    app.world().resource::<Assets<StandardMaterial>>().get(handle).unwrap().clone()
}

/// The part of its image that a material shows, in pixels.
fn shown(app: &App, material: &StandardMaterial) -> Rect {
    let image = app.world().resource::<Assets<Image>>().get(material.base_color_texture.as_ref().unwrap()).unwrap();
    let corner = |uv| material.uv_transform.transform_point2(uv) * image.size_f32();
    Rect { min: corner(Vec2::ZERO), max: corner(Vec2::ONE) }
}

#[test]
fn a_material_shows_its_own_cells_and_glows_in_them() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        app.init_asset::<StandardMaterial>();
        let handle = add_model(&mut app, &still_model(12, 9));
        let own = app.world_mut().resource_mut::<Assets<Image>>().add(Image::default());
        let [plain, glowing, lamp] = [
            StandardMaterial::default(),
            StandardMaterial { emissive: LinearRgba::gray(2.0), ..default() },
            StandardMaterial { emissive: LinearRgba::WHITE, emissive_texture: Some(own.clone()), ..default() },
        ]
        .map(|material| app.world_mut().resource_mut::<Assets<StandardMaterial>>().add(material));
        // Until the model is loaded, a material shows nothing, or the texture that the game has set.
        let spawn = |app: &mut App, material: &Handle<StandardMaterial>| {
            app.world_mut().spawn((NcaTexture::default(), MeshMaterial3d(material.clone()))).id()
        };
        let entities = [&plain, &glowing, &lamp].map(|material| spawn(&mut app, material));
        let placeholder = StandardMaterial { base_color_texture: Some(own.clone()), ..default() };
        let placeholder = app.world_mut().resource_mut::<Assets<StandardMaterial>>().add(placeholder);
        let waiting = spawn(&mut app, &placeholder);
        app.update();
        assert_eq!(material(&app, &plain).base_color_texture, Some(TRANSPARENT_IMAGE_HANDLE));
        assert_eq!(material(&app, &placeholder).base_color_texture.as_ref(), Some(&own));
        app.world_mut().despawn(waiting);
        for entity in entities {
            app.world_mut().get_mut::<NcaTexture>(entity).unwrap().model = handle.clone();
        }
        let sprite = app.world_mut().spawn((NcaTexture::new(handle.clone()), Sprite::default())).id();
        app.update();
        let atlas = app.world().get::<Sprite>(sprite).unwrap().image.clone();
        let check = |app: &App| {
            let [plain, glowing, lamp] = [&plain, &glowing, &lamp].map(|handle| material(app, handle));
            assert!([&plain, &glowing, &lamp].iter().all(|m| m.base_color_texture.as_ref() == Some(&atlas)));
            assert_eq!(plain.emissive_texture, None);
            assert_eq!(glowing.emissive_texture.as_ref(), Some(&atlas));
            assert_eq!(lamp.emissive_texture.as_ref(), Some(&own), "the game's own stays");
            let mut rects: Vec<Rect> = [plain, glowing, lamp].iter().map(|material| shown(app, material)).collect();
            rects.push(app.world().get::<Sprite>(sprite).unwrap().rect.unwrap());
            for (index, rect) in rects.iter().enumerate() {
                assert!((rect.size() - Vec2::new(12.0, 9.0)).length() < 1e-3, "{rect:?}");
                assert!(rects[..index].iter().all(|other| other.intersect(*rect).is_empty()), "{rects:?}");
            }
        };
        check(&app);
        // A fifth sprite needs a larger atlas, in which the slots are elsewhere.
        let before = shown(&app, &material(&app, &plain));
        let uv = material(&app, &plain).uv_transform;
        app.world_mut().spawn((NcaTexture::new(handle.clone()), Sprite::default()));
        app.update();
        check(&app);
        assert_ne!((material(&app, &plain).uv_transform, before), (uv, Rect::EMPTY));

        // Unchanged materials emit no asset events, and are not prepared again.
        #[derive(Resource, Default)]
        struct Changes(usize);
        app.init_resource::<Changes>().add_systems(
            Last,
            |mut events: MessageReader<AssetEvent<StandardMaterial>>, mut changes: ResMut<Changes>| {
                changes.0 += events.read().count();
            },
        );
        app.update();
        app.world_mut().resource_mut::<Changes>().0 = 0;
        headless::step(&mut app, 5);
        assert_eq!(app.world().resource::<Changes>().0, 0);

        // Another material takes over, and the first one releases the atlas.
        let other = app.world_mut().resource_mut::<Assets<StandardMaterial>>().add(StandardMaterial::default());
        app.world_mut().entity_mut(entities[2]).insert(MeshMaterial3d(other.clone()));
        app.update();
        assert_eq!(material(&app, &lamp).base_color_texture, Some(TRANSPARENT_IMAGE_HANDLE));
        assert_eq!(material(&app, &other).base_color_texture.as_ref(), Some(&atlas));

        app.world_mut().despawn(entities[0]);
        app.world_mut().entity_mut(entities[1]).remove::<NcaTexture>();
        app.update();
        let [plain, glowing] = [&plain, &glowing].map(|handle| material(&app, handle));
        assert_eq!(plain.base_color_texture, Some(TRANSPARENT_IMAGE_HANDLE));
        assert_eq!(glowing.emissive_texture, Some(TRANSPARENT_IMAGE_HANDLE));
        assert_eq!(glowing.uv_transform, bevy::math::Affine2::IDENTITY);
    });
}

#[test]
fn a_node_of_the_interface_shows_its_own_cells() {
    let mut app = paused_app(bevy_nca::NcaBackend::Cpu);
    let handle = add_model(&mut app, &still_model(12, 9));
    let node = app.world_mut().spawn((NcaTexture::default(), ImageNode::default())).id();
    let shown = |app: &App| {
        let node = app.world().get::<ImageNode>(node).unwrap();
        (node.image.clone(), node.rect)
    };
    app.update();
    assert_eq!(shown(&app), (TRANSPARENT_IMAGE_HANDLE, None));
    app.world_mut().get_mut::<NcaTexture>(node).unwrap().model = handle;
    app.update();
    let (image, rect) = shown(&app);
    assert_eq!(rect.unwrap().size(), Vec2::new(12.0, 9.0));
    assert!(app.world().resource::<Assets<Image>>().get(&image).unwrap().width() > 12);
    app.world_mut().entity_mut(node).remove::<NcaTexture>();
    assert_eq!(shown(&app), (TRANSPARENT_IMAGE_HANDLE, None));
}

#[test]
fn texture_coordinates_are_fractions_of_the_picture() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let handle = add_model(&mut app, &still_model(20, 10));
        let entity = app.world_mut().spawn(NcaTexture::new(handle)).id();
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(20, 10) });
        cells(&mut app, entity);
        app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(0.5, 0.0, 1.0, 0.3)).in_uv());
        headless::step(&mut app, 1);
        let (_, state) = cells(&mut app, entity);
        let dead = CellMask::from_fn(20, 10, |&cell| state.values()[cell * state.channels() + 3] == 0.0);
        assert_eq!(dead, CellMask::from_fn(20, 10, |&cell| cell % 20 >= 10 && cell / 20 < 3));
    });
}

/// Removing a texture takes back its own picture, and nothing of the game's.
#[test]
fn what_the_game_has_set_stays_when_the_texture_goes() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        app.init_asset::<StandardMaterial>();
        let handle = add_model(&mut app, &still_model(12, 9));
        let texture = || NcaTexture::new(handle.clone());
        let [own, shared] = [StandardMaterial::default(), StandardMaterial::default()]
            .map(|material| app.world_mut().resource_mut::<Assets<StandardMaterial>>().add(material));
        let sprite = app.world_mut().spawn((texture(), Sprite::default())).id();
        let card = app.world_mut().spawn((texture(), MeshMaterial3d(own.clone()))).id();
        (0..3).for_each(|_| app.update());
        let atlas = app.world().get::<Sprite>(sprite).unwrap().image.clone();
        assert_eq!(material(&app, &own).base_color_texture, Some(atlas.clone()));

        // The game shows something else before the texture goes.
        app.world_mut().entity_mut(sprite).insert(Sprite::from_color(Color::WHITE, Vec2::ONE)).remove::<NcaTexture>();
        app.world_mut().entity_mut(card).insert(MeshMaterial3d(shared.clone())).remove::<NcaTexture>();
        app.update();
        assert_eq!(app.world().get::<Sprite>(sprite).unwrap().image, Handle::default(), "{backend:?}");
        assert_eq!(material(&app, &shared).base_color_texture, None, "{backend:?}");
        assert_eq!(material(&app, &own).base_color_texture, Some(TRANSPARENT_IMAGE_HANDLE), "it has shown the atlas");

        // Without that, the picture is taken back.
        let sprite = app.world_mut().spawn((texture(), Sprite::default())).id();
        (0..3).for_each(|_| app.update());
        app.world_mut().entity_mut(sprite).remove::<NcaTexture>();
        assert_eq!(app.world().get::<Sprite>(sprite).unwrap().image, TRANSPARENT_IMAGE_HANDLE, "{backend:?}");
    });
}

/// Another texture takes the place of one in the same frame, also when an event at its end asks for that.
#[test]
fn a_texture_that_is_replaced_does_not_blink() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let handle = add_model(&mut app, &still_model(12, 9));
        let texture = NcaTexture::new(handle);
        let sprite = app.world_mut().spawn((texture.clone(), Sprite::default())).id();
        app.add_observer(move |died: On<NcaDied>, mut commands: Commands| {
            commands.entity(died.entity).insert(texture.clone().with_seed(9));
        });
        app.world_mut().trigger(NcaWriteCells { entity: sprite, tick: 0, state: full(12, 9) });
        (0..3).for_each(|_| app.update());
        let atlas = app.world().get::<Sprite>(sprite).unwrap().image.clone();
        app.world_mut().trigger(NcaDamage::circle(sprite, Vec2::ZERO, 50.0).in_cells());
        app.world_mut().resource_mut::<NcaClock>().steps = 2;
        for _ in 0..8 {
            app.update();
            assert_eq!(app.world().get::<Sprite>(sprite).unwrap().image, atlas, "{backend:?}");
        }
        assert_eq!(app.world().get::<NcaTexture>(sprite).unwrap().seed, 9, "it died, and was replaced");
    });
}
