//! Decides an authorisation of a card payment.

use std::time::Instant;

use florin_kernel::AuthorisationId;
use florin_proto::payment::v1::{CreateAuthorisationRequest, CreateAuthorisationResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, internal, keyed};
use florin_store::{StoreError, Tx, id_parts};
use tonic::{Response, Status};

use super::{
    Payment,
    advance_transfers::later,
    authorise::{Answered, Known, Named, Taken, same_content},
    score_authorisation::{Score, ScoreRequest},
};
use crate::{
    domain::{Authorisation, AuthorisationStatus, Operation, OperationKind},
    grpc::convert::AuthorisationDraft,
    store::authorisations::{self, Card},
    wire::{wire_authorisation, wire_operation},
};

/// What an authorisation begins with.
struct Asked<'a> {
    draft: &'a AuthorisationDraft,
    hash: &'a [u8],
    known: Option<Known>,
    score: Score,
    until: Instant,
}

impl Payment {
    /// Decides an authorisation within the bank's time for it.
    ///
    /// # Errors
    /// Every violated field at once; `DEBTOR_ACCOUNT_NOT_FOUND`, `CURRENCY_MISMATCH`,
    /// `REFERENCE_REUSED`. A decline is none.
    pub async fn create_authorisation(
        &self,
        ctx: &CallContext,
        request: CreateAuthorisationRequest,
    ) -> Result<Response<CreateAuthorisationResponse>, Status> {
        let until = self.answer_until();
        let draft = AuthorisationDraft::try_from(&request).map_err(Error::invalid)?;
        let hash = keyed::fingerprint(&request);
        let asked = (OperationKind::Authorise, hash.as_slice());
        let before = self.seen_before(&draft.network, &draft.reference, asked).await?;
        let taken = match before {
            Some(found) => Taken::again(&found),
            None => self.begin(ctx, &draft, &hash, until).await?,
        };
        let Answered { card, operation, replayed } = self.answer(taken, until).await?;
        Ok(Response::new(CreateAuthorisationResponse {
            authorisation: Some(wire_authorisation(&card)),
            operation: Some(wire_operation(&operation)),
            replayed,
        }))
    }

    async fn begin(
        &self,
        ctx: &CallContext,
        draft: &AuthorisationDraft,
        hash: &[u8],
        until: Instant,
    ) -> Result<Taken, Error> {
        let currency = draft.amount.currency().code();
        let known = self.known(ctx, draft.account, currency).await?;
        let request = ScoreRequest {
            account: draft.account,
            amount: draft.amount,
            mcc: draft.merchant.mcc.clone(),
        };
        let score = self.score(&request, until).await;
        let asked = Asked { draft, hash, known, score, until };
        let (millis, random) = id_parts();
        let id = AuthorisationId::from_parts(millis, random);
        let taken = self
            .db
            .write(async |tx: Tx| {
                let (mut card, mut operation) = self.new_card(ctx, &tx, id, &asked).await?;
                if !authorisations::add(&tx, &operation).await? {
                    return Ok(None);
                }
                let (known, now) = (asked.known.as_ref(), operation.created_at);
                let both = (&mut card, &mut operation);
                self.decide_first(&tx, both, known, &asked.score, now).await?;
                let taken = self.take_on(ctx, &tx, &mut card, &operation, now).await?;
                authorisations::insert(&tx, &card).await?;
                authorisations::update_operations(&tx, &[operation]).await?;
                Ok::<_, Failure>(Some(taken))
            })
            .await?;
        match taken {
            Some(taken) => Ok(taken),
            // Somebody else was first with the reference.
            None => {
                let (network, reference) = (&draft.network, &draft.reference);
                let found = authorisations::of_reference(self.db.read(), network, reference).await;
                let found = found.map_err(internal)?;
                let found = found.ok_or_else(|| Error::internal("a reference is gone"))?;
                same_content(&found, (OperationKind::Authorise, hash))?;
                Ok(Taken::again(&found))
            }
        }
    }

    async fn new_card(
        &self,
        ctx: &CallContext,
        tx: &Tx,
        id: AuthorisationId,
        asked: &Asked<'_>,
    ) -> Result<(Card, Operation), StoreError> {
        let now = tx.now().await?;
        let draft = asked.draft;
        let seconds = self.cards.expires_after_seconds;
        let authorisation = Authorisation {
            id,
            account: draft.account,
            customer: asked.known.as_ref().and_then(|known| known.customer),
            channel: ctx.principal.client.clone(),
            network: draft.network.clone(),
            network_reference: draft.network_reference.clone(),
            merchant: draft.merchant.clone(),
            settlement_gl_code: self.cards.settlement_gl_code.clone(),
            shortfall_gl_code: self.cards.shortfall_gl_code.clone(),
            currency: draft.amount.currency(),
            status: AuthorisationStatus::Pending,
            authorised: 0,
            captured: 0,
            holds: Vec::new(),
            expires_at: now.plus_micros(seconds.saturating_mul(1_000_000)),
            operations: 0,
            pending: None,
            version: 0,
            created_at: now,
            changed_at: now,
        };
        let named = Named {
            id,
            number: 1,
            kind: OperationKind::Authorise,
            network: &draft.network,
            reference: &draft.reference,
            hash: asked.hash,
        };
        let operation = Operation {
            hold_seconds: seconds,
            answer_by: Some(later(now, asked.until.saturating_duration_since(Instant::now()))),
            score: asked.score.rules(),
            ..named.operation(ctx, draft.amount, now)
        };
        let card = Card {
            authorisation,
            due_at: None,
            lease_until: None,
            lease_token: None,
            attempts: 0,
            last_cause: None,
        };
        Ok((card, operation))
    }
}
