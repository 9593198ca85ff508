//! Customers' rows.

use florin_kernel::{CustomerId, UnixMicros};
use florin_store::{
    Engine, StoreError, Tx, row,
    rows::{self, Column, Keyed, Row, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::corrupt;
use crate::{
    domain::{Contact, Customer, KycStatus, RiskRating},
    vault::{DataKey, Vault, VaultError, WrappedKey},
    wire,
};

const PARTY: &str = "party";
const CONTACT: &str = "contact";
const REASON: &str = "reason";
const COLUMNS: &str = "id, party, kyc_status, risk_rating, reference, version, key_version, \
                       wrapped_key, party_sealed, contact_sealed, registered_at, changed_at";

const CUSTOMERS: Keyed<'static> = Keyed { table: "customers", id_column: "id", columns: COLUMNS };

/// A customer and the key of its data, which is gone once the customer is erased.
pub(crate) struct Stored {
    pub(crate) customer: Customer,
    key: Option<DataKey>,
}

/// How a customer stands, read without opening anything.
pub(crate) struct Standing {
    pub(crate) id: String,
    pub(crate) kyc_status: KycStatus,
    pub(crate) risk_rating: RiskRating,
}

/// Inserts fresh customers, each under a fresh key.
pub(crate) async fn insert_many(
    tx: &Tx,
    vault: &Vault,
    customers: &[Customer],
) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::Text),
        ("party", Column::Text),
        ("kyc_status", Column::Text),
        ("risk_rating", Column::Text),
        ("reference", Column::Text),
        ("version", Column::Int),
        ("key_version", Column::Int),
        ("wrapped_key", Column::Bytes),
        ("party_sealed", Column::Bytes),
        ("contact_sealed", Column::Bytes),
        ("registered_at", Column::Int),
        ("changed_at", Column::Int),
    ];
    let rows = customers.iter().map(|customer| fresh_row(vault, customer));
    rows::insert_many(tx, "customers", &columns, rows.collect::<Result<_, _>>()?).await?;
    Ok(())
}

fn fresh_row(vault: &Vault, customer: &Customer) -> Result<Row, StoreError> {
    let (key, wrapped) = vault.new_data_key(&customer.id.to_string())?;
    let row = sealed_row(&key, &wrapped, customer)?;
    Ok(row
        .with("party", customer.party.as_ref().map(|party| party.name()))
        .with("reference", customer.reference.as_str())
        .with("registered_at", customer.registered_at.0))
}

/// Writes a changed customer back under its key, wrapped by the present master key.
pub(crate) async fn update(tx: &Tx, vault: &Vault, stored: &Stored) -> Result<(), StoreError> {
    let id = stored.customer.id;
    let key = stored.key.as_ref().ok_or_else(|| corrupt("wrapped_key", "NULL"))?;
    let row = sealed_row(key, &vault.wrap(key)?, &stored.customer)?;
    let set = [
        ("kyc_status", Column::Text),
        ("risk_rating", Column::Text),
        ("version", Column::Int),
        ("key_version", Column::Int),
        ("wrapped_key", Column::Bytes),
        ("party_sealed", Column::Bytes),
        ("contact_sealed", Column::Bytes),
        ("changed_at", Column::Int),
    ];
    let changed =
        rows::update_many(tx, "customers", &[("id", Column::Text)], &set, vec![row]).await?;
    if changed == 1 { Ok(()) } else { Err(corrupt("id", &id.to_string())) }
}

fn sealed_row(key: &DataKey, wrapped: &WrappedKey, customer: &Customer) -> Result<Row, StoreError> {
    let party = customer.party.as_ref().map(wire::sealed_party).unwrap_or_default();
    let contact = wire::sealed_contact(&customer.contact);
    Ok(row! {
        "id": customer.id.to_string(),
        "kyc_status": customer.kyc_status.name(),
        "risk_rating": customer.risk_rating.name(),
        "version": customer.version,
        "key_version": wrapped.version,
        "wrapped_key": wrapped.bytes.clone(),
        "party_sealed": key.seal(PARTY, &party)?,
        "contact_sealed": key.seal(CONTACT, &contact)?,
        "changed_at": customer.changed_at.0,
    })
}

impl Stored {
    /// Whether the customer's data was erased.
    pub(crate) const fn is_erased(&self) -> bool {
        self.key.is_none()
    }

    /// Seals the reason of the decision that made this version.
    pub(crate) fn seal_reason(&self, reason: &str) -> Result<Vec<u8>, StoreError> {
        let key = self.key.as_ref().ok_or_else(|| corrupt("wrapped_key", "NULL"))?;
        let group = format!("{REASON}/{}", self.customer.version);
        Ok(key.seal(&group, reason.as_bytes())?)
    }
}

/// One customer, without a lock.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    vault: &Vault,
    id: CustomerId,
) -> Result<Option<Customer>, StoreError> {
    let found = with_ids(connection, vault, &[id.to_string()]).await?;
    Ok(found.into_iter().next())
}

