//! What operators do with events, by RPC.

mod day;
mod dead;
mod rebuild;
mod refusal;
mod sources;

use std::{fmt, sync::Arc};

use florin_proto::ops::v1::{
    DiscardDeadLetterRequest, DiscardDeadLetterResponse, FindMissingEventsRequest,
    FindMissingEventsResponse, GetDayWorkRequest, GetDayWorkResponse, GetRebuildRequest,
    GetRebuildResponse, ListDeadLettersRequest, ListDeadLettersResponse, ListOutboxEventsRequest,
    ListOutboxEventsResponse, RebuildReadModelRequest, RebuildReadModelResponse,
    ReplayEventsRequest, ReplayEventsResponse, RetryDeadLetterRequest, RetryDeadLetterResponse,
    ops_service_server::OpsService,
};
use florin_store::{Database, StoreError, Tx, audit};
use tokio_util::task::TaskTracker;
use tonic::{Extensions, Request, Response, Status, async_trait};

use self::rebuild::Begun;
use crate::{Bus, consume::Desk};

pub use day::DayWork;
pub use rebuild::{Progress, Rebuild};
pub use refusal::{FOREIGN_TOKEN, OpsError};

/// Who calls, for the audit, from the extensions of the request.
type Actor = fn(&Extensions) -> String;

/// What a refusal is on the wire.
type Refuse = fn(OpsError) -> Status;

/// `florin.ops.v1.OpsService` over the database of one service.
#[derive(Clone)]
pub struct OpsServer {
    db: Database,
    bus: Bus,
    role: &'static str,
    actor: Actor,
    refuse: Refuse,
    rebuild: Option<Rebuild>,
    day: Option<DayWork>,
    tasks: TaskTracker,
}

impl fmt::Debug for OpsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpsServer").field("role", &self.role).finish_non_exhaustive()
    }
}

impl OpsServer {
    /// The operators' service of a role; `refuse` makes statuses of its refusals.
    #[must_use]
    pub fn new(db: Database, bus: Bus, role: &'static str, refuse: fn(OpsError) -> Status) -> Self {
        let actor: Actor = |_| "operator".to_owned();
        Self { db, bus, role, actor, refuse, rebuild: None, day: None, tasks: TaskTracker::new() }
    }

    /// Says how to tell who calls.
    #[must_use]
    pub fn with_actor(mut self, actor: fn(&Extensions) -> String) -> Self {
        self.actor = actor;
        self
    }

    /// Gives the service a read model that can be rebuilt.
    #[must_use]
    pub fn with_rebuild(mut self, rebuild: Rebuild) -> Self {
        self.rebuild = Some(rebuild);
        self
    }

    /// Says how far the service is with a business date.
    #[must_use]
    pub fn with_day_work(mut self, day: DayWork) -> Self {
        self.day = Some(day);
        self
    }

    /// What operators began and what outlives their calls; wait for it before the database is
    /// closed.
    #[must_use]
    pub fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }

    fn desk(&self) -> Option<Arc<Desk>> {
        self.bus.shared().desk(self.role)
    }

    fn entry(&self, extensions: &Extensions, method: &str, reference: String) -> Record {
        Record {
            actor: (self.actor)(extensions),
            method: format!("/florin.ops.v1.OpsService/{method}"),
            reference,
        }
    }
}

/// An audit entry that lacks the time.
struct Record {
    actor: String,
    method: String,
    reference: String,
}

impl Record {
    async fn write(&self, tx: &Tx) -> Result<(), StoreError> {
        let entry = audit::Entry {
            actor: self.actor.clone(),
            on_behalf_of: None,
            method: self.method.clone(),
            reference: self.reference.clone(),
            at: tx.now().await?,
        };
        audit::record(tx, entry).await
    }
}

