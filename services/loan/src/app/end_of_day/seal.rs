//! Seals the chunk of a group and makes its bookings.

use florin_store::{StoreError, Tx};

use crate::{
    app::{Lending, loaded::Version},
    domain::gl::GlCodes,
    store::{
        days::{self, Booking, Day},
        positions::{self, Group},
        products,
    },
};

impl Lending {
    /// Seals it where no loan of it waits; false where one does. Bookings are made with the seal: one a
    /// pair of accounts, of what all loans of the chunk came to.
    pub(super) async fn seal(&self, day: &Day, group: &Group) -> Result<bool, StoreError> {
        let gl = self.gl_of(group).await?;
        self.db
            .write(async |tx: Tx| {
                let mut chunk = days::lock_chunk(&tx, day.closed, group).await?;
                if chunk.sealed {
                    return Ok(true);
                }
                let waiting = positions::waiting(&tx, (group, day.through), "", 1).await?;
                if !waiting.is_empty() {
                    return Ok(false);
                }
                chunk.sealed = true;
                days::update_chunk(&tx, day.closed, group, &chunk).await?;
                let pairs = [
                    (
                        "interest",
                        chunk.earned.interest,
                        &gl.interest_receivable,
                        &gl.interest_income,
                    ),
                    ("fee", chunk.earned.fee, &gl.charge_receivable, &gl.fee_income),
                    ("penalty", chunk.earned.penalty, &gl.charge_receivable, &gl.penalty_income),
                ];
                let bookings = pairs.into_iter().filter(|(_, amount, ..)| *amount != 0);
                let bookings: Vec<Booking> = bookings
                    .map(|(pair, amount, asset, income)| {
                        // Less than before: what had accrued is taken back.
                        let (debit, credit) =
                            if amount > 0 { (asset, income) } else { (income, asset) };
                        Booking {
                            reference: reference(day, group, pair),
                            closed: day.closed,
                            currency: group.currency,
                            debit_gl: debit.clone(),
                            credit_gl: credit.clone(),
                            amount: amount.saturating_abs(),
                            booking_date: Some(day.closed),
                            transaction: None,
                            booked_on: None,
                        }
                    })
                    .collect();
                days::book(&tx, &bookings).await?;
                Ok(true)
            })
            .await
    }

    async fn gl_of(&self, group: &Group) -> Result<GlCodes, StoreError> {
        let stored = products::find(self.db.read(), &group.product, group.version).await?;
        let gone =
            || StoreError::Corrupt(format!("no version {} of {}", group.version, group.product));
        Ok(Version::of(&stored.ok_or_else(gone)?)?.conditions.gl)
    }
}

/// The natural reference: once for a day, a version, a pair of accounts and a chunk.
fn reference(day: &Day, group: &Group, pair: &str) -> String {
    let Group { product, version, currency, chunk } = group;
    format!("day/{}/accrual/{product}/{version}/{currency}/{pair}/{chunk}", day.closed)
}
