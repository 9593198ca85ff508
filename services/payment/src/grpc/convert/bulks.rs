//! Files of transfers, read from requests.

use florin_kernel::{
    AccountId, BulkId, Currency, Date, Iban, Money, Violations, check_text, parse_date,
};
use florin_proto::payment::v1::{
    AddBulkPartRequest, BulkFormat as WireFormat, CreateBulkRequest, DownloadBulkReportRequest,
    GetBulkReportRequest, ListBulkLinesRequest, ListBulksRequest,
};

use super::{MOST_PAGE_SIZE, PAGE_SIZE};
use crate::domain::{Announced, BulkFormat, MOST_FILE_BYTES, MOST_LINES};

/// Characters of a message id, as in ISO 20022.
const MOST_MESSAGE_ID: usize = 35;
/// Digits of a SHA-256.
const SHA256_DIGITS: usize = 64;
/// Transactions of a part of a report at most: as Base64 it goes through the gateway.
const MOST_PART_SIZE: u32 = 500;
/// Those of one where the client does not say.
const PART_SIZE: u32 = 200;
/// Bytes of a part at most; as Base64 it goes through the gateway.
const MOST_PART_BYTES: usize = 512 * 1024;

/// A file that a client announces, without what its account tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkDraft {
    /// The account that pays.
    pub from: AccountId,
    format: BulkFormat,
    message_id: String,
    size: i64,
    sha256: String,
    execute_on: Option<Date>,
    control_count: i64,
    control_sum: String,
}

impl TryFrom<&CreateBulkRequest> for BulkDraft {
    type Error = Violations;

    fn try_from(wire: &CreateBulkRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let from = violations.check("from", AccountId::parse(&wire.from));
        let format = format(&mut violations, wire);
        let message_id = check_text(&wire.message_id, 1, MOST_MESSAGE_ID);
        let message_id = violations.check("message_id", message_id);
        let size = wire.size_bytes;
        if size == 0 {
            violations.add("size_bytes", "REQUIRED", "must be the size of the file");
        } else if !(1..=MOST_FILE_BYTES).contains(&size) {
            let text = format!("must be 1 to {MOST_FILE_BYTES}");
            violations.add("size_bytes", "OUT_OF_RANGE", text);
        }
        let sha256 = sha256(&mut violations, &wire.sha256);
        let execute_on = match wire.execute_on.as_str() {
            "" => None,
            text => violations.check("execute_on", parse_date(text)),
        };
        if !(0..=MOST_LINES).contains(&wire.control_count) {
            let text = format!("must be 1 to {MOST_LINES}, or 0 for none");
            violations.add("control_count", "OUT_OF_RANGE", text);
        }
        let draft = || {
            Some(Self {
                from: from?,
                format: format?,
                message_id: message_id?,
                size,
                sha256: sha256?,
                execute_on,
                control_count: wire.control_count,
                control_sum: wire.control_sum.clone(),
            })
        };
        let draft = draft();
        violations.finish(draft)
    }
}

impl BulkDraft {
    /// The announcement, with what the account tells.
    ///
    /// # Errors
    /// A control sum that is no amount of that currency.
    pub fn announced(
        self,
        currency: Currency,
        from_iban: Option<Iban>,
    ) -> Result<Announced, Violations> {
        let mut violations = Violations::new();
        let control_sum = match self.control_sum.as_str() {
            "" => None,
            text => violations.check("control_sum", Money::parse_in(currency, text)),
        };
        let Self { from, format, message_id, size, sha256, execute_on, control_count, .. } = self;
        violations.finish(Some(Announced {
            format,
            from,
            from_iban,
            currency,
            message_id,
            size,
            sha256,
            execute_on,
            control_count,
            control_sum,
        }))
    }
}

fn format(violations: &mut Violations, wire: &CreateBulkRequest) -> Option<BulkFormat> {
    let format = match WireFormat::try_from(wire.format) {
        Ok(WireFormat::Pain001) => BulkFormat::Pain001,
        Ok(WireFormat::JsonLines) => return Some(BulkFormat::JsonLines),
        Ok(WireFormat::Unspecified) | Err(_) => {
            let rule = if wire.format == 0 { "REQUIRED" } else { "UNKNOWN_VALUE" };
            violations.add("format", rule, "must be PAIN_001 or JSON_LINES");
            return None;
        }
    };
    for (field, is_given) in [
        ("execute_on", !wire.execute_on.is_empty()),
        ("control_count", wire.control_count != 0),
        ("control_sum", !wire.control_sum.is_empty()),
    ] {
        if is_given {
            violations.add(field, "ONE_OF", "a pain.001 says it itself");
        }
    }
    Some(format)
}