#[async_trait]
impl OpsService for OpsServer {
    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let listed = dead::list(&self.db, self.role, &request.into_inner()).await;
        listed.map(Response::new).map_err(self.refuse)
    }

    async fn retry_dead_letter(
        &self,
        request: Request<RetryDeadLetterRequest>,
    ) -> Result<Response<RetryDeadLetterResponse>, Status> {
        let event_id = request.get_ref().event_id.clone();
        let record = self.entry(request.extensions(), "RetryDeadLetter", event_id.clone());
        let applied = dead::retry(&self.db, self.desk(), &event_id, &record).await;
        let applied = applied.map_err(self.refuse)?;
        Ok(Response::new(RetryDeadLetterResponse { applied }))
    }

    async fn discard_dead_letter(
        &self,
        request: Request<DiscardDeadLetterRequest>,
    ) -> Result<Response<DiscardDeadLetterResponse>, Status> {
        let DiscardDeadLetterRequest { event_id, reason } = request.get_ref().clone();
        let record = self.entry(request.extensions(), "DiscardDeadLetter", event_id.clone());
        let applied = dead::discard(&self.db, self.desk(), (&event_id, &reason), &record).await;
        let applied = applied.map_err(self.refuse)?;
        Ok(Response::new(DiscardDeadLetterResponse { applied }))
    }

    async fn replay_events(
        &self,
        request: Request<ReplayEventsRequest>,
    ) -> Result<Response<ReplayEventsResponse>, Status> {
        let range = request.get_ref().clone();
        let reference = sources::reference_of(&range);
        let record = self.entry(request.extensions(), "ReplayEvents", reference);
        let queued = sources::replay(&self.db, &range, &record).await.map_err(self.refuse)?;
        Ok(Response::new(ReplayEventsResponse { queued }))
    }

    async fn list_outbox_events(
        &self,
        request: Request<ListOutboxEventsRequest>,
    ) -> Result<Response<ListOutboxEventsResponse>, Status> {
        let listed = sources::list(&self.db, self.role, request.get_ref()).await;
        listed.map(Response::new).map_err(self.refuse)
    }

    async fn find_missing_events(
        &self,
        request: Request<FindMissingEventsRequest>,
    ) -> Result<Response<FindMissingEventsResponse>, Status> {
        let reads = self.desk();
        let sources = reads.as_ref().map_or(&[][..], |desk| desk.sources);
        let found = sources::find_missing(&self.db, self.role, sources, request.get_ref()).await;
        found.map(Response::new).map_err(self.refuse)
    }

    async fn get_day_work(
        &self,
        request: Request<GetDayWorkRequest>,
    ) -> Result<Response<GetDayWorkResponse>, Status> {
        let steps = day::work(self.day.as_ref(), request.get_ref()).await;
        let steps = steps.map_err(self.refuse)?;
        Ok(Response::new(GetDayWorkResponse { steps }))
    }

    async fn rebuild_read_model(
        &self,
        request: Request<RebuildReadModelRequest>,
    ) -> Result<Response<RebuildReadModelResponse>, Status> {
        let Some(rebuild) = &self.rebuild else {
            return Err((self.refuse)(OpsError::NoReadModel(self.role)));
        };
        let record = self.entry(request.extensions(), "RebuildReadModel", String::new());
        let begun = rebuild::begin(&self.db, &record).await;
        let running = match begun.map_err(|error| (self.refuse)(error.into()))? {
            Begun::Running(running) => running,
            Begun::New(begun) => {
                let (db, id) = (self.db.clone(), begun.rebuild_id.clone());
                self.tasks.spawn(rebuild::run(db, self.role, id, Arc::clone(rebuild)));
                begun
            }
        };
        Ok(Response::new(RebuildReadModelResponse { rebuild: Some(running) }))
    }

    async fn get_rebuild(
        &self,
        _request: Request<GetRebuildRequest>,
    ) -> Result<Response<GetRebuildResponse>, Status> {
        let latest = rebuild::latest(&self.db).await;
        let latest = latest.map_err(|error| (self.refuse)(error.into()))?;
        let rebuild = latest.ok_or_else(|| (self.refuse)(OpsError::NoRebuild(self.role)))?;
        Ok(Response::new(GetRebuildResponse { rebuild: Some(rebuild) }))
    }
}
