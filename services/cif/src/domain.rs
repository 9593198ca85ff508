//! The rules on customers: pure, without clock, randomness, SQL or protobuf.

pub mod change;
pub mod customer;
pub mod field;
pub mod identification;
pub mod relation;

pub use change::{Change, WrongParty};
pub use customer::{
    Address, Contact, Customer, KycRefused, KycStatus, Organisation, Party, Person, RiskRating,
};
pub use identification::{Identification, IdentificationKind};
pub use relation::RelationKind;
