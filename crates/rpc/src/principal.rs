//! Who acts.

use florin_kernel::{CustomerId, Person, Role, UnixMicros};
use florin_proto::common::v1::{Initiator, PrincipalKind as WireKind};

/// What sort of principal acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A customer of the bank, by a token.
    Customer,
    /// A member of staff, by a token, or an operator, by a certificate.
    Staff,
    /// A machine that the settings list, by a token without customer and roles.
    Client,
    /// A role of the mesh acting for itself.
    Service,
}

impl PrincipalKind {
    /// The name in events, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Staff => "staff",
            Self::Client => "client",
            Self::Service => "service",
        }
    }

    /// The value of the contract.
    #[must_use]
    pub const fn wire(self) -> WireKind {
        match self {
            Self::Customer => WireKind::Customer,
            Self::Staff => WireKind::Staff,
            Self::Client => WireKind::Client,
            Self::Service => WireKind::Service,
        }
    }
}

/// What somebody wants to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Read it.
    View,
    /// Move money with it or change it.
    Pay,
}

/// What a customer is to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartyRole {
    /// Owns it.
    Owner,
    /// May use it.
    AuthorisedUser,
    /// May look at it.
    Viewer,
}

/// Who acts, and what the token or the certificate says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What sort.
    pub kind: PrincipalKind,
    /// Subject of the token, name of the operator, or the role.
    pub subject: String,
    /// The customer that the token names.
    pub customer: Option<CustomerId>,
    /// OAuth2 client of the token; empty for operators and services.
    pub client: String,
    /// Issuer of the token; empty for operators and services.
    pub issuer: String,
    /// Identifier (jti) of the token; empty where it has none.
    pub token_id: String,
    /// Staff roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// When the token or the certificate was checked.
    pub checked_at: UnixMicros,
}

impl Principal {
    /// A role of the mesh acting for itself.
    #[must_use]
    pub fn service(role: Role) -> Self {
        Self::bare(PrincipalKind::Service, role.name())
    }

    /// An operator, known by its certificate: staff under that name.
    #[must_use]
    pub fn operator(name: &str) -> Self {
        let mut principal = Self::bare(PrincipalKind::Staff, name);
        principal.roles.push("operator".to_owned());
        principal
    }

    /// Nobody in particular: somebody with a valid certificate and no token.
    pub(crate) fn bare(kind: PrincipalKind, subject: &str) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            customer: None,
            client: String::new(),
            issuer: String::new(),
            token_id: String::new(),
            roles: Vec::new(),
            scopes: Vec::new(),
            checked_at: crate::clock::now(),
        }
    }

    /// Whether the token carries the scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// Whether the member of staff has the role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// Whether a customer acts.
    #[must_use]
    pub fn is_customer(&self) -> bool {
        self.kind == PrincipalKind::Customer
    }

    /// Whether the principal may do this with a record of these parties. Customers may by
    /// what they are to the record; for everybody else scopes and roles have decided.
    #[must_use]
    pub fn may(&self, verb: Verb, parties: &[(CustomerId, PartyRole)]) -> bool {
        match self.kind {
            PrincipalKind::Customer => parties.iter().any(|(customer, role)| {
                Some(*customer) == self.customer
                    && match (verb, role) {
                        (Verb::View, _)
                        | (Verb::Pay, PartyRole::Owner | PartyRole::AuthorisedUser) => true,
                        (Verb::Pay, PartyRole::Viewer) => false,
                    }
            }),
            PrincipalKind::Staff | PrincipalKind::Client | PrincipalKind::Service => true,
        }
    }

    /// The scope of an idempotency key: issuer, client and subject of the token, else the
    /// SPIFFE id of the certificate. Bars in the parts are escaped.
    #[must_use]
    pub fn scope_key(&self) -> String {
        if !self.issuer.is_empty() {
            return format!(
                "{}|{}|{}",
                escape(&self.issuer),
                escape(&self.client),
                escape(&self.subject)
            );
        }
        match self.kind {
            PrincipalKind::Staff => format!("spiffe://florin.bank/operator/{}", self.subject),
            PrincipalKind::Client | PrincipalKind::Customer => {
                format!("spiffe://florin.bank/client/{}", self.subject)
            }
            PrincipalKind::Service => format!("spiffe://florin.bank/{}", self.subject),
        }
    }

    /// The person who acts, whichever program it uses: for what needs two persons. None for a
    /// machine and for a role.
    #[must_use]
    pub fn person(&self) -> Option<Person> {
        match self.kind {
            PrincipalKind::Customer | PrincipalKind::Staff if !self.issuer.is_empty() => {
                Some(Person::of_token(&self.issuer, &self.subject))
            }
            PrincipalKind::Staff => Some(Person::operator(&self.subject)),
            PrincipalKind::Customer | PrincipalKind::Client | PrincipalKind::Service => None,
        }
    }

    /// What is kept with later work and published: never the token itself.
    #[must_use]
    pub fn to_initiator(&self) -> Initiator {
        Initiator {
            kind: self.kind.wire().into(),
            issuer: self.issuer.clone(),
            customer_id: self.customer.map(|id| id.to_string()).unwrap_or_default(),
            subject: self.subject.clone(),
            client: self.client.clone(),
            token_id: self.token_id.clone(),
            scopes: self.scopes.clone(),
            at: Some(florin_proto::timestamp(self.checked_at)),
        }
    }
}

