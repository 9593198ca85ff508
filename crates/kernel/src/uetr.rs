//! The unique end-to-end transaction reference of a payment between banks.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A UETR: a UUID of version 4 (RFC 9562) in lower case, as ISO 20022 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uetr(Uuid);

/// Why a string is no UETR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a lower-case UUID version 4")]
pub struct UetrError;

impl Uetr {
    /// The UETR of 16 random bytes.
    #[must_use]
    pub const fn from_random(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }
}

impl fmt::Display for Uetr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl FromStr for Uetr {
    type Err = UetrError;

    fn from_str(text: &str) -> Result<Self, UetrError> {
        let uuid = Uuid::try_parse(text).map_err(|_| UetrError)?;
        let canonical = uuid.hyphenated().to_string() == text;
        let variant = uuid.get_variant() == uuid::Variant::RFC4122;
        if canonical && variant && uuid.get_version_num() == 4 {
            Ok(Self(uuid))
        } else {
            Err(UetrError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_again() {
        let made = Uetr::from_random([7; 16]);
        assert_eq!(made.to_string().parse(), Ok(made));
        assert_ne!(made, Uetr::from_random([8; 16]));
    }

    #[test]
    fn refuses_other_uuids_and_forms() {
        for bad in [
            "",
            "0190b6b8-5f2c-7d3e-8a4b-1c2d3e4f5a6b",
            "EB6305C9-1F7F-49DE-AED0-16487C27B42D",
            "eb6305c91f7f49deaed016487c27b42d",
            "eb6305c9-1f7f-49de-0ed0-16487c27b42d",
        ] {
            assert_eq!(bad.parse::<Uetr>(), Err(UetrError), "{bad}");
        }
        assert!("eb6305c9-1f7f-49de-aed0-16487c27b42d".parse::<Uetr>().is_ok());
    }
}
