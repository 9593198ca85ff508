//! The service's own keys: random, made at the first start, wrapped by the master key, so
//! that a new master key changes no index entry.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use florin_store::Database;

use super::{MasterKeyError, MasterKeys, Vault, VaultError, cipher::Secret};
use crate::{
    Config,
    store::own_keys::{self, OwnKey},
};

const INDEX: &str = "blind-index";
const CONTENT: &str = "content-hash";
const ANSWERS: &str = "answers";

/// Opens the vault of a database; at the first start makes its keys.
///
/// # Errors
/// The master key is absent, malformed or another than the one that sealed the database.
pub(crate) async fn open(db: &Database, config: &Config) -> anyhow::Result<Vault> {
    let sealed = !own_keys::stored(db).await?.is_empty();
    let masters = MasterKeys::load(config, !sealed)?;
    let fresh = [ANSWERS, INDEX, CONTENT].map(|purpose| fresh(&masters, purpose));
    let fresh = fresh.into_iter().collect::<Result<Vec<_>, _>>()?;
    let another = || MasterKeyError::Another(config.master_key_file.clone());
    let mut keys = BTreeMap::new();
    for key in own_keys::store_missing(db, fresh).await? {
        let master = masters.of_version(key.key_version)?;
        let bound_to = bound_to(&key.purpose, key.key_version);
        let opened = master.open(&bound_to, &key.wrapped).map_err(|_| another())?;
        keys.insert(key.purpose, Secret::of(&opened)?);
    }
    let mut take = |purpose: &str| keys.remove(purpose).ok_or_else(another);
    let hash = |key: Secret| hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    let (index, content) = (hash(take(INDEX)?), hash(take(CONTENT)?));
    Ok(Vault { index, content, answers: take(ANSWERS)?, masters })
}

fn fresh(masters: &MasterKeys, purpose: &str) -> Result<OwnKey, VaultError> {
    let (key_version, master) = masters.present();
    let wrapped = master.seal(&bound_to(purpose, key_version), Secret::random()?.bytes())?;
    Ok(OwnKey { purpose: purpose.to_owned(), key_version, wrapped })
}

fn bound_to(purpose: &str, version: i64) -> String {
    format!("florin/cif/own-key/{purpose}/{version}")
}
