//! Acceptance of transfers.

use std::time::{Duration, Instant};

use florin_payment::Turn;
use florin_proto::{
    account::v1::leg,
    common::v1::{Direction, Party},
    payment::v1::{
        CreateTransferRequest, GetTransferRequest, Screening, TransferKind, TransferStatus,
    },
};
use florin_rpc::{CallContext, Error};
use tokio_util::sync::CancellationToken;

use crate::bank::{Bank, account_id, customer, customer_id, iban, places, reason, staff};

#[tokio::test]
async fn a_transfer_is_accepted_then_completed_by_a_worker() {
    for place in places() {
        let bank = Bank::open(place).await;
        let accepted = bank.transfer("k1", bank.order("12.34")).await.unwrap().into_inner();
        assert_eq!(accepted.status(), TransferStatus::Processing);
        assert_eq!(bank.ledger.calls(), 0, "nothing has moved");
        let id = accepted.transfer_id;
        assert_eq!(bank.events(&id).await, [("transfer_accepted".into(), 1)]);
        let audited = format!("SELECT COUNT(*) FROM audit WHERE reference = '{id}'");
        assert_eq!(bank.count(&audited).await, 1);

        assert_eq!(bank.turn().await, Turn::Done);
        let done = bank.get(&id).await;
        assert_eq!(
            (done.kind(), done.status()),
            (TransferKind::Transfer, TransferStatus::Completed)
        );
        assert_eq!(done.screening(), Screening::NotScreened);
        assert!(done.transaction_id.starts_with("txn_"));
        let steps: Vec<_> =
            done.steps.iter().map(|step| (step.status(), step.reason.as_str())).collect();
        assert_eq!(
            steps,
            [
                (TransferStatus::Processing, ""),
                (TransferStatus::Posting, ""),
                (TransferStatus::Completed, ""),
            ]
        );
        let position = florin_events::position::decode(&done.position).unwrap();
        assert_eq!(position.len(), 2, "the ledger's event and our own");
        assert_eq!(
            bank.events(&id).await,
            [("transfer_accepted".into(), 1), ("transfer_completed".into(), 2)]
        );
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (8_766, 1_234));
        assert_eq!(bank.turn().await, Turn::Idle);
    }
}

#[tokio::test]
async fn the_posting_tells_who_what_and_why() {
    for place in places() {
        let bank = Bank::open(place).await;
        let to_iban = CreateTransferRequest { to: iban(2), ..bank.order("1.00") };
        let id = bank.transfer("k1", to_iban).await.unwrap().into_inner().transfer_id;
        bank.turn().await;
        let posted = bank.ledger.posted();
        let [posted] = posted.as_slice() else { panic!("one posting, not {}", posted.len()) };
        assert_eq!(posted.reference, format!("{id}/post"));
        assert_eq!((posted.kind.as_str(), posted.correlation.as_str()), ("transfer", id.as_str()));
        assert_eq!(posted.description, "rent");
        let initiator = posted.initiator.as_ref().unwrap();
        assert_eq!(initiator.kind(), florin_proto::common::v1::PrincipalKind::Customer);
        assert_eq!(initiator.customer_id, bank.alice.to_string());
        assert_eq!(initiator.subject, format!("sub-of-{}", bank.alice));
        let legs: Vec<_> = posted
            .legs
            .iter()
            .map(|one| (one.target.clone().unwrap(), one.direction(), one.counterparty.clone()))
            .collect();
        let target = |id: florin_kernel::AccountId| leg::Target::AccountId(id.to_string());
        assert_eq!(
            legs,
            [
                (target(bank.from), Direction::Debit, iban(2)),
                (target(bank.to), Direction::Credit, iban(1)),
            ]
        );
    }
}

#[tokio::test]
async fn strangers_and_viewers_find_no_account_to_pay_from() {
    for place in places() {
        let bank = Bank::open(place).await;
        for who in [bank.bob, bank.carol, customer_id(9)] {
            let ctx = customer(who, "CreateTransfer", "k");
            let refused = bank.payment.create_transfer(&ctx, bank.order("1")).await;
            assert_eq!(reason(refused), "DEBTOR_ACCOUNT_NOT_FOUND");
        }
        let by_staff = staff("CreateTransfer", "k");
        bank.payment.create_transfer(&by_staff, bank.order("1")).await.unwrap();
        let behalf = format!("SELECT COUNT(*) FROM audit WHERE on_behalf_of = '{}'", bank.alice);
        assert_eq!(bank.count(&behalf).await, 1);
    }
}

