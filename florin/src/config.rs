//! `florin config example`: every setting with its default.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{Outcome, roles};

/// Options of `florin config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print florin.example.toml: every setting, its meaning, its default.
    Example,
}

/// Prints it.
pub fn run(args: &ConfigArgs) -> Result<Outcome> {
    match args.command {
        ConfigCommand::Example => print!("{}", roles::example()),
    }
    Ok(Outcome::Clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo run -- config example > florin.example.toml` mends it.
    #[test]
    fn the_example_in_the_repository_is_what_the_types_say() {
        let kept = include_str!("../../florin.example.toml");
        assert_eq!(kept, roles::example());
    }
}
