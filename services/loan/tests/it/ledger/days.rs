//! Business dates of the scripted ledger, and what it has booked.

use std::{collections::BTreeMap, sync::Arc};

use florin_kernel::AccountId;
use florin_proto::{
    account::v1::{
        BusinessDay, GetBalanceRequest, GetBalanceResponse, ListBusinessDaysRequest,
        ListBusinessDaysResponse, leg::Target,
    },
    common::v1::{Direction, Money},
    money_of,
};
use tonic::{Request, Response, Status};

use super::Ledger;

impl Ledger {
    /// Closes the open business date and opens another.
    pub fn close_day(&self, opened: &str) {
        let mut state = self.state();
        let closed = std::mem::replace(&mut state.business_date, opened.to_owned());
        state.days.insert(0, (closed, opened.to_owned()));
    }

    pub fn set_balance(&self, id: AccountId, balance: i64) {
        self.state().accounts.get_mut(&id).unwrap().balance = balance;
    }

    /// Debits less credits of each GL account up to a booking date.
    pub fn gl(&self, through: &str) -> BTreeMap<String, i64> {
        let state = self.state();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (request, _) in state.posted.values() {
            let on = super::booked_on(request, &state);
            if on.as_str() > through {
                continue;
            }
            for leg in &request.legs {
                let Some(Target::GlCode(code)) = &leg.target else { continue };
                let minor = money_of(leg.amount.as_ref()).unwrap().minor();
                let sign = if leg.direction() == Direction::Debit { 1 } else { -1 };
                *sums.entry(code.clone()).or_default() += sign * minor;
            }
        }
        sums
    }

    pub(super) async fn get_balance(
        self: Arc<Self>,
        request: Request<GetBalanceRequest>,
    ) -> Result<Response<GetBalanceResponse>, Status> {
        let id = request.into_inner().account_id;
        let state = self.state();
        let account = &state.accounts[&id.parse().unwrap()];
        let minor = account.balance.max(0);
        let amount = format!("{}.{:02}", minor / 100, minor % 100);
        let available = Some(Money { currency: account.currency.clone(), amount });
        Ok(Response::new(GetBalanceResponse { account_id: id, available, ..Default::default() }))
    }

    pub(super) async fn list_business_days(
        self: Arc<Self>,
        _: Request<ListBusinessDaysRequest>,
    ) -> Result<Response<ListBusinessDaysResponse>, Status> {
        let days = self.state().days.clone().into_iter();
        let days =
            days.map(|(closed, opened)| BusinessDay { closed, opened, ..Default::default() });
        Ok(Response::new(ListBusinessDaysResponse { days: days.collect(), ..Default::default() }))
    }
}
