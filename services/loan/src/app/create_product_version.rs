//! Makes a version of a product.

use florin_kernel::Violations;
use florin_proto::{
    loan::v1::{CreateProductVersionRequest, CreateProductVersionResponse, ProductVersion},
    timestamp,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{StoreError, Tx, audit};
use prost::Message as _;
use tonic::{Response, Status};

use super::{Lending, loaded::Version, reads::violation};
use crate::{
    domain::product::Versions,
    grpc::convert::{ReadProduct, read_product},
    store::products::{self, StoredVersion},
};

impl Lending {
    /// Makes the next version of a product, or a product with its first.
    ///
    /// # Errors
    /// Every violated field at once; `GL_ACCOUNT_NOT_FOUND`, `GL_ACCOUNT_IS_CONTROL`.
    pub async fn create_product_version(
        &self,
        ctx: &CallContext,
        request: CreateProductVersionRequest,
    ) -> Result<Response<CreateProductVersionResponse>, Status> {
        let Some(wire) = &request.product else {
            return Err(violation("product", "REQUIRED", "must be given").into());
        };
        let read = read_product(wire, "product.").map_err(Error::invalid)?;
        let today = self.books.today(ctx).await?;
        if read.product.valid_from() < today {
            let words = format!("must not be before the business date {today}");
            return Err(violation("product.valid_from", "NOT_LATER", &words).into());
        }
        self.chart_has(ctx, &read.conditions.gl).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let made = add(&tx, &read).await?;
            let entry = audit::Entry {
                actor: ctx.principal.scope_key(),
                on_behalf_of: None,
                method: ctx.method.to_owned(),
                reference: format!("{}/{}", made.code, made.version),
                at: made.created_at,
            };
            audit::record(&tx, entry).await?;
            let version = Some(wire_version(&made)?);
            Ok::<_, Failure>(CreateProductVersionResponse { version })
        })
        .await
    }
}

/// Keeps the next version, under the lock of its product.
async fn add(tx: &Tx, read: &ReadProduct) -> Result<StoredVersion, Failure> {
    let product = &read.product;
    let version = products::next_version(tx, product.code(), product.currency()).await?;
    let mut before = Versions::default();
    if let Some(last) = version.checked_sub(1).filter(|last| *last > 0) {
        let stored = products::find(tx, product.code(), last).await?;
        let stored = stored.ok_or_else(|| {
            StoreError::Corrupt(format!("{} has no version {last}", product.code()))
        })?;
        before.add(Version::of(&stored)?.product).map_err(Error::invalid)?;
    }
    before.add(product.clone()).map_err(|found| Error::invalid(below(found)))?;
    let new = StoredVersion {
        code: product.code().to_owned(),
        version,
        valid_from: product.valid_from().to_string(),
        payload: read.wire.encode_to_vec(),
        created_at: tx.now().await?,
    };
    products::insert(tx, &new).await?;
    Ok(new)
}

fn below(found: Violations) -> Violations {
    let mut all = Violations::new();
    for one in found.into_inner() {
        all.add(format!("product.{}", one.field), one.rule, one.description);
    }
    all
}

/// A version as it is told.
pub(super) fn wire_version(stored: &StoredVersion) -> Result<ProductVersion, StoreError> {
    let version = Version::of(stored)?;
    Ok(ProductVersion {
        version: i32::try_from(version.number).unwrap_or(i32::MAX),
        product: Some(version.wire),
        created_at: Some(timestamp(stored.created_at)),
    })
}
