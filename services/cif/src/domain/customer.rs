//! A customer and what may become of it.

use florin_kernel::{CustomerId, Date, UnixMicros};

use super::Identification;

/// A natural person; the fields have passed [`super::field`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Date of birth.
    pub date_of_birth: Date,
    /// Nationality; may be empty.
    pub nationality: String,
    /// Numbers by which authorities know the person.
    pub identifications: Vec<Identification>,
}

/// A legal entity; the fields have passed [`super::field`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Registered name.
    pub legal_name: String,
    /// Numbers by which authorities know it, at least one of a register.
    pub identifications: Vec<Identification>,
}

/// Who a customer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A natural person.
    Person(Person),
    /// A legal entity.
    Organisation(Organisation),
}

impl Party {
    /// The name in the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Organisation(_) => "organisation",
        }
    }

    /// Numbers by which authorities know it, none of which another customer has.
    #[must_use]
    pub fn identifications(&self) -> &[Identification] {
        match self {
            Self::Person(person) => &person.identifications,
            Self::Organisation(organisation) => &organisation.identifications,
        }
    }
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// Town.
    pub town: String,
    /// Postal code.
    pub postal_code: String,
    /// Country.
    pub country: String,
}

/// Ways to reach a customer; an empty one is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// E-mail address.
    pub email: String,
    /// Telephone number in E.164.
    pub phone: String,
    /// Postal address.
    pub address: Option<Address>,
}

/// Whether the bank knows the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KycStatus {
    /// Not yet checked.
    Pending,
    /// Checked and accepted.
    Verified,
    /// Checked and refused.
    Rejected,
}

impl KycStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Verified, Self::Rejected];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
        }
    }

    /// Whether a check may be decided so: verified or rejected, from pending or each other.
    ///
    /// # Errors
    /// The decision stands already, or is none.
    pub fn decide(self, decision: Self) -> Result<Self, KycRefused> {
        match (self, decision) {
            (Self::Pending, Self::Verified | Self::Rejected)
            | (Self::Verified, Self::Rejected)
            | (Self::Rejected, Self::Verified) => Ok(decision),
            (Self::Verified, Self::Verified)
            | (Self::Rejected, Self::Rejected)
            | (_, Self::Pending) => Err(KycRefused { status: self, decision }),
        }
    }
}

/// A decision that the status does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the KYC status is {} and cannot become {}", status.name(), decision.name())]
pub struct KycRefused {
    /// What it is.
    pub status: KycStatus,
    /// What was asked for.
    pub decision: KycStatus,
}

/// Risk of money laundering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiskRating {
    /// Low.
    Low,
    /// Medium; where a customer starts.
    Medium,
    /// High.
    High,
}

impl RiskRating {
    /// Every rating.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Who it is; None once it is erased.
    pub party: Option<Party>,
    /// How to reach it.
    pub contact: Contact,
    /// Whether the bank knows it.
    pub kyc_status: KycStatus,
    /// Risk of money laundering.
    pub risk_rating: RiskRating,
    /// The caller's reference at registration; may be empty.
    pub reference: String,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was registered.
    pub registered_at: UnixMicros,
    /// When it was last changed.
    pub changed_at: UnixMicros,
}

impl Customer {
    /// A customer as it is registered: pending, of medium risk, version 1.
    #[must_use]
    pub fn registered(
        id: CustomerId,
        party: Party,
        contact: Contact,
        reference: String,
        at: UnixMicros,
    ) -> Self {
        Self {
            id,
            party: Some(party),
            contact,
            kyc_status: KycStatus::Pending,
            risk_rating: RiskRating::Medium,
            reference,
            version: 1,
            registered_at: at,
            changed_at: at,
        }
    }

    /// Notes a change: the version grows by one.
    pub fn touch(&mut self, at: UnixMicros) {
        self.version += 1;
        self.changed_at = at.max(self.changed_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kyc_check_is_decided_from_pending_or_the_other_way_round() {
        use KycStatus::{Pending, Rejected, Verified};
        for (from, to) in
            [(Pending, Verified), (Pending, Rejected), (Verified, Rejected), (Rejected, Verified)]
        {
            assert_eq!(from.decide(to), Ok(to));
        }
        for (from, to) in
            [(Verified, Verified), (Rejected, Rejected), (Pending, Pending), (Verified, Pending)]
        {
            assert_eq!(from.decide(to), Err(KycRefused { status: from, decision: to }));
        }
    }
}
