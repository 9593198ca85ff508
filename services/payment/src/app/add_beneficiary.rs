//! Adds, renames, removes, returns and lists the beneficiaries of a customer (ADR 32).

use florin_kernel::{BeneficiaryId, CustomerId};
use florin_proto::payment::v1::{
    AddBeneficiaryRequest, AddBeneficiaryResponse, GetBeneficiaryRequest, GetBeneficiaryResponse,
    ListBeneficiariesRequest, ListBeneficiariesResponse, Reason, RemoveBeneficiaryRequest,
    RemoveBeneficiaryResponse, RenameBeneficiaryRequest, RenameBeneficiaryResponse,
};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::{Failure, internal, once};
use florin_store::{StoreError, Tx, audit, id_parts};
use prost::Message;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    grpc::convert::{BeneficiaryDraft, beneficiaries_page, beneficiary_id, label},
    store::{self, beneficiaries::Beneficiary},
    wire::wire_beneficiary,
};

/// Beneficiaries of a customer at most.
const MOST: i64 = 1_000;

impl Payment {
    /// Adds a beneficiary; one that is there already is changed to the new label.
    ///
    /// # Errors
    /// Every violated field at once; `NOT_OWN_CUSTOMER`, `BENEFICIARIES_FULL`.
    pub async fn add_beneficiary(
        &self,
        ctx: &CallContext,
        request: AddBeneficiaryRequest,
    ) -> Result<Response<AddBeneficiaryResponse>, Status> {
        let BeneficiaryDraft { customer, iban, label } =
            BeneficiaryDraft::try_from(&request).map_err(Error::invalid)?;
        ctx.own_field(&request.customer_id)?;
        let (millis, random) = id_parts();
        let id = BeneficiaryId::from_parts(millis, random);
        once(&self.db, ctx, &request, async |tx: Tx| {
            let added_at = tx.now().await?;
            let (iban, label) = (iban.clone(), label.clone());
            let new = Beneficiary { id, customer, iban, label, added_at };
            store::beneficiaries::lock(&tx, customer).await?;
            let kept = store::beneficiaries::put(&tx, &new).await?;
            if kept.id == id && store::beneficiaries::count(&tx, customer).await? > MOST {
                return Err(Failure::Refused(full()));
            }
            record(&tx, ctx, &kept).await?;
            let beneficiary = Some(wire_beneficiary(&kept));
            Ok(AddBeneficiaryResponse { beneficiary })
        })
        .await
    }

    /// Gives a beneficiary another label.
    ///
    /// # Errors
    /// Every violated field at once; `NOT_OWN_CUSTOMER`, `BENEFICIARY_NOT_FOUND`.
    pub async fn rename_beneficiary(
        &self,
        ctx: &CallContext,
        request: RenameBeneficiaryRequest,
    ) -> Result<Response<RenameBeneficiaryResponse>, Status> {
        let (customer, id, label) = label(&request).map_err(Error::invalid)?;
        ctx.own_field(&request.customer_id)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let renamed = store::beneficiaries::rename(&tx, customer, id, &label).await?;
            let renamed = renamed.ok_or_else(|| not_found(id))?;
            record(&tx, ctx, &renamed).await?;
            let beneficiary = Some(wire_beneficiary(&renamed));
            Ok::<_, Failure>(RenameBeneficiaryResponse { beneficiary })
        })
        .await
    }

    /// A beneficiary of a customer.
    ///
    /// # Errors
    /// Every violated field at once; `NOT_OWN_CUSTOMER`, `BENEFICIARY_NOT_FOUND`.
    pub async fn get_beneficiary(
        &self,
        ctx: &CallContext,
        request: GetBeneficiaryRequest,
    ) -> Result<Response<GetBeneficiaryResponse>, Status> {
        let (customer, id) = beneficiary_id(&request.customer_id, &request.beneficiary_id)
            .map_err(Error::invalid)?;
        ctx.own_field(&request.customer_id)?;
        let found = store::beneficiaries::find(self.db.read(), id).await.map_err(internal)?;
        let found = found.filter(|one| one.customer == customer).ok_or_else(|| not_found(id))?;
        let beneficiary = Some(wire_beneficiary(&found));
        Ok(Response::new(GetBeneficiaryResponse { beneficiary }))
    }

    /// Removes a beneficiary.
    ///
    /// # Errors
    /// Every violated field at once; `NOT_OWN_CUSTOMER`, `BENEFICIARY_NOT_FOUND`.
    pub async fn remove_beneficiary(
        &self,
        ctx: &CallContext,
        request: RemoveBeneficiaryRequest,
    ) -> Result<Response<RemoveBeneficiaryResponse>, Status> {
        let (customer, id) = beneficiary_id(&request.customer_id, &request.beneficiary_id)
            .map_err(Error::invalid)?;
        ctx.own_field(&request.customer_id)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let removed = store::beneficiaries::remove(&tx, customer, id).await?;
            let removed = removed.ok_or_else(|| not_found(id))?;
            record(&tx, ctx, &removed).await?;
            Ok::<_, Failure>(RemoveBeneficiaryResponse {})
        })
        .await
    }

    /// Lists the beneficiaries of a customer, newest first.
    ///
    /// # Errors
    /// Every violated field at once; `NOT_OWN_CUSTOMER`, `PAGE_TOKEN_INVALID`.
    pub async fn list_beneficiaries(
        &self,
        ctx: &CallContext,
        request: ListBeneficiariesRequest,
    ) -> Result<Response<ListBeneficiariesResponse>, Status> {
        let (customer, size) = beneficiaries_page(&request).map_err(Error::invalid)?;
        ctx.own_field(&request.customer_id)?;
        let filter =
            ListBeneficiariesRequest { page_size: 0, page_token: String::new(), ..request.clone() }
                .encode_to_vec();
        let before = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        let limit = u64::from(size).saturating_add(1);
        let found = store::beneficiaries::list(self.db.read(), customer, before, limit).await;
        let mut found = found.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.id.to_string()),
            Some(_) | None => String::new(),
        };
        let beneficiaries = found.iter().map(wire_beneficiary).collect();
        Ok(Response::new(ListBeneficiariesResponse { beneficiaries, next_page_token }))
    }
}

/// Records who changed a customer's beneficiaries: by ids alone.
async fn record(tx: &Tx, ctx: &CallContext, one: &Beneficiary) -> Result<(), StoreError> {
    let on_behalf_of: Option<CustomerId> = (!ctx.principal.is_customer()).then_some(one.customer);
    let entry = audit::Entry {
        actor: ctx.principal.scope_key(),
        on_behalf_of: on_behalf_of.map(|customer| customer.to_string()),
        method: ctx.method.to_owned(),
        reference: one.id.to_string(),
        at: tx.now().await?,
    };
    audit::record(tx, entry).await
}

pub(super) fn not_found(id: BeneficiaryId) -> Error {
    Error::new(Reason::BeneficiaryNotFound, format!("beneficiary {id} does not exist"))
}

fn full() -> Error {
    Error::new(Reason::BeneficiariesFull, format!("a customer has {MOST} beneficiaries at most"))
}
