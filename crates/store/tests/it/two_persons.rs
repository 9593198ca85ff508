use florin_kernel::{ApprovalId, Person, UnixMicros};
use florin_store::{
    Database, StoreError, Tx,
    approval::{self, Decision, Proposal, State, Verdict},
    audit, sql,
};
use sea_orm::ConnectionTrait;

use crate::engines::{number, places};

const FAR: UnixMicros = UnixMicros(i64::MAX);

fn maria() -> Person {
    Person::of_token("https://issuer.test", "maria")
}

fn karl() -> Person {
    Person::of_token("https://issuer.test", "karl")
}

fn proposal(number: u64, expires_at: UnixMicros) -> Proposal {
    Proposal {
        id: ApprovalId::from_parts(number, [1; 10]),
        command: "WriteOffLoan".into(),
        payload: vec![0, 1, 255],
        maker: maria(),
        expires_at,
    }
}

async fn propose(db: &Database, proposal: &Proposal) {
    db.write(async |tx: Tx| approval::propose(&tx, proposal).await).await.unwrap();
}

async fn decide(db: &Database, id: &ApprovalId, checker: &Person, verdict: Verdict) -> Decision {
    db.write(async |tx: Tx| approval::decide(&tx, id, checker, verdict).await).await.unwrap()
}

#[tokio::test]
async fn the_second_person_decides_and_the_first_never_does() {
    for place in places() {
        let db = place.open().await;
        let proposal = proposal(1, FAR);
        propose(&db, &proposal).await;
        let waiting = approval::waiting(db.read(), UnixMicros(1), None, 10).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].proposal, proposal);
        let own = decide(&db, &proposal.id, &maria(), Verdict::Approve).await;
        assert_eq!(own, Decision::OwnProposal);
        let Decision::Decided(done) = decide(&db, &proposal.id, &karl(), Verdict::Approve).await
        else {
            panic!("not decided")
        };
        assert_eq!((done.state, done.checker.clone()), (State::Approved, Some(karl())));
        assert!(done.decided_at >= Some(done.proposed_at));
        let again = decide(&db, &proposal.id, &karl(), Verdict::Reject).await;
        assert_eq!(again, Decision::AlreadyDecided(done.clone()));
        assert_eq!(approval::get(db.read(), &proposal.id).await.unwrap(), Some(done));
        assert_eq!(approval::waiting(db.read(), UnixMicros(1), None, 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn the_first_person_withdraws_its_proposal() {
    for place in places() {
        let db = place.open().await;
        let proposal = proposal(1, FAR);
        propose(&db, &proposal).await;
        let Decision::Decided(done) = decide(&db, &proposal.id, &maria(), Verdict::Reject).await
        else {
            panic!("not decided")
        };
        assert_eq!((done.state, done.checker.clone()), (State::Rejected, Some(maria())));
        let late = decide(&db, &proposal.id, &karl(), Verdict::Approve).await;
        assert_eq!(late, Decision::AlreadyDecided(done));
        // The table itself lets nobody approve what is its own.
        let forge = "UPDATE approvals SET state = 'approved'";
        let forged = db.write(async |tx: Tx| sql::execute(&tx, forge, []).await).await;
        assert!(matches!(forged, Err(StoreError::Conflict { .. })), "{forged:?}");
    }
}

#[tokio::test]
async fn an_expired_proposal_does_not_wait_and_can_only_be_rejected() {
    for place in places() {
        let db = place.open().await;
        let (old, fresh) = (proposal(1, UnixMicros(1_000)), proposal(2, FAR));
        propose(&db, &old).await;
        propose(&db, &fresh).await;
        let waiting = async |now| {
            let page = approval::waiting(db.read(), UnixMicros(now), None, 10).await.unwrap();
            page.into_iter().map(|one| one.proposal.id).collect::<Vec<_>>()
        };
        assert_eq!(waiting(999).await, [old.id, fresh.id]);
        assert_eq!(waiting(1_000).await, [fresh.id]);
        let rejected = decide(&db, &old.id, &karl(), Verdict::Reject).await;
        assert!(matches!(rejected, Decision::Decided(done) if done.state == State::Rejected));
    }
}

#[tokio::test]
async fn an_expired_or_unknown_proposal_is_not_decided() {
    for place in places() {
        let db = place.open().await;
        let old = proposal(1, UnixMicros(1));
        propose(&db, &old).await;
        assert_eq!(decide(&db, &old.id, &karl(), Verdict::Approve).await, Decision::Expired);
        let unknown = proposal(2, FAR).id;
        assert_eq!(decide(&db, &unknown, &karl(), Verdict::Reject).await, Decision::NotFound);
    }
}

#[tokio::test]
async fn a_payload_that_was_changed_is_noticed() {
    for place in places() {
        let db = place.open().await;
        let proposal = proposal(1, FAR);
        propose(&db, &proposal).await;
        db.write(async |tx: Tx| {
            let forge =
                tx.engine().statement("UPDATE approvals SET payload = $1", [vec![9_u8].into()]);
            tx.execute_raw(forge).await?;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
        let noticed = approval::get(db.read(), &proposal.id).await;
        assert!(matches!(noticed, Err(StoreError::Corrupt(_))), "{noticed:?}");
    }
}

#[tokio::test]
async fn audit_entries_live_and_die_with_their_transaction() {
    for place in places() {
        let db = place.open().await;
        let write = async |fail: bool| {
            db.write(async |tx: Tx| {
                let entry = audit::Entry {
                    actor: "staff/maria".into(),
                    on_behalf_of: None,
                    method: "/florin.cif.v1.CifService/UpdateCustomer".into(),
                    reference: "cus_1".into(),
                    at: tx.now().await?,
                };
                audit::record(&tx, entry).await?;
                if fail { Err(StoreError::Corrupt("on purpose".into())) } else { Ok(()) }
            })
            .await
        };
        write(true).await.unwrap_err();
        assert_eq!(number(&db, "SELECT count(*) FROM audit").await, 0);
        write(false).await.unwrap();
        let entries = "SELECT count(*) FROM audit WHERE actor = 'staff/maria' \
                       AND on_behalf_of IS NULL AND reference = 'cus_1' AND at > 0";
        assert_eq!(number(&db, entries).await, 1);
    }
}
