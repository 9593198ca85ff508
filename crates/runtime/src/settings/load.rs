//! From the file and the environment to [`Settings`], with errors that name section and key.

use std::path::Path;

use config::{Config, Environment, File, FileFormat, Source as _, Value, ValueKind};
use florin_kernel::Role;
use serde::de::DeserializeOwned;

use super::{RoleSettings, Settings, services};

/// What every role's section has for the mesh.
const OF_MESH: &[&str] = &["listen", "address"];
/// What only a role with a database has.
const DATABASE: &str = "database";
/// What holds for every service that does not say otherwise.
const SERVICES: &str = "services";

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is absent, cannot be read or is no TOML.
    #[error("settings {file}: {cause}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: config::ConfigError,
    },
    /// A key is unknown or its value does not fit.
    #[error("settings, section [{section}]: {cause}")]
    Section {
        /// The section.
        section: String,
        /// What is wrong in it.
        cause: config::ConfigError,
    },
    /// A section of no role and not of the mesh.
    #[error(
        "settings: unknown section [{0}]; sections are bank, tls, bus, telemetry, probe, process, issuers, services and the roles"
    )]
    UnknownSection(String),
}

impl Settings {
    /// Reads a file, then the environment `FLORIN__SECTION__KEY`, which wins.
    ///
    /// # Errors
    /// Names the file, or section and key.
    pub fn load(file: &Path) -> Result<Self, SettingsError> {
        let source = File::from(file).format(FileFormat::Toml);
        let builder = Config::builder().add_source(source).add_source(environment(None));
        Self::build(builder, &file.display().to_string())
    }

    /// The defaults with the environment's overrides.
    ///
    /// # Errors
    /// Names section and key.
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::build(Config::builder().add_source(environment(None)), "of the environment")
    }

    fn build(
        builder: config::ConfigBuilder<config::builder::DefaultState>,
        file: &str,
    ) -> Result<Self, SettingsError> {
        let table = builder.build().and_then(|built| built.collect());
        let table = table.map_err(|cause| SettingsError::File { file: file.to_owned(), cause })?;
        Self::of_table(table)
    }

    /// Reads the text of a settings file alone.
    ///
    /// # Errors
    /// Names section and key.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let source = File::from_str(text, FileFormat::Toml);
        Self::build(Config::builder().add_source(source), "given as text")
    }

    fn of_table(mut table: config::Map<String, Value>) -> Result<Self, SettingsError> {
        let for_all = take_table(&mut table, SERVICES)?.unwrap_or_default();
        if let Some(key) =
            for_all.keys().find(|key| !OF_MESH.contains(&key.as_str()) && *key != DATABASE)
        {
            let cause = config::ConfigError::Message(format!(
                "unknown key {key}; a role's own settings stand in its own section"
            ));
            return Err(at(SERVICES, cause));
        }
        let mut sections = Vec::new();
        for role in Role::ALL {
            let own = take_table(&mut table, role.name())?;
            if role.is_service() && !for_all.is_empty() {
                sections.push((*role, services::overlay(&for_all, own.unwrap_or_default(), *role)));
            } else if let Some(own) = own {
                sections.push((*role, own));
            }
        }
        let mut settings = Self::default();
        for (name, value) in table {
            match name.as_str() {
                "bank" => settings.bank = read(&name, value)?,
                "tls" => settings.tls = read(&name, value)?,
                "bus" => settings.bus = read(&name, value)?,
                "telemetry" => settings.telemetry = read(&name, value)?,
                "probe" => settings.probe = read(&name, value)?,
                "process" => settings.process = read(&name, value)?,
                "issuers" => settings.issuers = read(&name, value)?,
                _ => return Err(SettingsError::UnknownSection(name)),
            }
        }
        for (role, own) in sections {
            settings.take_section(role, own)?;
        }
        Ok(settings)
    }

    fn take_section(
        &mut self,
        role: Role,
        mut own: config::Map<String, Value>,
    ) -> Result<(), SettingsError> {
        let mut of_role = RoleSettings::of(role);
        for key in OF_MESH {
            let Some(value) = own.remove(*key) else { continue };
            let text = value.into_string().map_err(|cause| at(role.name(), cause))?;
            if *key == "address" {
                of_role.address = text;
            } else {
                let wrong = |_| {
                    config::ConfigError::Message(format!(
                        "listen = {text:?} is no address like 127.0.0.1:7401"
                    ))
                };
                of_role.listen =
                    text.parse().map_err(wrong).map_err(|cause| at(role.name(), cause))?;
            }
        }
        if role.is_service()
            && let Some(value) = own.remove(DATABASE)
        {
            let section = format!("{role}.{DATABASE}");
            // A url must not be lost by naming another option only.
            let url = std::mem::take(&mut of_role.database.url);
            of_role.database = read(&section, value)?;
            if of_role.database.url.is_empty() {
                of_role.database.url = url;
            }
        }
        self.roles.insert(role, of_role);
        self.sections.insert(role, own);
        Ok(())
    }

    /// What a role alone reads in its section, without `listen`, `address` and `database`.
    /// The type denies unknown fields, so that a typo is told with its name.
    ///
    /// # Errors
    /// Names section and key.
    pub fn section<T: DeserializeOwned + Default>(&self, role: Role) -> Result<T, SettingsError> {
        let own = self.sections.get(&role).cloned().unwrap_or_default();
        read(role.name(), Value::new(None, ValueKind::Table(own)))
    }

    /// Sets one key of a role's own section, as the file would.
    pub fn set(&mut self, role: Role, key: &str, value: impl Into<ValueKind>) {
        let own = self.sections.entry(role).or_default();
        own.insert(key.to_owned(), Value::new(None, value));
    }

    /// Sets one key of a table in a role's own section, as the file would.
    pub fn set_in(&mut self, role: Role, table: &str, key: &str, value: impl Into<ValueKind>) {
        let own = self.sections.entry(role).or_default();
        let inner = own.remove(table).and_then(|value| value.into_table().ok());
        let mut inner = inner.unwrap_or_default();
        inner.insert(key.to_owned(), Value::new(None, value));
        own.insert(table.to_owned(), Value::new(None, ValueKind::Table(inner)));
    }
}