#[tokio::test]
async fn what_the_reads_refuse_changes_nothing_and_is_not_stored() {
    for place in places() {
        let bank = Bank::open(place).await;
        let order = bank.order("1");
        let cases = [
            (
                CreateTransferRequest { from: account_id(9).to_string(), ..order.clone() },
                "DEBTOR_ACCOUNT_NOT_FOUND",
            ),
            (
                CreateTransferRequest { currency: "USD".into(), ..order.clone() },
                "CURRENCY_MISMATCH",
            ),
            (
                CreateTransferRequest { to: "DE89370400440532013000".into(), ..order.clone() },
                "CLEARING_NOT_CONNECTED",
            ),
            (CreateTransferRequest { to: iban(77), ..order.clone() }, "CREDITOR_ACCOUNT_NOT_FOUND"),
            (CreateTransferRequest { to: iban(1), ..order.clone() }, "INVALID_REQUEST"),
            (CreateTransferRequest { amount: "-1".into(), ..order.clone() }, "INVALID_REQUEST"),
        ];
        for (request, expected) in cases {
            assert_eq!(reason(bank.transfer("k", request).await), expected);
        }
        for table in ["transfers", "outbox", "idempotency_keys", "audit"] {
            assert_eq!(bank.count(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
        }
        let to_self = CreateTransferRequest { to: iban(1), ..order };
        let error = Error::from_status(&bank.transfer("k", to_self).await.unwrap_err());
        assert_eq!(error.field_violations()[0].rule, "SAME_ACCOUNT");
    }
}

#[tokio::test]
async fn a_refusal_for_the_limit_is_stored_with_the_key() {
    for place in places() {
        let limits = vec!["EUR 50.00".to_owned()];
        let bank = Bank::open_with(place, |config| config.transfer_limits = limits).await;
        let first = bank.transfer("k", bank.order("50.01")).await.unwrap_err();
        assert!(first.metadata().get("idempotent-replayed").is_none());
        let again = bank.transfer("k", bank.order("50.01")).await.unwrap_err();
        assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
        assert_eq!((first.code(), first.details()), (again.code(), again.details()));
        assert_eq!(Error::from_status(&again).reason(), "LIMIT_EXCEEDED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
        bank.accepted("other", "50.00").await;
    }
}

#[tokio::test]
async fn a_client_that_prefers_to_wait_gets_the_end_state() {
    for place in places() {
        let bank = Bank::open(place).await;
        let end = CancellationToken::new();
        let worker = tokio::spawn(bank.payment.worker().run(end.clone()));
        let wait = Duration::from_secs(60);
        let waiting = |key| CallContext { wait, ..customer(bank.alice, "CreateTransfer", key) };
        let done = bank.payment.create_transfer(&waiting("k1"), bank.order("1")).await.unwrap();
        assert_eq!(done.get_ref().status(), TransferStatus::Completed);
        let failed = bank.payment.create_transfer(&waiting("k2"), bank.order("999")).await.unwrap();
        let transfer = failed.into_inner().transfer.unwrap();
        assert_eq!(transfer.failure.unwrap().reason, "INSUFFICIENT_FUNDS");

        // The stored answer is the acceptance; who waits is told the present state.
        let replay = bank.transfer("k1", bank.order("1")).await.unwrap();
        assert_eq!(replay.get_ref().status(), TransferStatus::Processing);
        let replay = bank.payment.create_transfer(&waiting("k1"), bank.order("1")).await.unwrap();
        assert_eq!(replay.metadata().get("idempotent-replayed").unwrap(), "true");
        assert_eq!(replay.get_ref().transfer, done.get_ref().transfer);
        end.cancel();
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_caller_s_deadline() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.accepted("k1", "1").await;
        // No worker runs, so nothing but the deadline, which is now, ends the wait of an hour.
        let ctx = CallContext {
            wait: Duration::from_secs(3_600),
            deadline: Some(Instant::now()),
            ..customer(bank.alice, "CreateTransfer", "k1")
        };
        let answer = bank.payment.create_transfer(&ctx, bank.order("1"));
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await.unwrap().unwrap();
        assert_eq!(answer.get_ref().status(), TransferStatus::Processing);
    }
}

#[tokio::test]
async fn a_payer_gets_back_the_iban_that_it_typed_and_learns_no_id_of_a_stranger() {
    for place in places() {
        let bank = Bank::open(place).await;
        let typed = CreateTransferRequest { to: iban(2), ..bank.order("1") };
        let accepted = bank.transfer("k", typed).await.unwrap().into_inner();
        let (of_payer, of_payee) = (bank.from.to_string(), bank.to.to_string());
        let sides = |transfer: florin_proto::payment::v1::Transfer| {
            let side = |party: Option<Party>| party.map(|one| (one.account_id, one.iban)).unwrap();
            (side(transfer.debtor), side(transfer.creditor))
        };
        let seen_by_payer = ((of_payer.clone(), iban(1)), (String::new(), iban(2)));
        assert_eq!(sides(accepted.transfer.clone().unwrap()), seen_by_payer);
        assert_eq!(accepted.transfer.unwrap().position, "", "no event of the ledger is there yet");
        bank.turn().await;
        let get = async |ctx| {
            let transfer_id = accepted.transfer_id.clone();
            let answer = bank.payment.get_transfer(&ctx, GetTransferRequest { transfer_id }).await;
            answer.unwrap().into_inner().transfer.unwrap()
        };
        let seen = get(customer(bank.alice, "GetTransfer", "")).await;
        assert_ne!(seen.position, "");
        assert_eq!(sides(seen), seen_by_payer);
        let seen = get(customer(bank.bob, "GetTransfer", "")).await;
        assert_eq!(sides(seen), ((String::new(), iban(1)), (of_payee.clone(), iban(2))));
        let all = ((of_payer, iban(1)), (of_payee.clone(), iban(2)));
        assert_eq!(sides(bank.get(&accepted.transfer_id).await), all);

        let by_id = bank.transfer("by id", bank.order("1")).await.unwrap().into_inner();
        assert_eq!(sides(by_id.transfer.unwrap()).1, (of_payee, String::new()));
    }
}
