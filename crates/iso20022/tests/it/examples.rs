//! One message of each sort with everything that is written.

use florin_iso20022::{
    Account, Agent, Assignment, Balance, CreditTransfer, CustomerReport, Entry, Initiation,
    Instruction, InstructionReport, Message, OrderedTransfer, OriginalMessage, Party, PaymentNames,
    PaymentReturn, Reason, Recall, RecallAnswer, Standing, Statement, StatusCount, StatusReport,
    StatusRequest, TransferReport,
};
use florin_kernel::{Date, Money, Uetr, UnixMicros};

pub const AT: UnixMicros = UnixMicros(1_795_288_260_123_456);
pub const DAY: Date = Date::constant(2026, 11, 21);

pub fn eur(amount: &str) -> Money {
    Money::parse("EUR", amount).expect("amount")
}

pub fn text<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect(text)
}

pub fn names() -> PaymentNames {
    PaymentNames {
        instruction: Some(text("instruction-1")),
        end_to_end: Some(text("end-to-end-1")),
        transaction: Some(text("transaction-1")),
        uetr: Some(Uetr::from_random([7; 16])),
    }
}

pub fn party(name: &str, iban: &str, bic: &str) -> Party {
    Party {
        name: Some(text(name)),
        account: Some(Account::Iban(text(iban))),
        agent: Some(Agent::Bic(text(bic))),
    }
}

fn original() -> OriginalMessage {
    OriginalMessage { id: text("message-1"), name: text("pacs.008.001.08"), created_at: Some(AT) }
}

fn reason(code: &str) -> Reason {
    Reason { code: Some(text(code)), information: Some(text("told in words")) }
}

fn assignment() -> Assignment {
    Assignment {
        id: text("investigation-1"),
        assigner: Some(Agent::Bic(text("FLORCZPP"))),
        assignee: Some(Agent::Member(text("0800"))),
        created_at: AT,
    }
}

pub fn credit_transfer() -> CreditTransfer {
    CreditTransfer {
        id: text("message-1"),
        created_at: AT,
        names: names(),
        amount: eur("12.34"),
        settlement_date: Some(DAY),
        debtor: party("Alena & Čestmír <s.r.o.>", "CZ6508000000192000145399", "GIBACZPX"),
        creditor: party("Bob", "NL91ABNA0417164300", "ABNANL2AXXX"),
        remittance: Some(text("rent \"November\"")),
    }
}

fn statement() -> Statement {
    let entry = |amount: &str, names| Entry {
        amount: eur(amount),
        status: text("BOOK"),
        booked: Some(DAY),
        valued: Some(DAY),
        reference: Some(text("network-1")),
        kind: Some(text("pacs.008")),
        names,
    };
    let balance = |kind, amount| Balance { kind: text(kind), amount: eur(amount), date: DAY };
    Statement {
        message_id: text("report-1"),
        created_at: AT,
        id: text("cycle-1"),
        account: Account::Other(text("FLORCZPP-EUR")),
        balances: vec![balance("OPBD", "100.00"), balance("CLBD", "-0.50")],
        entries: vec![entry("-100.50", names()), entry("0.00", PaymentNames::default())],
    }
}

fn initiation() -> Initiation {
    let transfer = |amount| OrderedTransfer {
        names: PaymentNames { transaction: None, ..names() },
        amount: eur(amount),
        creditor: party("Bob", "NL91ABNA0417164300", "ABNANL2A"),
        remittance: Some(text("wages")),
    };
    let instruction = |id, transfers| Instruction {
        id: text(id),
        on: DAY,
        debtor: party("Alena", "CZ6508000000192000145399", "GIBACZPX"),
        transfers,
    };
    Initiation {
        id: text("bulk-1"),
        created_at: AT,
        initiator: Some(text("Alena")),
        instructions: vec![
            instruction("one", vec![transfer("1.00"), transfer("2.50")]),
            instruction("two", vec![transfer("0.01")]),
        ],
    }
}

fn customer_report() -> CustomerReport {
    let standing = |status| Standing {
        count: Some(3),
        sum: Some(text("3.51")),
        status: Some(text(status)),
        reasons: vec![reason("NARR"), Reason::of(text("DS02"))],
        counts: vec![
            StatusCount { count: 2, status: text("ACSC"), sum: Some(text("3.50")) },
            StatusCount { count: 1, status: text("RJCT"), sum: None },
        ],
    };
    let transfer = |status: &str, reasons| TransferReport {
        id: Some(text("1")),
        names: PaymentNames { transaction: None, ..names() },
        status: text(status),
        reasons,
        servicer_reference: Some(text("018bcfe568007707b0f60707070707a7")),
        amount: Some(eur("1.00")),
        on: Some(DAY),
        debtor_account: Some(Account::Iban(text("CZ6508000000192000145399"))),
        creditor_account: Some(Account::Iban(text("NL91ABNA0417164300"))),
    };
    CustomerReport {
        id: text("report-1"),
        created_at: AT,
        debtor_agent: Some(Agent::Bic(text("FLORCZPP"))),
        original: OriginalMessage { name: text("pain.001.001.09"), ..original() },
        standing: standing("PART"),
        instructions: vec![InstructionReport {
            id: text("one"),
            standing: standing("PART"),
            transfers: vec![
                transfer("ACSC", Vec::new()),
                transfer("RJCT", vec![reason("AM04"), reason("AC04")]),
            ],
        }],
    }
}

/// One of each sort, with the name of its golden file.
pub fn all() -> Vec<(&'static str, Message)> {
    let report = StatusReport {
        id: text("report-1"),
        created_at: AT,
        original: original(),
        names: names(),
        status: text("RJCT"),
        reason: Some(reason("AC04")),
        amount: Some(eur("12.34")),
        settlement_date: Some(DAY),
    };
    let request = StatusRequest {
        id: text("request-1"),
        created_at: AT,
        original: original(),
        names: names(),
    };
    let payment_return = PaymentReturn {
        id: text("return-1"),
        created_at: AT,
        return_id: Some(text("returned-1")),
        original: Some(original()),
        names: names(),
        original_amount: Some(eur("12.34")),
        amount: eur("12.34"),
        settlement_date: Some(DAY),
        reason: Some(reason("AC04")),
    };
    let recall = Recall {
        assignment: assignment(),
        case: Some(text("case-1")),
        recall_id: Some(text("recall-1")),
        original: original(),
        names: names(),
        amount: Some(eur("12.34")),
        settlement_date: Some(DAY),
        reason: Some(reason("DUPL")),
    };
    let answer = RecallAnswer {
        assignment: assignment(),
        case: Some(text("case-1")),
        outcome: text("RJCR"),
        status_id: Some(text("answer-1")),
        original: Some(original()),
        names: names(),
        reason: Some(reason("CUST")),
    };
    vec![
        ("pacs.008.001.08", Message::CreditTransfer(credit_transfer())),
        ("pacs.002.001.10", Message::StatusReport(report)),
        ("pacs.028.001.03", Message::StatusRequest(request)),
        ("pacs.004.001.09", Message::PaymentReturn(payment_return)),
        ("camt.056.001.08", Message::Recall(recall)),
        ("camt.029.001.09", Message::RecallAnswer(answer)),
        ("camt.053.001.08", Message::Statement(statement())),
        ("pain.001.001.09", Message::Initiation(initiation())),
        ("pain.002.001.10", Message::CustomerReport(customer_report())),
    ]
}
