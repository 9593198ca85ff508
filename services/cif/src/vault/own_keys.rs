//! The service's own keys: random, made at the first start, wrapped by the master key, so
//! that a new master key changes no index entry.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use florin_store::{
    Database, StoreError, Tx,
    rows::{self, Column, hex},
    sql,
};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{MasterKeyError, MasterKeys, Vault, cipher::Secret};
use crate::Config;

const INDEX: &str = "blind-index";
const CONTENT: &str = "content-hash";
const ANSWERS: &str = "answers";

/// Opens the vault of a database; at the first start makes its keys.
///
/// # Errors
/// The master key is absent, malformed or another than the one that sealed the database.
pub(crate) async fn open(db: &Database, config: &Config) -> anyhow::Result<Vault> {
    let sealed = !stored(db.read()).await?.is_empty();
    let masters = MasterKeys::load(config, !sealed)?;
    let fresh = [INDEX, CONTENT, ANSWERS]
        .map(|purpose| Secret::random().and_then(|key| wrap(&masters, purpose, &key)));
    let fresh = fresh.into_iter().collect::<Result<Vec<_>, _>>().map_err(MasterKeyError::from)?;
    let wrapped = db
        .write(async |tx: Tx| {
            let columns = [
                ("purpose", Column::Text),
                ("key_version", Column::Int),
                ("wrapped", Column::Bytes),
            ];
            rows::insert_new(&tx, "vault_keys", &columns, &["purpose"], fresh.clone(), "purpose")
                .await?;
            stored(&*tx).await
        })
        .await?;
    let another = || MasterKeyError::Another(config.master_key_file.clone());
    let mut keys = BTreeMap::new();
    for (purpose, version, bytes) in wrapped {
        let master = masters.of_version(version)?;
        let key = master.open(&bound_to(&purpose, version), &bytes).map_err(|_| another())?;
        keys.insert(purpose, Secret::of(&key)?);
    }
    let mut take = |purpose: &str| keys.remove(purpose).ok_or_else(another);
    let hash = |key: Secret| hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    let (index, content) = (hash(take(INDEX)?), hash(take(CONTENT)?));
    Ok(Vault { index, content, answers: take(ANSWERS)?, masters })
}

fn wrap(
    masters: &MasterKeys,
    purpose: &str,
    key: &Secret,
) -> Result<serde_json::Value, super::VaultError> {
    let (version, master) = masters.present();
    let wrapped = master.seal(&bound_to(purpose, version), key.bytes())?;
    Ok(json!({"purpose": purpose, "key_version": version, "wrapped": hex(&wrapped)}))
}

fn bound_to(purpose: &str, version: i64) -> String {
    format!("florin/cif/own-key/{purpose}/{version}")
}

async fn stored(
    connection: &impl ConnectionTrait,
) -> Result<Vec<(String, i64, Vec<u8>)>, StoreError> {
    let query = "SELECT purpose, key_version, wrapped FROM vault_keys ORDER BY purpose";
    let found = sql::query_all(connection, query, []).await?;
    found
        .iter()
        .map(|row| {
            Ok((
                row.try_get("", "purpose")?,
                row.try_get("", "key_version")?,
                row.try_get("", "wrapped")?,
            ))
        })
        .collect()
}
