//! How two customers are related.

use florin_kernel::CustomerId;

/// The kind of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// Director of the other.
    Director,
    /// Beneficial owner of the other.
    BeneficialOwner,
    /// Married to the other; the one kind without direction.
    Spouse,
    /// Parent or guardian of the other.
    Guardian,
    /// Acts for the other.
    Attorney,
}

impl RelationKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Director, Self::BeneficialOwner, Self::Spouse, Self::Guardian, Self::Attorney];

    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Director => "director_of",
            Self::BeneficialOwner => "beneficial_owner_of",
            Self::Spouse => "spouse_of",
            Self::Guardian => "guardian_of",
            Self::Attorney => "attorney_of",
        }
    }

    /// What is unique of a relation: kind and both ids, in a fixed order where the kind has
    /// no direction.
    #[must_use]
    pub fn pair(self, from: CustomerId, to: CustomerId) -> String {
        let (first, second) = match self {
            Self::Spouse => (from.min(to), from.max(to)),
            Self::Director | Self::BeneficialOwner | Self::Guardian | Self::Attorney => (from, to),
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
        assert_eq!(RelationKind::Spouse.pair(a, b), RelationKind::Spouse.pair(b, a));
        assert_ne!(RelationKind::Director.pair(a, b), RelationKind::Director.pair(b, a));
    }
}
