//! Renders a scene to an image, and reads it.

use bevy::{
    camera::RenderTarget,
    prelude::*,
    render::{
        gpu_readback::{Readback, ReadbackComplete},
        render_resource::{TextureFormat, TextureUsages},
        view::Msaa,
    },
    sprite::SpritePlugin,
    sprite_render::SpriteRenderPlugin,
    text::TextPlugin,
};
use bevy_nca::{headless, prelude::*};

/// An app with a camera that draws onto an image, one pixel per world unit, on a transparent background.
pub struct Screen {
    pub app: App,
    target: Handle<Image>,
    size: UVec2,
}

#[derive(Resource, Default)]
struct Bytes(Vec<u8>);

impl Screen {
    /// A camera for sprites.
    pub fn new(backend: NcaBackend, width: u32, height: u32) -> Self {
        let plugins = |app: &mut App| {
            app.add_plugins((TextPlugin, SpritePlugin, SpriteRenderPlugin));
        };
        Self::with(backend, UVec2::new(width, height), plugins, Camera2d)
    }

    /// A camera with these components and plugins.
    pub fn with(backend: NcaBackend, size: UVec2, plugins: impl Fn(&mut App), camera: impl Bundle) -> Self {
        let UVec2 { x: width, y: height } = size;
        let mut app = headless::rendered_app_with(backend, plugins).unwrap();
        let mut target = Image::new_target_texture(width, height, TextureFormat::Rgba8UnormSrgb, None);
        target.texture_descriptor.usage |= TextureUsages::COPY_SRC;
        let target = app.world_mut().resource_mut::<Assets<Image>>().add(target);
        let settings = Camera { clear_color: Color::NONE.into(), ..default() };
        app.world_mut().spawn((camera, settings, Msaa::Off, RenderTarget::Image(target.clone().into())));
        app.init_resource::<Bytes>();
        Self { app, target, size }
    }

    pub fn add_image(&mut self, image: Image) -> Handle<Image> {
        self.app.world_mut().resource_mut::<Assets<Image>>().add(image)
    }

    /// Advances the app by some ticks. Nothing is drawn meanwhile.
    pub fn step(&mut self, ticks: u32) {
        let show = |app: &mut App, is_shown: bool| {
            let mut cameras = app.world_mut().query::<&mut Camera>();
            cameras.iter_mut(app.world_mut()).for_each(|mut camera| camera.is_active = is_shown);
        };
        show(&mut self.app, false);
        headless::step(&mut self.app, ticks);
        show(&mut self.app, true);
    }

    /// The pixels of a frame after some updates, row by row: premultiplied, because that is what blending leaves.
    pub fn pixels(&mut self) -> Vec<[u8; 4]> {
        let readback = self.app.world_mut().spawn(Readback::texture(self.target.clone())).id();
        self.app.world_mut().entity_mut(readback).observe(|read: On<ReadbackComplete>, mut bytes: ResMut<Bytes>| {
            bytes.0.clone_from(&read.data);
        });
        // Pipelines are compiled in the first frames, and the read-back takes some more.
        (0..20).for_each(|_| self.app.update());
        self.app.world_mut().despawn(readback);
        let row = (self.size.x as usize * 4).next_multiple_of(256);
        let bytes = &self.app.world().resource::<Bytes>().0;
        assert_eq!(bytes.len(), row * self.size.y as usize);
        let pixels = bytes.chunks_exact(row).flat_map(|row| row.as_chunks::<4>().0.iter().take(self.size.x as usize));
        pixels.copied().collect()
    }
}
