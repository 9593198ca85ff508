//! Cash at the till.

use florin_proto::{
    account::v1::leg,
    common::v1::Party,
    payment::v1::{CreateDepositRequest, CreateWithdrawalRequest, TransferKind, TransferStatus},
};

use crate::bank::{Bank, account_id, iban, places, reason, staff};

fn deposit(to: String, amount: &str) -> CreateDepositRequest {
    CreateDepositRequest {
        to,
        amount: amount.into(),
        currency: "EUR".into(),
        description: "cash".into(),
    }
}

fn withdrawal(from: String, amount: &str) -> CreateWithdrawalRequest {
    CreateWithdrawalRequest {
        from,
        amount: amount.into(),
        currency: "EUR".into(),
        description: "cash".into(),
    }
}

#[tokio::test]
async fn cash_is_paid_in_and_out_against_the_cash_account() {
    for place in places() {
        let bank = Bank::open(place).await;
        let payment = &bank.payment;
        let ctx = staff("CreateDeposit", "d1");
        let paid_in = payment.create_deposit(&ctx, deposit(iban(2), "30")).await.unwrap();
        payment.worker().turn().await.unwrap();
        let ctx = staff("CreateWithdrawal", "w1");
        let request = withdrawal(bank.to.to_string(), "20");
        let paid_out = payment.create_withdrawal(&ctx, request).await.unwrap();
        payment.worker().turn().await.unwrap();
        let paid_in = bank.get(&paid_in.get_ref().transfer_id).await;
        let paid_out = bank.get(&paid_out.get_ref().transfer_id).await;
        assert_eq!(paid_in.kind(), TransferKind::CashDeposit);
        let customer = Some((bank.to.to_string(), iban(2)));
        let side = |party: Option<Party>| party.map(|one| (one.account_id, one.iban));
        assert_eq!((side(paid_in.debtor), side(paid_in.creditor)), (None, customer.clone()));
        assert_eq!(paid_out.kind(), TransferKind::CashWithdrawal);
        assert_eq!(paid_out.status(), TransferStatus::Completed);
        assert_eq!((side(paid_out.debtor), side(paid_out.creditor)), (customer, None));
        assert_eq!(bank.ledger.balance(bank.to), 1_000);
        let cash = Some(leg::Target::GlCode("1010".into()));
        let posted = bank.ledger.posted();
        let against = |kind: &str, leg: usize| {
            let one = posted.iter().find(|one| one.kind == kind).unwrap();
            one.legs[leg].target.clone()
        };
        assert_eq!(against("cash_deposit", 0), cash);
        assert_eq!(against("cash_withdrawal", 1), cash);
    }
}

#[tokio::test]
async fn cash_needs_an_account_of_this_bank_in_its_currency() {
    for place in places() {
        let bank = Bank::open(place).await;
        let payment = &bank.payment;
        let ctx = staff("CreateDeposit", "k");
        for to in ["DE89370400440532013000".to_owned(), account_id(9).to_string(), iban(77)] {
            let refused = payment.create_deposit(&ctx, deposit(to, "1")).await;
            assert_eq!(reason(refused), "CREDITOR_ACCOUNT_NOT_FOUND");
        }
        let other = CreateDepositRequest { currency: "CZK".into(), ..deposit(iban(2), "1") };
        let refused = payment.create_deposit(&ctx, other).await;
        assert_eq!(reason(refused), "CURRENCY_MISMATCH");
        let ctx = staff("CreateWithdrawal", "k");
        let request = withdrawal(account_id(9).to_string(), "1");
        let refused = payment.create_withdrawal(&ctx, request).await;
        assert_eq!(reason(refused), "DEBTOR_ACCOUNT_NOT_FOUND");
    }
}

#[tokio::test]
async fn more_cash_than_there_is_funds_for_fails_with_the_reason() {
    for place in places() {
        let bank = Bank::open(place).await;
        let ctx = staff("CreateWithdrawal", "k");
        let request = withdrawal(bank.from.to_string(), "100.01");
        let accepted = bank.payment.create_withdrawal(&ctx, request).await.unwrap().into_inner();
        bank.turn().await;
        let failed = bank.get(&accepted.transfer_id).await;
        assert_eq!(failed.status(), TransferStatus::Failed);
        assert_eq!(failed.failure.unwrap().reason, "INSUFFICIENT_FUNDS");
        assert_eq!(bank.ledger.balance(bank.from), 10_000);
    }
}
