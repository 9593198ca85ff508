//! Personal data at rest: envelope encryption and blind indexes.
//!
//! ```text
//! master key (a file)  wraps  the service's own keys: blind index, content hash, answers
//!                      wraps  one data key a customer, which seals its groups of fields
//! ```
//!
//! Everything is AES-256-GCM with a random nonce. The associated data binds each ciphertext
//! to its customer and group, so that none can be moved to another row or column. Erasing a
//! customer destroys its data key.

mod answers;
mod cipher;
mod master;
mod own_keys;

use aws_lc_rs::hmac;
use florin_rpc::Error;
use florin_store::StoreError;

pub use master::{MasterKeyError, MasterKeys};
pub(crate) use own_keys::open;

use cipher::Secret;

/// What a keyed hash is of; each kind has hashes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Indexed {
    /// E-mail address, in lower case.
    Email,
    /// Telephone number in E.164.
    Phone,
    /// Number of an authority with its country and kind, letters and digits only.
    Identification,
}

impl Indexed {
    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Identification => "identification",
        }
    }
}

/// Why sealed bytes cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The bytes are not what was sealed for this record under this key.
    #[error("sealed bytes of {0} do not open")]
    Sealed(String),
    /// No master key of that version is configured.
    #[error("no master key of version {0}; name its file in cif.retired_master_keys")]
    UnknownVersion(i64),
    /// The system gives no random bytes, or the cipher refuses.
    #[error("the cipher failed")]
    Cipher,
}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        Self::internal(error.to_string())
    }
}

/// The keys of the service, opened.
pub struct Vault {
    masters: MasterKeys,
    index: hmac::Key,
    content: hmac::Key,
    answers: Secret,
}

/// The key of one customer's data.
pub struct DataKey {
    customer: String,
    secret: Secret,
}

/// A data key as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Version of the master key around it.
    pub version: i64,
    /// The wrapped key.
    pub bytes: Vec<u8>,
}

impl Vault {
    /// A fresh data key for a customer.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new_data_key(&self, customer: &str) -> Result<(DataKey, WrappedKey), VaultError> {
        let secret = Secret::random()?;
        let key = DataKey { customer: customer.to_owned(), secret };
        let wrapped = self.wrap(&key)?;
        Ok((key, wrapped))
    }

    /// Wraps a data key under the present master key.
    ///
    /// # Errors
    /// The cipher fails.
    pub fn wrap(&self, key: &DataKey) -> Result<WrappedKey, VaultError> {
        let (version, master) = self.masters.present();
        let bytes = master.seal(&wrapping(&key.customer, version), key.secret.bytes())?;
        Ok(WrappedKey { version, bytes })
    }

    /// Opens a customer's data key.
    ///
    /// # Errors
    /// It was wrapped for another customer or by a key that is not configured.
    pub fn unwrap(&self, customer: &str, wrapped: &WrappedKey) -> Result<DataKey, VaultError> {
        let master = self.masters.of_version(wrapped.version)?;
        let opened = master.open(&wrapping(customer, wrapped.version), &wrapped.bytes)?;
        Ok(DataKey { customer: customer.to_owned(), secret: Secret::of(&opened)? })
    }

    /// The blind index entry of a normalised value: equal values have equal entries, and
    /// without the key nothing can be told of the value.
    #[must_use]
    pub fn index(&self, indexed: Indexed, normalised: &str) -> String {
        let mut hash = hmac::Context::with_key(&self.index);
        hash.update(indexed.name().as_bytes());
        hash.update(&[0]);
        hash.update(normalised.as_bytes());
        florin_store::rows::hex(hash.sign().as_ref())
    }

    /// The keyed hash of a content, to tell the same content from another.
    #[must_use]
    pub fn content_hash(&self, content: &[u8]) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.content, content).as_ref());
        bytes
    }
}

impl DataKey {
    /// Seals a group of fields.
    ///
    /// # Errors
    /// The cipher fails.
    pub fn seal(&self, group: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.secret.seal(&self.bound_to(group), plain)
    }

    /// Opens a group of fields.
    ///
    /// # Errors
    /// The bytes are of another customer or group, or were changed.
    pub fn open(&self, group: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.secret.open(&self.bound_to(group), sealed)
    }

    fn bound_to(&self, group: &str) -> String {
        format!("florin/cif/{}/{group}", self.customer)
    }
}

fn wrapping(customer: &str, version: i64) -> String {
    format!("florin/cif/{customer}/data-key/{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        let [index, content] =
            [[1; 32], [2; 32]].map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key));
        let masters = MasterKeys::in_memory(3, [7; 32]);
        Vault { masters, index, content, answers: Secret::of(&[3; 32]).unwrap() }
    }

    #[test]
    fn sealed_bytes_open_only_for_their_customer_and_group() {
        let vault = vault();
        let (key, wrapped) = vault.new_data_key("cus_a").unwrap();
        assert_eq!(wrapped.version, 3);
        let sealed = key.seal("party", b"Alena").unwrap();
        assert!(!sealed.windows(5).any(|part| part == b"Alena"));
        assert_ne!(sealed, key.seal("party", b"Alena").unwrap());
        let again = vault.unwrap("cus_a", &wrapped).unwrap();
        assert_eq!(again.open("party", &sealed).unwrap(), b"Alena");
        assert!(again.open("contact", &sealed).is_err());
        assert!(vault.unwrap("cus_b", &wrapped).is_err());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(again.open("party", &changed).is_err());
        let unknown = WrappedKey { version: 4, ..wrapped };
        assert_eq!(vault.unwrap("cus_a", &unknown).err(), Some(VaultError::UnknownVersion(4)));
    }

    #[test]
    fn equal_values_have_equal_entries_within_a_kind_only() {
        let vault = vault();
        let entry = vault.index(Indexed::Email, "a@b.cz");
        assert_eq!(entry, vault.index(Indexed::Email, "a@b.cz"));
        assert_ne!(entry, vault.index(Indexed::Phone, "a@b.cz"));
        assert_eq!(entry.len(), 64);
    }
}
