//! What is asked for wrongly.

use florin_proto::payment::v1::{ProposeRepairRequest, RepairAction};
use florin_testkit::place::violations;

use super::{asks, person, settle};
use crate::{
    bank::{places, reason},
    clearing::world::World,
};

#[tokio::test]
async fn what_is_asked_for_wrongly_or_of_nothing_is_refused() {
    for place in places() {
        let world = World::open(place).await;
        assert_eq!(
            reason(world.proposes("eva", "k1", settle("nothing")).await),
            "CLEARING_NOT_FOUND"
        );
        let lacks = |request| async { violations(world.proposes("eva", "k2", request).await) };
        let named = |field: &str, rule: &str| vec![(field.to_owned(), rule.to_owned())];
        for (request, field, rule) in [
            (asks("x", RepairAction::Reject), "code", "REQUIRED"),
            (
                ProposeRepairRequest { code: "ac04".into(), ..asks("x", RepairAction::Reject) },
                "code",
                "MALFORMED_REASON",
            ),
            (ProposeRepairRequest { code: "AC04".into(), ..settle("x") }, "code", "ONE_OF"),
            (ProposeRepairRequest { gl_code: "1".into(), ..settle("x") }, "gl_code", "ONE_OF"),
            (
                ProposeRepairRequest { gl_code: "9010".into(), ..asks("x", RepairAction::BookOut) },
                "gl_code",
                "UNKNOWN_VALUE",
            ),
        ] {
            assert_eq!(lacks(request).await, named(field, rule));
        }
        let long = ProposeRepairRequest { evidence: "e".repeat(1_001), ..settle("x") };
        assert_eq!(lacks(long).await.len(), 1);
        let ctx = {
            let mut ctx = person("till", "ProposeRepair", "k3");
            ctx.principal.kind = florin_rpc::PrincipalKind::Client;
            ctx
        };
        let told = world.bank.payment.propose_repair(&ctx, settle("x")).await;
        assert_eq!(reason(told), "NO_PERSON");
    }
}
