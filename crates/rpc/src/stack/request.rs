//! What travels with a call: deadline, token, key and trace.

use std::time::Duration;

use tonic::{Request, metadata::MetadataValue};

use crate::{CallContext, Error, TraceParent};

/// A request that ends when `left` is over.
pub fn request_with<T>(ctx: &CallContext, message: T, left: Duration) -> Result<Request<T>, Error> {
    let mut request = Request::new(message);
    request.set_timeout(left);
    fill(ctx, request)
}

/// Puts token, key, trace and request id of the context into the metadata.
pub fn fill<T>(ctx: &CallContext, mut request: Request<T>) -> Result<Request<T>, Error> {
    let trace = TraceParent::current().or_else(|| {
        ctx.traceparent.as_deref().and_then(TraceParent::parse).map(TraceParent::child)
    });
    let bearer = ctx.bearer.as_ref().map(|token| format!("Bearer {token}"));
    let entries = [
        ("authorization", bearer),
        ("idempotency-key", ctx.idempotency_key.clone()),
        ("traceparent", Some(trace.unwrap_or_else(TraceParent::fresh).to_string())),
        ("x-request-id", Some(ctx.request_id.clone())),
    ];
    for (name, value) in entries {
        let Some(value) = value else { continue };
        let mut value = MetadataValue::try_from(value)
            .map_err(|_| Error::internal(format!("{name} cannot travel as metadata")))?;
        // Keeps the token out of debug output and of HPACK's table.
        value.set_sensitive(name == "authorization");
        request.metadata_mut().insert(name, value);
    }
    Ok(request)
}
