//! The title, play and end screens.

use bevy::{prelude::*, window::PrimaryWindow};
use bevy_nca::rule::mix;

use crate::{
    ARENA,
    art::{self, Gallery},
    controls::Controls,
};

/// The current screen.
#[derive(States, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Screen {
    #[default]
    Title,
    Play,
    Won,
    Lost,
}

/// The points, and the current wave.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct Score {
    pub points: u32,
    pub wave: usize,
}

#[derive(Component)]
struct ScoreLine;

pub fn plugin(app: &mut App) {
    app.init_state::<Screen>()
        .init_resource::<Score>()
        .add_systems(Startup, stars)
        .add_systems(OnEnter(Screen::Title), title)
        .add_systems(OnEnter(Screen::Play), (reset, hud))
        .add_systems(OnEnter(Screen::Won), |commands: Commands, score: Res<Score>| {
            banner(
                commands,
                Screen::Won,
                "THEY STAY DOWN",
                &format!("{} points\n\nEnter or a click: again", score.points),
            );
        })
        .add_systems(OnEnter(Screen::Lost), |commands: Commands, score: Res<Score>| {
            banner(commands, Screen::Lost, "OVERGROWN", &format!("{} points\n\nEnter or a click: again", score.points));
        })
        .add_systems(Update, drift)
        .add_systems(Update, (go_on.run_if(not(in_state(Screen::Play))), count.run_if(in_state(Screen::Play))));
}

/// A star and its nearness, 0 to 1.
#[derive(Component)]
struct Star(f32);

fn stars(mut commands: Commands) {
    for index in 0..90 {
        let random = |salt: u32| mix(index * 3 + salt) as f32 / u32::MAX as f32;
        let (at, near) = ((Vec2::new(random(0), random(1)) * 2.0 - 1.0) * ARENA * 1.3, random(2));
        let sprite = Sprite::from_color(Color::srgba(0.7, 0.75, 1.0, 0.2 + 0.5 * near), Vec2::splat(1.0 + 1.5 * near));
        commands.spawn((Star(near), sprite, Transform::from_translation(at.extend(-5.0))));
    }
}

fn drift(mut stars: Query<(&Star, &mut Transform)>, time: Res<Time>) {
    for (star, mut transform) in &mut stars {
        transform.translation.y -= (5.0 + 30.0 * star.0) * time.delta_secs();
        if transform.translation.y < -ARENA.y * 1.3 {
            transform.translation.y += ARENA.y * 2.6;
        }
    }
}

fn title(mut commands: Commands, mut gallery: Gallery) {
    let text = "What you shoot grows back, unless you are quick.\n\n\
                Arrows or A D: fly    Space or mouse: fire\n\nEnter, a click or a tap: play";
    banner(commands.reborrow(), Screen::Title, "REGROWTH", text);
    let cast = [
        (&art::JELLYFISH, 110.0),
        (&art::PLANT, 120.0),
        (&art::BOSS, 190.0),
        (&art::MACHINE, 120.0),
        (&art::SHIP, 100.0),
    ];
    for (index, (sheet, size)) in (0_u32..).zip(cast) {
        let place = Transform::from_xyz((index as f32 - 2.0) * 150.0, -250.0 + size / 2.0, 0.0);
        commands.spawn((DespawnOnExit(Screen::Title), gallery.living(sheet, size, index), place));
    }
}

/// A headline and a few lines in the middle of the screen.
fn banner(mut commands: Commands, screen: Screen, headline: &str, text: &str) {
    commands.spawn((
        DespawnOnExit(screen),
        Node {
            width: percent(100),
            height: percent(100),
            flex_direction: FlexDirection::Column,
            align_items: AlignItems::Center,
            justify_content: JustifyContent::Center,
            row_gap: px(24),
            padding: UiRect::bottom(px(140)),
            ..default()
        },
        children![
            (Text::new(headline), TextFont::from_font_size(72.0), TextColor(Color::srgb_u8(120, 230, 140))),
            (
                Text::new(text),
                TextFont::from_font_size(24.0),
                TextLayout::justify(Justify::Center),
                TextColor(Color::srgb_u8(200, 205, 220)),
            ),
        ],
    ));
}

fn go_on(controls: Controls, mut next: ResMut<NextState<Screen>>) {
    if controls.go_on() {
        next.set(Screen::Play);
    }
}

fn reset(mut score: ResMut<Score>) {
    *score = Score::default();
}

fn hud(mut commands: Commands) {
    commands.spawn((
        DespawnOnExit(Screen::Play),
        ScoreLine,
        Text::default(),
        TextFont::from_font_size(22.0),
        TextColor(Color::srgb_u8(200, 205, 220)),
        Node { position_type: PositionType::Absolute, top: px(10), left: px(14), ..default() },
    ));
}

fn count(
    score: Res<Score>,
    mut line: Single<&mut Text, With<ScoreLine>>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
) {
    let text = format!("wave {} of {}    {} points", score.wave, crate::foes::WAVES, score.points);
    if line.0 == text {
        return;
    }
    // The title is what a browser tells who can't see the canvas.
    windows.iter_mut().for_each(|mut window| window.title = format!("Regrowth: {text}"));
    line.0 = text;
}
