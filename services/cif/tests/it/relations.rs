//! Relations between customers.

use florin_proto::cif::v1::{
    AddRelationRequest, AddRelationResponse, ListRelationsRequest, Relation, RelationKind,
    RemoveRelationRequest,
};
use tonic::{Response, Status};

use crate::office::{Office, alena, mill, places, reason, teller, violations};

async fn add(
    office: &Office,
    from: &str,
    kind: RelationKind,
    to: &str,
) -> Result<Response<AddRelationResponse>, Status> {
    let request = AddRelationRequest {
        customer_id: from.to_owned(),
        kind: kind.into(),
        other_customer_id: to.to_owned(),
    };
    office.cif.add_relation(&teller("AddRelation"), request).await
}

async fn list(office: &Office, id: &str) -> Vec<Relation> {
    let request = ListRelationsRequest { customer_id: id.to_owned(), ..Default::default() };
    let answer = office.cif.list_relations(&teller("ListRelations"), request).await;
    answer.unwrap().into_inner().relations
}

#[tokio::test]
async fn relates_in_both_directions_and_refuses_duplicates_and_oneself() {
    for place in places() {
        let office = place.open().await;
        let alena = office.register(alena(1)).await.customer_id;
        let mill = office.register(mill(1)).await.customer_id;
        let added = add(&office, &alena, RelationKind::DirectorOf, &mill).await.unwrap();
        let relation = added.into_inner().relation.unwrap();
        assert_eq!(list(&office, &alena).await, std::slice::from_ref(&relation));
        assert_eq!(list(&office, &mill).await, [relation]);
        let again = add(&office, &alena, RelationKind::DirectorOf, &mill).await;
        assert_eq!(reason(again), "RELATION_EXISTS");
        assert!(add(&office, &alena, RelationKind::AttorneyOf, &mill).await.is_ok());
        let oneself = add(&office, &alena, RelationKind::GuardianOf, &alena).await;
        let same = [("other_customer_id".to_owned(), "SAME_CUSTOMER".to_owned())];
        assert_eq!(violations(oneself), same);
        let unknown = "cus_0190b6b8-5f2c-7d3e-8a4b-1c2d3e4f5a6b";
        let nobody = add(&office, &alena, RelationKind::SpouseOf, unknown).await;
        assert_eq!(reason(nobody), "CUSTOMER_NOT_FOUND");
        let nothing = add(&office, "", RelationKind::Unspecified, "").await;
        assert_eq!(violations(nothing).len(), 3);
        assert_eq!(office.count("SELECT count(*) FROM relations").await, 2);
    }
}

#[tokio::test]
async fn a_marriage_is_one_relation_from_either_side() {
    for place in places() {
        let office = place.open().await;
        let (a, b) = (
            office.register(alena(1)).await.customer_id,
            office.register(alena(2)).await.customer_id,
        );
        assert!(add(&office, &a, RelationKind::SpouseOf, &b).await.is_ok());
        let back = add(&office, &b, RelationKind::SpouseOf, &a).await;
        assert_eq!(reason(back), "RELATION_EXISTS");
    }
}

#[tokio::test]
async fn removes_a_relation_where_it_starts() {
    for place in places() {
        let office = place.open().await;
        let alena = office.register(alena(1)).await.customer_id;
        let mill = office.register(mill(1)).await.customer_id;
        let added = add(&office, &alena, RelationKind::DirectorOf, &mill).await.unwrap();
        let id = added.into_inner().relation.unwrap().relation_id;
        let remove = async |from: &str| {
            let request =
                RemoveRelationRequest { customer_id: from.to_owned(), relation_id: id.clone() };
            reason(office.cif.remove_relation(&teller("RemoveRelation"), request).await)
        };
        assert_eq!(remove(&mill).await, "RELATION_NOT_FOUND");
        assert_eq!(remove("cus_0190b6b8-5f2c-7d3e-8a4b-1c2d3e4f5a6b").await, "CUSTOMER_NOT_FOUND");
        assert_eq!(remove(&alena).await, "OK");
        assert_eq!(remove(&alena).await, "RELATION_NOT_FOUND");
        assert!(list(&office, &alena).await.is_empty());
        let kept = "SELECT count(*) FROM audit WHERE reference LIKE 'rel_%'";
        assert_eq!(office.count(kept).await, 2);
    }
}

#[tokio::test]
async fn pages_through_the_relations_of_both_directions() {
    for place in places() {
        let office = place.open().await;
        let mill = office.register(mill(1)).await.customer_id;
        let mut added = Vec::new();
        for number in 1..=5 {
            let alena = office.register(alena(number)).await.customer_id;
            let (from, to) = if number % 2 == 0 { (&mill, &alena) } else { (&alena, &mill) };
            let answer = add(&office, from, RelationKind::AttorneyOf, to).await.unwrap();
            added.push(answer.into_inner().relation.unwrap());
        }
        let mut request =
            ListRelationsRequest { customer_id: mill, page_size: 2, ..Default::default() };
        let mut listed = Vec::new();
        for page in 1..=3 {
            let ctx = teller("ListRelations");
            let answer = office.cif.list_relations(&ctx, request.clone()).await.unwrap();
            let answer = answer.into_inner();
            listed.extend(answer.relations);
            assert_eq!(answer.next_page_token.is_empty(), page == 3);
            request.page_token = answer.next_page_token;
        }
        assert_eq!(listed, added);
    }
}
