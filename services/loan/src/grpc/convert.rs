//! Wire -> domain. Reading a request collects every violation.

mod loans;
mod product;
pub mod servicing;

use florin_kernel::Violations;

pub use self::{
    loans::{
        ApplicationDraft, QuoteDraft, asked_amount, loan_id, loans_query, reasons, text_of_reason,
    },
    product::{ReadProduct, product_code, read_product},
};

/// Records on a page where the client says nothing.
const PAGE_SIZE: u32 = 50;
/// Records on a page at most.
const MOST_PAGE_SIZE: u32 = 200;

/// Records on the page.
///
/// # Errors
/// A size out of its range.
pub fn page_size(size: i32) -> Result<u32, Violations> {
    let mut violations = Violations::new();
    let size = checked_page_size(size, &mut violations);
    violations.finish(size)
}

fn checked_page_size(size: i32, violations: &mut Violations) -> Option<u32> {
    match u32::try_from(size) {
        Ok(0) => Some(PAGE_SIZE),
        Ok(size) if size <= MOST_PAGE_SIZE => Some(size),
        Ok(_) | Err(_) => {
            violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 200, or 0 for 50");
            None
        }
    }
}
