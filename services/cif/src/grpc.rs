//! The generated service, one line a use case.

pub(crate) mod convert;

use std::sync::Arc;

use florin_proto::cif::v1::{
    AddRelationRequest, AddRelationResponse, DecideKycRequest, DecideKycResponse,
    FindCustomersRequest, FindCustomersResponse, GetCustomerRequest, GetCustomerResponse,
    GetStandingsRequest, GetStandingsResponse, ImportCustomersRequest, ImportCustomersResponse,
    ListCustomersRequest, ListCustomersResponse, ListRelationsRequest, ListRelationsResponse,
    RateRiskRequest, RateRiskResponse, RegisterCustomerRequest, RegisterCustomerResponse,
    RemoveRelationRequest, RemoveRelationResponse, UpdateCustomerRequest, UpdateCustomerResponse,
    cif_service_server::CifService,
};

use crate::Cif;

/// `florin.cif.v1.CifService`.
#[derive(Clone)]
pub struct CifApi {
    cif: Arc<Cif>,
}

impl CifApi {
    /// The service over its use cases.
    #[must_use]
    pub const fn new(cif: Arc<Cif>) -> Self {
        Self { cif }
    }
}

florin_rpc::serve! {
    CifService for CifApi by cif:
    register_customer(RegisterCustomerRequest) -> RegisterCustomerResponse;
    import_customers(ImportCustomersRequest) -> ImportCustomersResponse;
    get_customer(GetCustomerRequest) -> GetCustomerResponse;
    list_customers(ListCustomersRequest) -> ListCustomersResponse;
    find_customers(FindCustomersRequest) -> FindCustomersResponse;
    update_customer(UpdateCustomerRequest) -> UpdateCustomerResponse;
    decide_kyc(DecideKycRequest) -> DecideKycResponse;
    rate_risk(RateRiskRequest) -> RateRiskResponse;
    add_relation(AddRelationRequest) -> AddRelationResponse;
    list_relations(ListRelationsRequest) -> ListRelationsResponse;
    remove_relation(RemoveRelationRequest) -> RemoveRelationResponse;
    get_standings(GetStandingsRequest) -> GetStandingsResponse;
}
