//! The lines of schedules: a projection of the plans of a loan.

use florin_kernel::LoanId;
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};

use crate::domain::{
    book::Book,
    plan::{Line, LineKind},
};

const COLUMNS: [(&str, Column); 11] = [
    ("loan_id", Column::Text),
    ("plan", Column::Int),
    ("number", Column::Int),
    ("down_payment", Column::Bool),
    ("from_on", Column::Text),
    ("due_on", Column::Text),
    ("principal", Column::Int),
    ("interest", Column::Int),
    ("earned", Column::Int),
    ("fee", Column::Int),
    ("balance", Column::Int),
];

/// Writes the schedules of a loan, which this transaction has locked, as its book has them.
///
/// # Errors
/// Those of the database.
pub async fn replace(tx: &Tx, loan: LoanId, book: &Book) -> Result<(), StoreError> {
    let id = loan.to_string();
    let delete = "DELETE FROM schedule_lines WHERE loan_id = $1";
    sql::execute(tx, delete, [id.as_str().into()]).await?;
    let former = book.former().iter().map(|former| &former.plan);
    let plans = former.chain([book.plan()]);
    let rows = (0_i64..).zip(plans).flat_map(|(number, plan)| {
        let id = id.as_str();
        plan.schedule().into_iter().map(move |line| to_row(id, number, &line))
    });
    rows::insert_many(tx, "schedule_lines", &COLUMNS, rows.collect()).await.map(drop)
}

fn to_row(id: &str, plan: i64, line: &Line) -> rows::Row {
    row! {
        "loan_id": id.to_owned(),
        "plan": plan,
        "number": i64::from(line.number),
        "down_payment": line.kind == LineKind::DownPayment,
        "from_on": line.from.to_string(),
        "due_on": line.due.to_string(),
        "principal": line.principal,
        "interest": line.interest,
        "earned": line.earned,
        "fee": line.fee,
        "balance": line.balance,
    }
}
