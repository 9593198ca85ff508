//! The messages of ISO 20022 that the bank exchanges with a clearing network and takes from its
//! customers, between typed values and XML. `docs/iso20022.md` says for every field where it
//! stands and which rule holds.
//!
//! Nothing here does I/O or knows a clock. What is written follows the order and the types of the
//! schema of each message; the tests hold a table of them. A reader takes one message from a
//! document, also from inside a network's own envelope, and names path and rule of what it
//! refuses. Elements that the profile does not use are passed over.

mod customer_report;
mod error;
mod initiation;
mod message;
mod node;
mod out;
mod parts;
mod payment_return;
mod recall;
mod recall_answer;
mod statement;
mod status;
mod stream;
mod text;
mod transfer;
mod xml;

pub use customer_report::{
    CustomerReport, InstructionReport, Standing, StatusCount, TransferReport,
};
pub use error::{ReadError, Rule};
pub use initiation::{Initiation, Instruction, InstructionHead, OrderedTransfer};
pub use message::{Message, MessageKind};
pub use parts::{Account, Agent, Assignment, OriginalMessage, Party, PaymentNames, Reason};
pub use payment_return::PaymentReturn;
pub use recall::Recall;
pub use recall_answer::RecallAnswer;
pub use statement::{Balance, Entry, Statement};
pub use status::{StatusReport, StatusRequest};
pub use stream::{InitiationHead, InitiationReader, MOST_PIECE_BYTES, Piece, UnreadTransfer};
pub use text::{Code, Id, Text};
pub use transfer::CreditTransfer;
pub use xml::{MOST_BYTES, MOST_DEPTH, MOST_ELEMENTS};
