//! Fees: quoted when a payment is accepted, charged in the journal transaction of its amount.

use florin_kernel::AccountId;
use florin_payment::Turn;
use florin_proto::{
    account::v1::{FeeEvent, leg},
    common::v1::Direction,
    payment::v1::{
        CreateOrderRequest, CreateWithdrawalRequest, ExportTransfersResponse, GetTransferRequest,
        LimitPeriod, LimitScope, OrderFrequency, QuoteTransferRequest, RefundTransferRequest,
        ReverseTransferRequest, SetLimitRequest, Transfer, TransferKind, TransferStatus,
    },
};
use florin_rpc::CallContext;
use florin_testkit::place::violations;
use futures_util::StreamExt as _;

use crate::{
    bank::{Bank, customer, places, reason, staff},
    bulks,
};

fn fee(transfer: &Transfer) -> Option<&str> {
    transfer.fee.as_ref().map(|fee| fee.amount.as_str())
}

/// Account or GL code, direction and amount of each leg of the posting of a transfer.
fn legs(bank: &Bank, id: &str) -> Vec<(String, Direction, String)> {
    let posted = bank.ledger.posted();
    let one = posted.iter().find(|one| one.reference == format!("{id}/post")).unwrap();
    let told = one.legs.iter().map(|leg| {
        let target = match leg.target.clone().unwrap() {
            leg::Target::AccountId(id) => id,
            leg::Target::GlCode(code) => code,
        };
        (target, leg.direction(), leg.amount.clone().unwrap().amount)
    });
    told.collect()
}

async fn exported(bank: &Bank, id: &str) -> ExportTransfersResponse {
    let all = bank.payment.export_transfers().collect::<Vec<_>>().await;
    let mut all = all.into_iter().map(Result::unwrap);
    all.find(|one| one.transfer_id == id).unwrap()
}

#[tokio::test]
async fn amount_and_fee_are_one_journal_transaction_and_the_fee_is_the_quoted_one() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 50);
        let accepted = bank.transfer("k", bank.order("10")).await.unwrap().into_inner();
        let transfer = accepted.transfer.unwrap();
        assert_eq!(fee(&transfer), Some("0.50"));
        // Another schedule by the time that it is posted: what was quoted counts.
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 9_999);
        assert_eq!(bank.turn().await, Turn::Done);
        let id = accepted.transfer_id;
        let (from, to) = (bank.from.to_string(), bank.to.to_string());
        assert_eq!(
            legs(&bank, &id),
            [
                (from.clone(), Direction::Debit, "10.00".to_owned()),
                (to, Direction::Credit, "10.00".to_owned()),
                (from, Direction::Debit, "0.50".to_owned()),
                ("4010".to_owned(), Direction::Credit, "0.50".to_owned()),
            ]
        );
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (8_950, 1_000));
        let done = bank.get(&id).await;
        assert_eq!((done.status(), fee(&done)), (TransferStatus::Completed, Some("0.50")));
        let told = exported(&bank, &id).await;
        assert_eq!(told.fee.unwrap().amount, "0.50");
        // The same key tells the same, whatever the schedule says by now.
        let again = bank.transfer("k", bank.order("10")).await.unwrap().into_inner();
        assert_eq!(fee(&again.transfer.unwrap()), Some("0.50"));
        assert_eq!(bank.ledger.quotes(), 1);
        // Who is paid is not told what another pays for it.
        let ctx = customer(bank.bob, "GetTransfer", "");
        let request = GetTransferRequest { transfer_id: id };
        let seen = bank.payment.get_transfer(&ctx, request).await.unwrap().into_inner();
        assert_eq!(seen.transfer.unwrap().fee, None);
    }
}