/// One customer, locked until the end of the transaction.
pub(crate) async fn lock(
    tx: &Tx,
    vault: &Vault,
    id: CustomerId,
) -> Result<Option<Stored>, StoreError> {
    let found = rows::lock_by_id(tx, CUSTOMERS, &[id.to_string()]).await?;
    found.first().map(|row| open(vault, row)).transpose()
}

/// The customers with these ids, newest first.
pub(crate) async fn with_ids(
    connection: &impl ConnectionTrait,
    vault: &Vault,
    ids: &[String],
) -> Result<Vec<Customer>, StoreError> {
    let among = among(Engine::of(connection), 1);
    let query = format!("SELECT {COLUMNS} FROM customers WHERE id {among} ORDER BY id DESC");
    let found = sql::query_all(connection, query, [texts(Engine::of(connection), ids)]).await?;
    found.iter().map(|row| Ok(open(vault, row)?.customer)).collect()
}

/// Whether all of them exist; else the first that does not.
pub(crate) async fn first_unknown(
    connection: &impl ConnectionTrait,
    ids: &[CustomerId],
) -> Result<Option<CustomerId>, StoreError> {
    let names: Vec<String> = ids.iter().map(CustomerId::to_string).collect();
    let known = standings(connection, &names).await?;
    Ok(ids.iter().copied().find(|id| !known.iter().any(|one| one.id == id.to_string())))
}

/// How the customers among these ids stand.
pub(crate) async fn standings(
    connection: &impl ConnectionTrait,
    ids: &[String],
) -> Result<Vec<Standing>, StoreError> {
    let among = among(Engine::of(connection), 1);
    let query = format!("SELECT id, kyc_status, risk_rating FROM customers WHERE id {among}");
    let found = sql::query_all(connection, query, [texts(Engine::of(connection), ids)]).await?;
    let standing = |row: &QueryResult| {
        let (kyc_status, risk_rating) = statuses(row)?;
        Ok(Standing { id: row.try_get("", "id")?, kyc_status, risk_rating })
    };
    found.iter().map(standing).collect()
}

/// A page of customers, newest first: at most `limit` with ids below `before` (all where it
/// is None), of one status where one is given.
pub(crate) async fn page(
    connection: &impl ConnectionTrait,
    vault: &Vault,
    status: Option<KycStatus>,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<Customer>, StoreError> {
    // '~' sorts after every id.
    let before = before.unwrap_or_else(|| "~".to_owned());
    let found = match status {
        None => {
            let query =
                format!("SELECT {COLUMNS} FROM customers WHERE id < $1 ORDER BY id DESC LIMIT $2");
            sql::query_all(connection, query, [before.into(), limit.into()]).await?
        }
        Some(status) => {
            let query = format!(
                "SELECT {COLUMNS} FROM customers WHERE kyc_status = $1 AND id < $2 \
                 ORDER BY id DESC LIMIT $3"
            );
            let values = [status.name().into(), before.into(), limit.into()];
            sql::query_all(connection, query, values).await?
        }
    };
    found.iter().map(|row| Ok(open(vault, row)?.customer)).collect()
}

fn open(vault: &Vault, row: &QueryResult) -> Result<Stored, StoreError> {
    let id: String = row.try_get("", "id")?;
    let wrapped: Option<Vec<u8>> = row.try_get("", "wrapped_key")?;
    let version = row.try_get("", "key_version")?;
    let key = wrapped.map(|bytes| vault.unwrap(&id, &WrappedKey { version, bytes }));
    let key = key.transpose()?;
    let group = |name: &str, column: &str| -> Result<Option<Vec<u8>>, StoreError> {
        let sealed: Vec<u8> = row.try_get("", column)?;
        let opened: Option<Result<_, VaultError>> = key.as_ref().map(|key| key.open(name, &sealed));
        Ok(opened.transpose()?)
    };
    let kind: String = row.try_get("", "party")?;
    let party = group(PARTY, "party_sealed")?.map(|bytes| wire::open_party(&kind, &bytes));
    let contact = group(CONTACT, "contact_sealed")?.map(|bytes| wire::open_contact(&bytes));
    let (kyc_status, risk_rating) = statuses(row)?;
    let customer = Customer {
        id: CustomerId::parse(&id).map_err(|_| corrupt("id", &id))?,
        party: party.transpose()?,
        contact: contact.unwrap_or_else(|| Ok(Contact::default()))?,
        kyc_status,
        risk_rating,
        reference: row.try_get("", "reference")?,
        version: row.try_get("", "version")?,
        registered_at: UnixMicros(row.try_get("", "registered_at")?),
        changed_at: UnixMicros(row.try_get("", "changed_at")?),
    };
    Ok(Stored { customer, key })
}

fn statuses(row: &QueryResult) -> Result<(KycStatus, RiskRating), StoreError> {
    let (kyc, risk): (String, String) =
        (row.try_get("", "kyc_status")?, row.try_get("", "risk_rating")?);
    let status = KycStatus::ALL.into_iter().find(|status| status.name() == kyc);
    let rating = RiskRating::ALL.into_iter().find(|rating| rating.name() == risk);
    let status = status.ok_or_else(|| corrupt("kyc_status", &kyc))?;
    Ok((status, rating.ok_or_else(|| corrupt("risk_rating", &risk))?))
}
