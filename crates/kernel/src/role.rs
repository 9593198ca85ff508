//! The roles of the mesh. The table in this file is the only place that enumerates
//! them; a role that is added here is asked for everywhere else.

use std::{fmt, str::FromStr};

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal,)*) => {
        /// One role of the mesh: a domain service or the gateway.
        ///
        /// The name is the folder, the crate, the proto package, the event subject, the
        /// configuration section, the database and the SPIFFE path.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role {
            $($(#[$doc])* $role,)*
        }

        impl Role {
            /// Every role, in the order in which a mesh starts them.
            pub const ALL: &'static [Self] = &[$(Self::$role),*];

            /// The one name of the role, lower case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$role => $name,)*
                }
            }
        }
    };
}

roles! {
    /// Customers (customer information file).
    Cif = "cif",
    /// Accounts and the ledger.
    Account = "account",
    /// Transfers, deposits and withdrawals.
    Payment = "payment",
    /// Read models made from events.
    Reporting = "reporting",
    /// Loans: from the application to the last repayment.
    Loan = "loan",
    /// REST to gRPC.
    Gateway = "gateway",
}

impl Role {
    /// Whether the role owns a database and a gRPC contract; the gateway has neither.
    #[must_use]
    pub const fn is_service(self) -> bool {
        !matches!(self, Self::Gateway)
    }

    /// The SPIFFE id in the role's certificate.
    #[must_use]
    pub fn spiffe(self) -> String {
        format!("spiffe://florin.bank/{}", self.name())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}; roles are {names}", names = names())]
pub struct UnknownRole(pub String);

fn names() -> String {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    names.join(", ")
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .iter()
            .copied()
            .find(|role| role.name() == name)
            .ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_own_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>(), Ok(*role));
            assert!(UnknownRole("x".into()).to_string().contains(role.name()));
        }
        assert!("ledger".parse::<Role>().is_err());
    }

    #[test]
    fn the_certificate_the_log_and_the_folder_name_a_role_alike() {
        for role in Role::ALL {
            assert_eq!(role.to_string(), role.name());
            assert_eq!(role.spiffe(), format!("spiffe://florin.bank/{role}"));
        }
        assert_eq!(Role::Account.spiffe(), "spiffe://florin.bank/account");
    }

    #[test]
    fn every_role_but_the_gateway_owns_a_database() {
        let without: Vec<&Role> = Role::ALL.iter().filter(|role| !role.is_service()).collect();
        assert_eq!(without, [&Role::Gateway]);
    }
}