#[tokio::test]
async fn nobody_is_asked_where_the_product_has_no_schedule_and_a_fee_of_nothing_is_none() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_fee(bank.from, FeeEvent::Withdrawal, 70);
        let free = bank.transfer("free", bank.order("1")).await.unwrap().into_inner();
        assert_eq!((fee(&free.transfer.unwrap()), bank.ledger.quotes()), (None, 0));
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 0);
        let nothing = bank.transfer("nothing", bank.order("1")).await.unwrap().into_inner();
        assert_eq!((fee(&nothing.transfer.unwrap()), bank.ledger.quotes()), (None, 1));
        assert_eq!(bank.turn().await, Turn::Done);
        for id in [&free.transfer_id, &nothing.transfer_id] {
            assert_eq!(legs(&bank, id).len(), 2);
        }
        let request = CreateWithdrawalRequest {
            from: bank.from.to_string(),
            amount: "20".into(),
            currency: "EUR".into(),
            description: "cash".into(),
        };
        let paid = bank.payment.create_withdrawal(&staff("CreateWithdrawal", "w"), request).await;
        let id = paid.unwrap().into_inner().transfer_id;
        assert_eq!(bank.turn().await, Turn::Done);
        let told: Vec<String> = legs(&bank, &id).into_iter().map(|(.., amount)| amount).collect();
        assert_eq!(told, ["20.00", "20.00", "0.70", "0.70"]);
        assert_eq!(bank.ledger.balance(bank.from), 10_000 - 200 - 2_000 - 70);
    }
}

#[tokio::test]
async fn funds_for_the_amount_alone_do_not_pay_the_fee_and_nothing_moves() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 1);
        let id = bank.accepted("k", "100").await;
        assert_eq!(bank.turn().await, Turn::Done);
        let failed = bank.get(&id).await;
        let failure = failed.failure.unwrap();
        assert_eq!(failure.reason, "INSUFFICIENT_FUNDS");
        assert!(failure.message.ends_with("for the amount and a fee of 0.01 EUR"), "{failure:?}");
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
        let id = bank.accepted("less", "99.99").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Completed);
        assert_eq!(bank.ledger.balance(bank.from), 0);
    }
}

/// The rule: a reversal undoes the fee with the rest, a refund is a payment back that costs nothing.
#[tokio::test]
async fn a_reversal_gives_the_fee_back_and_a_refund_does_not() {
    for place in places() {
        let bank = Bank::open(place).await;
        for account in [bank.from, bank.to] {
            bank.ledger.set_fee(account, FeeEvent::Transfer, 50);
        }
        let id = bank.accepted("refunded", "10").await;
        assert_eq!(bank.turn().await, Turn::Done);
        let request = RefundTransferRequest {
            transfer_id: id,
            amount: "10".into(),
            currency: "EUR".into(),
            ..RefundTransferRequest::default()
        };
        let ctx = customer(bank.bob, "RefundTransfer", "back");
        let refund = bank.payment.refund_transfer(&ctx, request).await.unwrap().into_inner();
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(fee(&bank.get(&refund.transfer_id).await), None);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (9_950, 0));

        let id = bank.accepted("reversed", "10").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.ledger.balance(bank.from), 8_900);
        let request = ReverseTransferRequest { transfer_id: id, description: "mistake".into() };
        let ctx = staff("ReverseTransfer", "undo");
        let undone = bank.payment.reverse_transfer(&ctx, request).await.unwrap().into_inner();
        assert_eq!(bank.turn().await, Turn::Done);
        let undone = bank.get(&undone.transfer_id).await;
        assert_eq!((undone.status(), fee(&undone)), (TransferStatus::Completed, Some("0.50")));
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (9_950, 0));
    }
}

#[tokio::test]
async fn limits_count_the_amount_without_the_fee() {
    for place in places() {
        let bank = Bank::open(place).await;
        let request = SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            amount: "10.00".into(),
            currency: "EUR".into(),
        };
        bank.payment.set_limit(&staff("SetLimit", "limit"), request).await.unwrap();
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 500);
        let id = bank.accepted("all", "10").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Completed);
        assert_eq!(reason(bank.transfer("more", bank.order("0.01")).await), "LIMIT_EXCEEDED");
    }
}

async fn quote(bank: &Bank, ctx: &CallContext, from: AccountId, kind: TransferKind) -> String {
    let request = QuoteTransferRequest {
        from: from.to_string(),
        amount: "10".into(),
        currency: "EUR".into(),
        kind: kind.into(),
    };
    match bank.payment.quote_transfer(ctx, request).await {
        Ok(told) => {
            let told = told.into_inner();
            let [amount, fee, total] =
                [told.amount, told.fee, told.total].map(|money| money.unwrap().amount);
            format!("{amount} + {fee} = {total}")
        }
        refused => reason(refused),
    }
}

