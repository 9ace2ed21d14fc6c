use std::path::PathBuf;

use bevy_nca::rule::{Model, printable};
use clap::Args;

use crate::Result;

#[derive(Args)]
pub struct Info {
    /// A `.nca` file.
    model: PathBuf,
}

impl Info {
    pub fn run(&self) -> Result {
        let model = Model::read(&self.model)?;
        let (rule, weights) = (model.rule(), model.weights());
        let count = weights.hidden_weight.len()
            + weights.hidden_bias.len()
            + weights.form_bias.len()
            + weights.output_weight.len()
            + weights.output_bias.len();
        let line = |name: &str, value: String| println!("{:<14}{}", printable(name), printable(&value));
        line("name", rule.name.clone());
        line("version", rule.version.to_string());
        line("grid", format!("{} x {} cells", rule.grid[0], rule.grid[1]));
        line("channels", rule.channels.to_string());
        line("hidden", rule.hidden.to_string());
        line(
            "parameters",
            format!("{count} ({} multiply-adds a fired cell)", (rule.features() + rule.channels) * rule.hidden),
        );
        line("perception", rule.perception.iter().map(word).collect::<Vec<_>>().join(", "));
        line("boundary", word(&rule.boundary));
        line("fire rate", rule.fire_rate.to_string());
        line("step size", rule.step_size.to_string());
        line("clamp", rule.clamp.map_or("none".to_owned(), |clamp| format!("within {clamp} of 0")));
        line(
            "alive",
            rule.alive
                .map_or("always".to_owned(), |alive| format!("channel {} above {}", alive.channel, alive.threshold)),
        );
        line("output", word(&rule.output));
        if let Some(second) = &rule.overgrowth {
            let name = if second.name.is_empty() { "a rule without a name" } else { &second.name };
            let by = [&second.author, &second.license, &second.source].map(String::as_str);
            let by: Vec<&str> = by.into_iter().filter(|text| !text.is_empty()).collect();
            let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join("; ")) };
            line("overgrowth", format!("{name}{by}"));
        }
        if !rule.forms.is_empty() {
            line("forms", rule.forms.join(", "));
        }
        line("mature", format!("after {} ticks", rule.mature_ticks));
        line(
            "target",
            model.target().map_or("none".to_owned(), |target| format!("{} x {} pixels", target.width, target.height)),
        );
        if let Some(target) = model.target() {
            line("body", format!("{} cells", target.living_cells(rule)));
        }
        for (name, value) in [("author", &rule.author), ("license", &rule.license), ("source", &rule.source)] {
            if !value.is_empty() {
                line(name, value.clone());
            }
        }
        for (key, value) in &rule.extra {
            line(key, value.to_string());
        }
        Ok(())
    }
}

/// The name of a value in the model file.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}
