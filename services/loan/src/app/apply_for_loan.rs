//! Enters an application and scores it.

use florin_events::Cause;
use florin_kernel::{Date, LoanId, Money, Person, Violations};
use florin_proto::{
    account::v1::Account,
    cif::v1::{KycStatus, RiskRating, Standing},
    loan::v1::{ApplyForLoanRequest, ApplyForLoanResponse, LoanStep, LoanStepKind, Reason},
    timestamp, wire_money,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{StoreError, Tx, id_parts};
use prost::Message as _;
use tonic::{Response, Status};

use super::{
    Lending, events,
    keep::{person, record_audit},
    loaded::{Loaded, Version, load},
    quote_loan::{burden, on_the_day},
    reads::owns,
};
use crate::{
    domain::{
        loan::State,
        request::Request,
        score::{Applicant, Risk, Score},
    },
    grpc::convert::ApplicationDraft,
    store::{
        loans::{self, Record},
        steps::{self, StoredStep},
    },
    wire::{wire_loan, wire_score},
};

/// What is known of an application when it is entered.
struct Application<'a> {
    draft: &'a ApplicationDraft,
    version: &'a Version,
    quoted: &'a Request,
    first_due: &'a str,
    /// Income and debts a month.
    means: (i64, i64),
    instalment: i64,
    risk: Risk,
    maker: &'a Person,
    today: Date,
}

impl Lending {
    /// Enters an application, whose score is made from the income and the debts that it names,
    /// the customer's rating at `cif` and the loans of this bank.
    ///
    /// # Errors
    /// Every violated field at once; `NOT_OWN_CUSTOMER`, `PRODUCT_NOT_FOUND`,
    /// `BORROWER_NOT_FOUND`, `BORROWER_NOT_VERIFIED`, `LOAN_ACCOUNT_NOT_FOUND`,
    /// `LOAN_ACCOUNT_CURRENCY`, `PERSON_REQUIRED`, `NO_SCHEDULE`.
    pub async fn apply_for_loan(
        &self,
        ctx: &CallContext,
        request: ApplyForLoanRequest,
    ) -> Result<Response<ApplyForLoanResponse>, Status> {
        let draft = ApplicationDraft::try_from(&request).map_err(Error::invalid)?;
        ctx.own_field(&request.customer_id)?;
        let maker = person(ctx)?;
        let today = self.books.today(ctx).await?;
        let version = self.product_on(&draft.quote.product, today).await?;
        let (quoted, means) = read(&draft, &version, today).map_err(Error::invalid)?;
        let instalment = burden(&version, &quoted)?;
        let risk = self.risk_of(ctx, &draft).await?;
        self.account_must_take(ctx, &draft, &version).await?;
        let (millis, random) = id_parts();
        let id = LoanId::from_parts(millis, random);
        let application = Application {
            draft: &draft,
            version: &version,
            quoted: &quoted,
            first_due: &request.first_due,
            means,
            instalment,
            risk,
            maker: &maker,
            today,
        };
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = enter(&tx, id, &application).await?;
            let cause = super::keep::cause_of(ctx, &loaded);
            self.tell_application(&tx, &mut loaded, &cause).await?;
            record_audit(&tx, ctx, &loaded, "applied").await?;
            let loan = Some(wire_loan(&loaded.record, &[])?);
            Ok::<_, Failure>(ApplyForLoanResponse { loan })
        })
        .await
    }

    async fn tell_application(
        &self,
        tx: &Tx,
        loaded: &mut Loaded,
        cause: &Cause,
    ) -> Result<(), StoreError> {
        let at = loaded.record.created_at;
        let told = events::applied(loaded, at, cause)?;
        loans::update(tx, std::slice::from_ref(&loaded.record)).await?;
        self.outbox.append(tx, vec![told]).await.map(drop)
    }

    /// The rating of a borrower whom the bank has verified.
    async fn risk_of(&self, ctx: &CallContext, draft: &ApplicationDraft) -> Result<Risk, Error> {
        let standing = self.standing_of(ctx, draft.customer).await?;
        rated(draft, standing.as_ref())
    }

    /// Refuses an account that the borrower does not own, and one in another currency.
    async fn account_must_take(
        &self,
        ctx: &CallContext,
        draft: &ApplicationDraft,
        version: &Version,
    ) -> Result<(), Error> {
        let account = self.account_of(ctx, draft.account).await?;
        let owned = account.filter(|account| owns(account, draft.customer));
        let Some(Account { currency, .. }) = owned else {
            let text = format!("the borrower owns no account {}", draft.account);
            return Err(Error::new(Reason::LoanAccountNotFound, text));
        };
        let wanted = version.product.currency().code();
        if currency != wanted {
            let text = format!("the product is in {wanted}, the account in {currency}");
            return Err(Error::new(Reason::LoanAccountCurrency, text)
                .with("currency", wanted)
                .with("account_currency", currency));
        }
        Ok(())
    }
}