#[tokio::test]
async fn a_quote_is_told_to_whoever_may_pay_and_takes_nothing_on() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 50);
        bank.ledger.set_fee(bank.from, FeeEvent::Withdrawal, 70);
        let alice = customer(bank.alice, "QuoteTransfer", "");
        let of =
            async |ctx: &CallContext, kind: TransferKind| quote(&bank, ctx, bank.from, kind).await;
        assert_eq!(of(&alice, TransferKind::Unspecified).await, "10.00 + 0.50 = 10.50");
        assert_eq!(of(&alice, TransferKind::Transfer).await, "10.00 + 0.50 = 10.50");
        let teller = staff("QuoteTransfer", "");
        assert_eq!(of(&teller, TransferKind::CashWithdrawal).await, "10.00 + 0.70 = 10.70");
        // Bob has no part in it, and Carol only looks.
        for stranger in [bank.bob, bank.carol] {
            let ctx = customer(stranger, "QuoteTransfer", "");
            assert_eq!(of(&ctx, TransferKind::Transfer).await, "DEBTOR_ACCOUNT_NOT_FOUND");
        }
        let free = quote(&bank, &teller, bank.to, TransferKind::Transfer).await;
        assert_eq!(free, "10.00 + 0.00 = 10.00");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
        let bad =
            QuoteTransferRequest { kind: TransferKind::CashDeposit.into(), ..Default::default() };
        let told = violations(bank.payment.quote_transfer(&teller, bad).await);
        let fields: Vec<&str> = told.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["from", "currency", "amount", "kind"]);
    }
}

#[tokio::test]
async fn a_transfer_is_not_taken_on_while_its_fee_is_not_known() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 50);
        bank.ledger.set_reads_fail(true);
        assert_eq!(reason(bank.transfer("k", bank.order("10")).await), "UNAVAILABLE");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
    }
}

#[tokio::test]
async fn each_transfer_of_a_standing_order_costs_what_its_day_asks() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 50);
        let request = CreateOrderRequest {
            from: bank.from.to_string(),
            to: bank.to.to_string(),
            amount: "10".into(),
            currency: "EUR".into(),
            description: "rent".into(),
            frequency: OrderFrequency::Monthly.into(),
            first_on: "2027-01-31".into(),
            ..CreateOrderRequest::default()
        };
        let ctx = customer(bank.alice, "CreateOrder", "order");
        bank.payment.create_order(&ctx, request).await.unwrap();
        for (month, minor) in [(2, 50), (3, 60)] {
            bank.ledger.set_fee(bank.from, FeeEvent::Transfer, minor);
            let today = florin_kernel::Date::constant(2027, month, 1);
            assert_eq!(bank.payment.run_orders_of(today).await.unwrap(), 1);
            while bank.turn().await != Turn::Idle {}
        }
        assert_eq!(bank.ledger.balance(bank.from), 10_000 - 1_050 - 1_060);
        // One that the fees of cannot be asked waits for the ledger.
        bank.ledger.set_reads_fail(true);
        let today = florin_kernel::Date::constant(2027, 4, 1);
        assert!(bank.payment.run_orders_of(today).await.is_err());
        bank.ledger.set_reads_fail(false);
        assert_eq!(bank.payment.run_orders_of(today).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn each_line_of_a_file_costs_what_its_day_asks() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 25);
        let id = bulks::sent(&bank, "wages", &bulks::lines_of(2)).await;
        assert_eq!(bulks::work(&bank.payment, bulks::TODAY).await, 2);
        // Another schedule by the time that they are posted: what was quoted counts.
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 9_999);
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.balance(bank.from), 10_000 - 2 * (1 + 25));
        assert_eq!(bank.ledger.balance(bank.to), 2);
        for line in bulks::report(&bank, &id, false).await {
            let told = exported(&bank, &line.transfer_id).await;
            assert_eq!(told.fee.unwrap().amount, "0.25");
        }
    }
}