fn escape(part: &str) -> String {
    part.replace('%', "%25").replace('|', "%7C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(id: CustomerId) -> Principal {
        let mut principal = Principal::bare(PrincipalKind::Customer, "sub");
        principal.customer = Some(id);
        principal.issuer = "https://issuer".to_owned();
        principal
    }

    #[test]
    fn a_customer_may_only_what_its_part_in_the_record_allows() {
        let (own, other) = (CustomerId::from_parts(1, [1; 10]), CustomerId::from_parts(1, [2; 10]));
        let principal = customer(own);
        for (role, pays) in [
            (PartyRole::Owner, true),
            (PartyRole::AuthorisedUser, true),
            (PartyRole::Viewer, false),
        ] {
            assert!(principal.may(Verb::View, &[(other, PartyRole::Owner), (own, role)]));
            assert_eq!(principal.may(Verb::Pay, &[(own, role)]), pays);
            assert!(!principal.may(Verb::View, &[(other, role)]));
        }
        assert!(!principal.may(Verb::View, &[]));
        assert!(Principal::service(Role::Payment).may(Verb::Pay, &[]));
    }

    #[test]
    fn one_person_with_two_programs_is_one_and_a_machine_is_none() {
        let with = |client: &str| {
            let mut principal = Principal::bare(PrincipalKind::Staff, "eva");
            principal.issuer = "https://issuer".to_owned();
            principal.client = client.to_owned();
            principal
        };
        let (teller, back_office) = (with("teller-app"), with("back-office"));
        assert_ne!(teller.scope_key(), back_office.scope_key());
        assert!(teller.person().is_some());
        assert_eq!(teller.person(), back_office.person());
        let operator = Principal::bare(PrincipalKind::Staff, "eva");
        assert!(operator.person().is_some_and(|person| Some(person) != teller.person()));
        assert_eq!(Principal::service(Role::Payment).person(), None);
        let machine = Principal { kind: PrincipalKind::Client, ..with("import") };
        assert_eq!(machine.person(), None);
    }

    #[test]
    fn an_initiator_tells_whose_subject_it_is_and_which_customer() {
        let id = CustomerId::from_parts(1, [1; 10]);
        let told = customer(id).to_initiator();
        assert_eq!((told.kind(), told.customer_id), (WireKind::Customer, id.to_string()));
        assert_eq!((told.issuer.as_str(), told.subject.as_str()), ("https://issuer", "sub"));
        let told = Principal::service(Role::Payment).to_initiator();
        assert_eq!((told.kind(), told.customer_id.as_str()), (WireKind::Service, ""));
    }

    #[test]
    fn a_customer_without_an_id_may_nothing() {
        let mut principal = customer(CustomerId::from_parts(1, [1; 10]));
        principal.customer = None;
        assert!(
            !principal.may(Verb::View, &[(CustomerId::from_parts(1, [1; 10]), PartyRole::Owner)])
        );
    }

    #[test]
    fn no_two_principals_share_the_scope_of_a_key() {
        let mut left = customer(CustomerId::from_parts(1, [1; 10]));
        let mut right = left.clone();
        (left.client, left.subject) = ("a|b".to_owned(), "c".to_owned());
        (right.client, right.subject) = ("a".to_owned(), "b|c".to_owned());
        assert_ne!(left.scope_key(), right.scope_key());
        assert_eq!(Principal::operator("eva").scope_key(), "spiffe://florin.bank/operator/eva");
        assert_eq!(Principal::service(Role::Cif).scope_key(), "spiffe://florin.bank/cif");
    }
}