fn take_table(
    table: &mut config::Map<String, Value>,
    section: &str,
) -> Result<Option<config::Map<String, Value>>, SettingsError> {
    let own = table.remove(section).map(Value::into_table).transpose();
    own.map_err(|cause| at(section, cause))
}

/// The variables of the process, or those given.
fn environment(variables: Option<config::Map<String, String>>) -> Environment {
    Environment::with_prefix("FLORIN").prefix_separator("__").separator("__").source(variables)
}

fn read<T: DeserializeOwned>(section: &str, value: Value) -> Result<T, SettingsError> {
    value.try_deserialize().map_err(|cause| at(section, cause))
}

fn at(section: &str, cause: config::ConfigError) -> SettingsError {
    SettingsError::Section { section: section.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_its_own_settings_over_those_of_all_services() {
        let text = "[services]\nlisten = \"0.0.0.0:7400\"\naddress = \"{role}:7400\"\n\
                    [services.database]\nurl = \"postgres://{role}@db/{role}\"\n\
                    max_connections = 3\n\
                    [cif]\naddress = \"customers:1\"\n[cif.database]\nmax_connections = 5";
        let settings = Settings::parse(text).unwrap();
        let (cif, account) = (settings.role(Role::Cif), settings.role(Role::Account));
        assert_eq!((cif.address.as_str(), cif.listen.port()), ("customers:1", 7400));
        assert_eq!(
            (cif.database.url.as_str(), cif.database.max_connections),
            ("postgres://cif@db/cif", 5)
        );
        assert_eq!(
            (account.address.as_str(), account.database.max_connections),
            ("account:7400", 3)
        );
        assert_eq!(account.database.url, "postgres://account@db/account");
        // The gateway is no service and has no database.
        assert_eq!(settings.role(Role::Gateway).address, RoleSettings::of(Role::Gateway).address);
    }

    #[test]
    fn settings_of_all_services_are_those_of_the_mesh_only() {
        let refusal = Settings::parse("[services]\ncommitters = 3").unwrap_err().to_string();
        assert!(refusal.contains("section [services]: unknown key committers"), "{refusal}");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let text = "[cif]\nlisten = \"127.0.0.1:1\"\ndatabase = { url = \"sqlite:a.db\" }";
        let variables = [
            ("FLORIN__CIF__DATABASE__MAX_CONNECTIONS", "3"),
            ("FLORIN__CIF__ADDRESS", "cif:7400"),
            ("FLORIN__BANK__BANK_CODE", "0800"),
            ("FLORIN__CIF__OWN_KEY", "5"),
        ];
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let builder = Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(environment(Some(owned.into_iter().collect())));
        let settings = Settings::build(builder, "of the test").unwrap();
        let cif = settings.role(Role::Cif);
        assert_eq!((cif.address.as_str(), cif.listen.port()), ("cif:7400", 1));
        assert_eq!((cif.database.url.as_str(), cif.database.max_connections), ("sqlite:a.db", 3));
        assert_eq!(settings.bank.bank_code, "0800");

        #[derive(Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Own {
            own_key: u32,
        }
        assert_eq!(settings.section::<Own>(Role::Cif).unwrap().own_key, 5);
    }
}
