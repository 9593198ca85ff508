//! One key of AES-256-GCM. A sealed text is nonce, ciphertext and tag in one.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use zeroize::Zeroizing;

use super::VaultError;

/// Length of a key in bytes.
pub(super) const KEY_LENGTH: usize = 32;

/// A key, wiped from memory when it is dropped.
pub(super) struct Secret(Zeroizing<[u8; KEY_LENGTH]>);

impl Secret {
    pub(super) fn random() -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| VaultError::Cipher)?;
        Ok(Self(bytes))
    }

    pub(super) fn of(bytes: &[u8]) -> Result<Self, VaultError> {
        let bytes = bytes.try_into().map_err(|_| VaultError::Cipher)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    pub(super) fn seal(&self, bound_to: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut text = plain.to_vec();
        let aad = Aad::from(bound_to.as_bytes());
        let nonce = self
            .cipher()?
            .seal_in_place_append_tag(aad, &mut text)
            .map_err(|_| VaultError::Cipher)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub(super) fn open(&self, bound_to: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let broken = || VaultError::Sealed(bound_to.to_owned());
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut text = text.to_vec();
        let aad = Aad::from(bound_to.as_bytes());
        let plain = self.cipher()?.open_in_place(nonce, aad, &mut text).map_err(|_| broken())?;
        Ok(plain.to_vec())
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, VaultError> {
        RandomizedNonceKey::new(&AES_256_GCM, self.bytes()).map_err(|_| VaultError::Cipher)
    }
}