fn sha256(violations: &mut Violations, text: &str) -> Option<String> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.is_empty() {
        violations.add("sha256", "REQUIRED", "must be the SHA-256 of the file");
    } else if text.len() != SHA256_DIGITS {
        violations.add("sha256", "WRONG_LENGTH", "must have 64 hexadecimal digits");
    } else if text.bytes().all(digit) {
        return Some(text.to_owned());
    } else {
        violations.add("sha256", "UNKNOWN_VALUE", "must be lower-case hexadecimal digits");
    }
    None
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartDraft {
    /// Of which.
    pub id: BulkId,
    /// Where it begins.
    pub offset: i64,
    /// Its bytes.
    pub data: Vec<u8>,
}

impl TryFrom<AddBulkPartRequest> for PartDraft {
    type Error = Violations;

    fn try_from(wire: AddBulkPartRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.check("bulk_id", BulkId::parse(&wire.bulk_id));
        if !(0..MOST_FILE_BYTES).contains(&wire.offset) {
            let text = format!("must be 0 to below {MOST_FILE_BYTES}");
            violations.add("offset", "OUT_OF_RANGE", text);
        }
        if wire.data.is_empty() {
            violations.add("data", "REQUIRED", "must not be empty");
        } else if wire.data.len() > MOST_PART_BYTES {
            let text = format!("must have at most {MOST_PART_BYTES} bytes");
            violations.add("data", "TOO_LONG", text);
        }
        let draft = id.map(|id| Self { id, offset: wire.offset, data: wire.data.into() });
        violations.finish(draft)
    }
}

/// The violation of a stream whose parts are of several files.
#[must_use]
pub fn another_bulk() -> Violations {
    let mut violations = Violations::new();
    let text = "must be the bulk of the parts before";
    violations.add("part.bulk_id", "NOT_AS_ANNOUNCED", text);
    violations
}

/// Reads the id of a bulk.
///
/// # Errors
/// The rule that it breaks.
pub fn bulk_id(text: &str) -> Result<BulkId, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("bulk_id", BulkId::parse(text));
    violations.finish(id)
}

/// Reads whose bulks are listed, and how many on a page.
///
/// # Errors
/// The rules that it breaks.
pub fn bulks_page(wire: &ListBulksRequest) -> Result<(AccountId, u32), Violations> {
    let mut violations = Violations::new();
    let account = violations.check("account_id", AccountId::parse(&wire.account_id));
    let size = page_size(&mut violations, wire.page_size);
    violations.finish(account.zip(size))
}

/// Reads whose lines are listed, and how many on a page.
///
/// # Errors
/// The rules that it breaks.
pub fn lines_page(wire: &ListBulkLinesRequest) -> Result<(BulkId, u32), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("bulk_id", BulkId::parse(&wire.bulk_id));
    let size = page_size(&mut violations, wire.page_size);
    if !(0..=MOST_LINES).contains(&wire.batch) {
        let text = format!("must be 1 to {MOST_LINES}, or 0 for all");
        violations.add("batch", "OUT_OF_RANGE", text);
    }
    violations.finish(id.zip(size))
}

/// Reads of which bulk the batches are reported, and how many on a page.
///
/// # Errors
/// The rules that it breaks.
pub fn report_page(wire: &GetBulkReportRequest) -> Result<(BulkId, u32), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("bulk_id", BulkId::parse(&wire.bulk_id));
    let size = page_size(&mut violations, wire.page_size);
    violations.finish(id.zip(size))
}

/// Reads of which bulk a pain.002 is asked for, and how many transactions a part has.
///
/// # Errors
/// The rules that it breaks.
pub fn download_page(wire: &DownloadBulkReportRequest) -> Result<(BulkId, u32), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("bulk_id", BulkId::parse(&wire.bulk_id));
    let size = match u32::try_from(wire.page_size) {
        Ok(0) => Some(PART_SIZE),
        Ok(size) if size <= MOST_PART_SIZE => Some(size),
        Ok(_) | Err(_) => {
            violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 500, or 0 for 200");
            None
        }
    };
    violations.finish(id.zip(size))
}

fn page_size(violations: &mut Violations, size: i32) -> Option<u32> {
    match u32::try_from(size) {
        Ok(0) => Some(PAGE_SIZE),
        Ok(size) if size <= MOST_PAGE_SIZE => Some(size),
        Ok(_) | Err(_) => {
            violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 200, or 0 for 50");
            None
        }
    }
}
