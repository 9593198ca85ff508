//! Tells how far the orders of a business date are.

use florin_kernel::Date;
use florin_proto::common::v1::DayStep;
use florin_store::StoreError;

use super::Payment;
use crate::store;

impl Payment {
    /// What of a business date, or of one before, is left to be run. Open also while nobody has
    /// told that the date has come.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn day_work(&self, date: Date) -> Result<Vec<DayStep>, StoreError> {
        let open = store::orders::count_due(self.db.read(), date).await?;
        let is_known = self.books.known().is_some_and(|known| known >= date);
        let step = "orders".to_owned();
        Ok(vec![DayStep { step, done: is_known && open == 0, open }])
    }
}
