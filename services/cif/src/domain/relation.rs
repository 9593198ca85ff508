//! How two customers are related.

use florin_kernel::CustomerId;

/// The kind of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// Director of the other.
    DirectorOf,
    /// Beneficial owner of the other.
    BeneficialOwnerOf,
    /// Married to the other; the one kind without direction.
    SpouseOf,
    /// Parent or guardian of the other.
    GuardianOf,
    /// Acts for the other.
    AttorneyOf,
}

impl RelationKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::DirectorOf,
        Self::BeneficialOwnerOf,
        Self::SpouseOf,
        Self::GuardianOf,
        Self::AttorneyOf,
    ];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DirectorOf => "director_of",
            Self::BeneficialOwnerOf => "beneficial_owner_of",
            Self::SpouseOf => "spouse_of",
            Self::GuardianOf => "guardian_of",
            Self::AttorneyOf => "attorney_of",
        }
    }

    /// What is unique of a relation: kind and both ids, in a fixed order where the kind has
    /// no direction.
    #[must_use]
    pub fn pair(self, from: CustomerId, to: CustomerId) -> String {
        let (first, second) = match self {
            Self::SpouseOf => (from.min(to), from.max(to)),
            Self::DirectorOf | Self::BeneficialOwnerOf | Self::GuardianOf | Self::AttorneyOf => {
                (from, to)
            }
        };
        format!("{}/{first}/{second}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marriage_is_the_same_from_both_sides() {
        let (a, b) = (CustomerId::from_parts(1, [1; 10]), CustomerId::from_parts(1, [2; 10]));
        assert_eq!(RelationKind::SpouseOf.pair(a, b), RelationKind::SpouseOf.pair(b, a));
        assert_ne!(RelationKind::DirectorOf.pair(a, b), RelationKind::DirectorOf.pair(b, a));
    }
}
