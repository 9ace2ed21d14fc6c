//! Debris: cells that wounds have killed fly off, fall and fade.
//!
//! All bits are quads of one mesh, in the colors of its vertices. The mesh exists only while there are some.

use bevy::{
    asset::RenderAssetUsages,
    camera::visibility::NoFrustumCulling,
    mesh::{Indices, PrimitiveTopology},
    prelude::*,
    sprite_render::{AlphaMode2d, ColorMaterial},
};

use super::{
    components::NcaDebris,
    events::{NcaShed, NcaShedCell},
    sets::NcaSystems,
};
use crate::rule::mix;

/// Shows debris.
pub(super) struct DebrisPlugin;

impl Plugin for DebrisPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Debris>()
            .add_observer(on_shed)
            .add_systems(PostUpdate, (fly, show).chain().in_set(NcaSystems::Show).run_if(is_any));
    }
}

/// The most bits at a time.
const MOST: usize = 4096;

/// All bits of debris, oldest first, and the entity that shows them.
#[derive(Resource, Default)]
struct Debris {
    bits: Vec<Bit>,
    shown: Option<Entity>,
    /// For chance that is the same in each run.
    count: u32,
}

/// A cell that a wound has killed.
struct Bit {
    position: Vec2,
    velocity: Vec2,
    gravity: Vec2,
    size: Vec2,
    z: f32,
    color: LinearRgba,
    /// In seconds.
    age: f32,
    lifetime: f32,
}

fn on_shed(shed: On<NcaShed>, settings: Query<&NcaDebris>, mut debris: ResMut<Debris>) {
    let Ok(settings) = settings.get(shed.entity) else { return };
    let Debris { bits, count, .. } = &mut *debris;
    let lifetime = settings.lifetime.as_secs_f32();
    if lifetime <= 0.0 || settings.most == 0 {
        return;
    }
    let every = shed.cells.len().div_ceil(settings.most as usize).max(1);
    for NcaShedCell { position, direction, color } in shed.cells.iter().step_by(every).copied() {
        *count = count.wrapping_add(1);
        // Two numbers, 0 to 1.
        let chance = mix(*count);
        let [a, b] = [chance & 0xFFFF, chance >> 16].map(|bits| bits as f32 / 65536.0);
        let velocity = Vec2::from_angle((a - 0.5) * 1.2).rotate(direction) * settings.speed * (0.5 + b);
        bits.push(Bit {
            position,
            velocity,
            gravity: settings.gravity,
            size: shed.cell_size,
            z: shed.z,
            color: color.to_linear(),
            age: 0.0,
            lifetime: lifetime * (0.7 + 0.3 * a),
        });
    }
    let surplus = bits.len().saturating_sub(MOST);
    bits.drain(..surplus);
}

fn is_any(debris: Res<Debris>) -> bool {
    !debris.bits.is_empty() || debris.shown.is_some()
}

fn fly(mut debris: ResMut<Debris>, time: Res<Time>) {
    let seconds = time.delta_secs();
    debris.bits.retain_mut(|bit| {
        bit.age += seconds;
        bit.velocity += bit.gravity * seconds;
        bit.position += bit.velocity * seconds;
        bit.age < bit.lifetime
    });
}

/// Rebuilds the mesh, or despawns it when no debris is left.
fn show(
    mut debris: ResMut<Debris>,
    shown: Query<&Mesh2d>,
    meshes: Option<ResMut<Assets<Mesh>>>,
    materials: Option<ResMut<Assets<ColorMaterial>>>,
    mut transforms: Query<&mut Transform>,
    mut commands: Commands,
) {
    let (Some(mut meshes), Some(mut materials)) = (meshes, materials) else {
        // Nothing is drawn here.
        debris.bits.clear();
        return;
    };
    if debris.bits.is_empty() {
        if let Some(entity) = debris.shown.take() {
            commands.entity(entity).try_despawn();
        }
        return;
    }
    let mesh = mesh(&debris.bits);
    // Just above the highest sprite that it comes from.
    let z = debris.bits.iter().map(|bit| bit.z).fold(f32::MIN, f32::max) + 0.01;
    let known = debris.shown.and_then(|entity| Some((entity, shown.get(entity).ok()?)));
    match known {
        Some((entity, Mesh2d(handle))) => {
            // It fails only if the game has removed the mesh.
            if meshes.insert(handle.id(), mesh).is_err() {
                debris.shown = None;
            }
            if let Ok(mut transform) = transforms.get_mut(entity) {
                transform.translation.z = z;
            }
        }
        None => {
            let material = ColorMaterial { alpha_mode: AlphaMode2d::Blend, ..default() };
            let bundle = (
                Name::new("NCA debris"),
                Mesh2d(meshes.add(mesh)),
                MeshMaterial2d(materials.add(material)),
                Transform::from_xyz(0.0, 0.0, z),
                NoFrustumCulling,
            );
            debris.shown = Some(commands.spawn(bundle).id());
        }
    }
}

/// A quad for each bit.
fn mesh(bits: &[Bit]) -> Mesh {
    let mut positions = Vec::with_capacity(bits.len() * 4);
    let mut colors = Vec::with_capacity(bits.len() * 4);
    let mut indices = Vec::with_capacity(bits.len() * 6);
    for (first, bit) in (0u32..).step_by(4).zip(bits) {
        let left = 1.0 - bit.age / bit.lifetime;
        let half = bit.size * (0.3 + 0.2 * left);
        for corner in [Vec2::new(-1.0, -1.0), Vec2::new(1.0, -1.0), Vec2::ONE, Vec2::new(-1.0, 1.0)] {
            positions.push((bit.position + half * corner).extend(0.0).to_array());
        }
        let alpha = bit.color.alpha * (left * 2.0).min(1.0);
        colors.extend([bit.color.with_alpha(alpha).to_f32_array(); 4]);
        indices.extend([0, 1, 2, 0, 2, 3].map(|corner| first + corner));
    }
    Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, positions)
        .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, colors)
        .with_inserted_indices(Indices::U32(indices))
}