/// What is asked for and what the borrower has, by the version of the product.
fn read(
    draft: &ApplicationDraft,
    version: &Version,
    today: Date,
) -> Result<(Request, (i64, i64)), Violations> {
    let mut found = Violations::new();
    let means = draft.means(version.product.currency(), &mut found);
    let asked = on_the_day(&draft.quote.asked, today);
    let quoted = match Request::new(&asked, &version.product, today) {
        Ok(quoted) => Some(quoted),
        Err(more) => {
            for one in more.into_inner() {
                found.add(one.field, one.rule, one.description);
            }
            None
        }
    };
    found.finish(quoted.zip(means))
}

fn rated(draft: &ApplicationDraft, standing: Option<&Standing>) -> Result<Risk, Error> {
    let customer = draft.customer;
    let Some(standing) = standing else {
        let text = format!("customer {customer} does not exist");
        return Err(Error::new(Reason::BorrowerNotFound, text));
    };
    match standing.kyc_status() {
        KycStatus::Verified => {}
        KycStatus::Pending | KycStatus::Rejected | KycStatus::Unspecified => {
            let text = format!("customer {customer} is not verified");
            return Err(Error::new(Reason::BorrowerNotVerified, text)
                .with("customer_id", customer.to_string()));
        }
    }
    Ok(match standing.risk_rating() {
        RiskRating::Low => Risk::Low,
        RiskRating::Medium => Risk::Medium,
        // Nobody is lent to as if rated who is not.
        RiskRating::High | RiskRating::Unspecified => Risk::High,
    })
}

/// Keeps the application: the row and the first step.
async fn enter(tx: &Tx, id: LoanId, application: &Application<'_>) -> Result<Loaded, StoreError> {
    let Application { draft, version, quoted, means: (income, debts), .. } = application;
    let currency = version.product.currency();
    let running = loans::monthly_burden(tx, draft.customer, currency).await?;
    let applicant = Applicant {
        income: *income,
        debts: debts.saturating_add(running),
        instalment: application.instalment,
        principal: quoted.principal(),
        risk: application.risk,
    };
    let score = Score::of(&applicant, &version.conditions.underwriting);
    let score = wire_score(&score, Money::new(application.instalment, currency));
    let now = tx.now().await?;
    let record = Record {
        id,
        customer: draft.customer,
        account: draft.account,
        product: version.product.code().to_owned(),
        product_version: version.number,
        currency,
        maker: application.maker.as_str().to_owned(),
        requested: quoted.principal(),
        rate: quoted.terms().rate.to_string(),
        instalments: quoted.terms().instalments.into(),
        disbursed_on: quoted.disbursed_on().to_string(),
        first_due: application.first_due.to_owned(),
        monthly_income: *income,
        monthly_debts: *debts,
        monthly_instalment: application.instalment,
        score: score.encode_to_vec(),
        created_at: now,
        state: State::Applied,
        endorsed: false,
        approved: 0,
        disbursed: 0,
        outstanding: 0,
        next_due: None,
        version: 1,
        told: 0,
        movements: 0,
        changed_at: now,
    };
    loans::insert(tx, &record).await?;
    let step = LoanStep {
        version: 1,
        kind: LoanStepKind::Applied.into(),
        on: application.today.to_string(),
        at: Some(timestamp(now)),
        amount: Some(wire_money(record.money(record.requested))),
        by: record.maker.clone(),
        ..LoanStep::default()
    };
    let first = StoredStep {
        loan: id,
        version: 1,
        kind: step.kind.into(),
        on: step.on.clone(),
        reference: None,
        payload: step.encode_to_vec(),
        recorded_at: now,
    };
    steps::append(tx, &[first]).await?;
    let loaded = load(tx, vec![record]).await?.pop();
    loaded.ok_or_else(|| StoreError::Corrupt(format!("{id} was not kept")))
}
