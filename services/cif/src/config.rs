//! The section `[cif]` of the settings, besides address and database.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of `cif` alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// File with the master key: 64 hexadecimal digits. It wraps the key of each customer's
    /// data. Made at the first start if absent; without it the data is lost, so keep a copy.
    pub master_key_file: PathBuf,
    /// Version of that key, 1 and up; raise it with each new key.
    pub master_key_version: u32,
    /// Earlier master keys, which still open what they wrapped.
    pub retired_master_keys: Vec<RetiredMasterKey>,
}

/// An earlier master key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetiredMasterKey {
    /// Its version.
    pub version: u32,
    /// Its file.
    pub file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            master_key_file: PathBuf::from("data/cif-master.key"),
            master_key_version: 1,
            retired_master_keys: Vec::new(),
        }
    }
}
