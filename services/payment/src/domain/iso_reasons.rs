//! The codes of ISO 20022 (external list of status reasons) under which a customer is told why.

/// It is told in words alone.
pub const NARRATIVE: &str = "NARR";
/// Whoever may has cancelled it.
pub const CANCELLED: &str = "DS02";

/// The code of a rule that a line or a file breaks at a field.
#[must_use]
pub fn of_rule(field: &str, rule: &str) -> &'static str {
    match rule {
        "MALFORMED_IBAN" | "REQUIRED" if field.contains("DbtrAcct") => "AC02",
        "REQUIRED" if field.contains("CdtrAcct") => "AC03",
        "REQUIRED" if field.ends_with("InstdAmt") || field == "amount" => "AM12",
        "MALFORMED_IBAN" => "AC03",
        "DEBTOR_ACCOUNT_NOT_FOUND" => "AC02",
        "MALFORMED_BIC" => "RC01",
        "CURRENCY_MISMATCH" => "AM03",
        "UNKNOWN_CURRENCY" | "MISSING_CURRENCY" => "AM11",
        "NOT_POSITIVE" => "AM01",
        "AMOUNT_TOO_LARGE" | "AMOUNT_OUT_OF_RANGE" => "AM02",
        "MALFORMED_AMOUNT" | "TOO_MANY_DECIMALS" => "AM12",
        "MALFORMED_DATE" => "DT01",
        "WRONG_TOTAL" if field.ends_with("CtrlSum") || field.ends_with("sum") => "AM10",
        "WRONG_TOTAL" => "AM18",
        "DUPLICATE" if field.ends_with("PmtInfId") => "DU02",
        "DUPLICATE" => "DU04",
        "MALFORMED_DOCUMENT" | "WRONG_NAMESPACE" | "REQUIRED" | "REPEATED" | "TOO_LONG"
        | "UNKNOWN_VALUE" => "FF01",
        _ => NARRATIVE,
    }
}

/// The code of a reason for which a transfer was refused or failed; `network` is the code under
/// which the clearing network rejected it.
#[must_use]
pub fn of_reason<'a>(reason: &str, network: Option<&'a str>) -> &'a str {
    match reason {
        "REJECTED_BY_NETWORK" => network.unwrap_or(NARRATIVE),
        "INSUFFICIENT_FUNDS" => "AM04",
        "LIMIT_EXCEEDED" => "AM14",
        "CURRENCY_MISMATCH" => "AM03",
        "ACCOUNT_FROZEN" => "AC06",
        "ACCOUNT_CLOSED" => "AC04",
        "ACCOUNT_NOT_FOUND" | "CREDITOR_ACCOUNT_NOT_FOUND" => "AC03",
        "DEBTOR_ACCOUNT_NOT_FOUND" => "AC02",
        "CREDITOR_BANK_NOT_REACHABLE" | "CLEARING_NOT_CONNECTED" => "RC04",
        _ => NARRATIVE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_of_an_account_and_the_sort_of_a_total_tell_codes_apart() {
        assert_eq!(of_rule("DbtrAcct/Id/IBAN", "MALFORMED_IBAN"), "AC02");
        assert_eq!(of_rule("to", "MALFORMED_IBAN"), "AC03");
        assert_eq!(of_rule("GrpHdr/CtrlSum", "WRONG_TOTAL"), "AM10");
        assert_eq!(of_rule("GrpHdr/NbOfTxs", "WRONG_TOTAL"), "AM18");
        assert_eq!(of_rule("PmtInf/PmtInfId", "DUPLICATE"), "DU02");
        assert_eq!(of_rule("x", "A_RULE_OF_TOMORROW"), "NARR");
    }

    #[test]
    fn what_the_network_said_is_told_on() {
        assert_eq!(of_reason("REJECTED_BY_NETWORK", Some("AC04")), "AC04");
        assert_eq!(of_reason("REJECTED_BY_NETWORK", None), "NARR");
        assert_eq!(of_reason("INSUFFICIENT_FUNDS", Some("AC04")), "AM04");
    }
}
