//! The issuer's ES256 key, in a file, so that tokens outlive a restart.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

const PEM_START: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// A key that signs.
pub struct SigningKey {
    id: String,
    signer: EncodingKey,
    jwk: Value,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads the key; makes it where the file is not there.
    pub fn open(file: &Path) -> Result<Self> {
        if !file.exists() {
            create(file)?;
        }
        let pem = fs::read_to_string(file)?;
        let body: String =
            pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).context("the key is no PEM")?;
        Self::from_pkcs8(&der)
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|error| anyhow!("the key is no P-256 key in PKCS #8: {error}"))?;
        // Uncompressed point: 4, x, y.
        let point = pair.public_key().as_ref();
        let x = point.get(1..33).context("a point has 65 bytes")?;
        let y = point.get(33..65).context("a point has 65 bytes")?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638: the digest of the required members in order names the key.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id,
                          "use": "sig", "alg": "ES256" });
        Ok(Self { id, signer: EncodingKey::from_ec_der(der), jwk })
    }

    /// The key id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What jsonwebtoken signs with.
    pub const fn signer(&self) -> &EncodingKey {
        &self.signer
    }

    /// The public half.
    pub fn public_jwk(&self) -> Value {
        self.jwk.clone()
    }
}

/// Written beside and renamed without overwriting: two gateways on one folder end with one key.
fn create(file: &Path) -> Result<()> {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|error| anyhow!("no key could be made: {error}"))?;
    let encoded = STANDARD.encode(der.as_ref());
    let mut pem = format!("{PEM_START}\n");
    for line in encoded.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str(PEM_END);
    pem.push('\n');
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = file.with_extension(format!("new-{}", std::process::id()));
    let mut out =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    out.write_all(pem.as_bytes())?;
    out.sync_all()?;
    let linked = fs::hard_link(&beside, file);
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
