//! Accepts a transfer.

use florin_kernel::{AccountId, Iban, Violations};
use florin_proto::{
    account::v1::Account,
    common::v1::Reason as CommonReason,
    payment::v1::{CreateTransferRequest, CreateTransferResponse, Reason},
};
use florin_rpc::{CallContext, Error, PartyRole, Verb};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{
    Payment,
    accept::{Asked, Checked},
    accounts::{owner, parties},
    add_beneficiary::not_found,
};
use crate::{
    domain::{Kind, Order, OrderError, Payee, Route},
    grpc::convert::{TransferDraft, same_account},
    store::{self, beneficiaries::Beneficiary},
};

/// Where the account that is paid is.
enum Paid {
    /// In this bank; with its IBAN where the client named it by that.
    Here(AccountId, Option<Iban>),
    /// At another.
    Elsewhere(Iban),
}

impl Payment {
    /// Accepts a transfer; a worker does the rest.
    ///
    /// # Errors
    /// Every violated field at once; `DEBTOR_ACCOUNT_NOT_FOUND` for an account that the caller
    /// may not pay from; `CREDITOR_ACCOUNT_NOT_FOUND`, `BENEFICIARY_NOT_FOUND`,
    /// `CLEARING_NOT_CONNECTED`, `CURRENCY_MISMATCH`, `LIMIT_EXCEEDED`.
    pub async fn create_transfer(
        &self,
        ctx: &CallContext,
        request: CreateTransferRequest,
    ) -> Result<Response<CreateTransferResponse>, Status> {
        let draft = TransferDraft::try_from(&request).map_err(Error::invalid)?;
        let check = async || self.check_transfer(ctx, draft).await;
        self.accept(ctx, &request, Asked::Payment(Kind::Transfer), check).await
    }

    /// What can be said of a transfer before it is taken on.
    pub(super) async fn check_transfer(
        &self,
        ctx: &CallContext,
        draft: TransferDraft,
    ) -> Result<Checked, Error> {
        let TransferDraft { from, to, amount, description } = draft;
        // Who may only look is told the same as a stranger.
        let debtor = self
            .account_of_caller(ctx, from)
            .await?
            .filter(|account| ctx.principal.may(Verb::Pay, &parties(account)))
            .ok_or_else(debtor_not_found)?;
        same_currency(&debtor.currency, amount.currency().code(), "debtor")?;
        let to = self.kept_payee(ctx, to, &debtor).await?;
        let from_iban = debtor.iban.parse::<Iban>().ok();
        let currency = amount.currency().code();
        let route = self.route_to(ctx, from, from_iban, to, currency).await?;
        let order = Order::new(route, amount, description).map_err(not_an_order)?;
        let order = self.charged(ctx, order, &debtor).await?;
        Ok(Checked { order, on_behalf_of: owner(ctx, &debtor) })
    }

    /// The way from an account that is ours to whoever is paid.
    pub(super) async fn route_to(
        &self,
        ctx: &CallContext,
        from: AccountId,
        from_iban: Option<Iban>,
        to: Payee,
        currency: &str,
    ) -> Result<Route, Error> {
        match self.payee(ctx, to, currency).await? {
            Paid::Here(to, to_iban) => Ok(Route::Transfer { from, from_iban, to, to_iban }),
            Paid::Elsewhere(to_iban) => self.between_banks(from, from_iban, to_iban),
        }
    }

    /// The IBAN behind a beneficiary; who is named otherwise stays. A customer pays its own
    /// beneficiaries; who acts for the bank, those of whoever may pay from the account.
    async fn kept_payee(
        &self,
        ctx: &CallContext,
        payee: Payee,
        debtor: &Account,
    ) -> Result<Payee, Error> {
        let Payee::Beneficiary(id) = payee else { return Ok(payee) };
        let found = store::beneficiaries::find(self.db.read(), id).await.map_err(internal)?;
        let may_use = |one: &Beneficiary| {
            if ctx.principal.is_customer() {
                return ctx.principal.customer == Some(one.customer);
            }
            parties(debtor)
                .iter()
                .any(|(customer, role)| *customer == one.customer && *role != PartyRole::Viewer)
        };
        let found = found.filter(may_use).ok_or_else(|| not_found(id))?;
        Ok(Payee::Iban(found.iban))
    }

    /// The account that is paid. One named by its id is another's, so nothing is read of it:
    /// the ledger decides when it posts.
    async fn payee(&self, ctx: &CallContext, payee: Payee, currency: &str) -> Result<Paid, Error> {
        let iban = match payee {
            Payee::Account(id) => return Ok(Paid::Here(id, None)),
            Payee::Iban(iban) => iban,
            Payee::Beneficiary(id) => return Err(not_found(id)),
        };
        if !self.bank.issued(&iban) {
            return Ok(Paid::Elsewhere(iban));
        }
        let (id, of_account) = self.resolve(ctx, &iban).await?.ok_or_else(creditor_not_found)?;
        same_currency(&of_account, currency, "creditor")?;
        Ok(Paid::Here(id, Some(iban)))
    }

    /// The way to an account of another bank, fixed with the acceptance.
    fn between_banks(
        &self,
        from: AccountId,
        from_iban: Option<Iban>,
        to_iban: Iban,
    ) -> Result<Route, Error> {
        let lacks = |text: &str| Error::new(Reason::ClearingNotConnected, text);
        let none = "the IBAN is of another bank, and no clearing network is connected";
        let network = self.network.as_ref().ok_or_else(|| lacks(none))?;
        let nameless = "the IBAN is of another bank, and the account that pays has none by which \
                        the network could name it";
        let from_iban = from_iban.ok_or_else(|| lacks(nameless))?;
        let Some(to_bank) = network.directory.bank_of(&to_iban).cloned() else {
            let text = "the clearing network does not reach the bank of this IBAN";
            return Err(Error::new(Reason::CreditorBankNotReachable, text));
        };
        let nostro_gl_code = network.config.nostro_gl_code.clone();
        Ok(Route::CrossBank { from, from_iban, to_iban, to_bank, nostro_gl_code })
    }
}

pub(super) fn debtor_not_found() -> Error {
    Error::new(Reason::DebtorAccountNotFound, "the account that pays does not exist")
}

pub(super) fn creditor_not_found() -> Error {
    Error::new(
        Reason::CreditorAccountNotFound,
        "the account that is paid does not exist in this bank",
    )
}

pub(super) fn same_currency(of_account: &str, given: &str, side: &str) -> Result<(), Error> {
    if of_account == given {
        return Ok(());
    }
    let text = format!("the account of the {side} is in {of_account}, the amount is in {given}");
    Err(Error::new(CommonReason::CurrencyMismatch, text)
        .with("side", side)
        .with("account_currency", of_account)
        .with("currency", given))
}

/// What the fields alone could not tell: an IBAN turned out to be of the paying account.
pub(super) fn not_an_order(error: OrderError) -> Error {
    let mut violations = Violations::new();
    match error {
        OrderError::SameAccount => same_account(&mut violations),
        OrderError::NotPositive => violations.add("amount", "NOT_POSITIVE", error.to_string()),
        OrderError::TooLarge => violations.add("amount", "AMOUNT_TOO_LARGE", error.to_string()),
    }
    Error::invalid(violations)
}
