//! The call to the owning service: encoded bytes there, encoded bytes back.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf as _, BufMut as _, Bytes};
use florin_proto::policy::{Idempotency, MethodPolicy};
use florin_rpc::{CallContext, Dependency, Error, Retry};
use http::uri::PathAndQuery;
use tonic::{
    Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{Ascii, MetadataValue},
};

/// The largest answer that is taken from a service.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// What a service answered.
#[derive(Debug)]
pub struct Reply {
    /// The encoded message, or the refusal.
    pub outcome: Result<Bytes, Error>,
    /// Whether it is the stored answer to the same key; refusals are stored too.
    pub replayed: bool,
}

/// Calls the method of a policy with an encoded message, and asks the service to wait for an end
/// state for as long as the context says.
pub async fn call(
    dependency: &Dependency,
    context: &CallContext,
    policy: &'static MethodPolicy,
    message: Bytes,
) -> Reply {
    // What was read of all the client's lines is sent, not the lines: both sides wait alike.
    let prefer = (!context.wait.is_zero()).then(|| format!("wait={}", context.wait.as_secs()));
    let prefer = prefer.and_then(|wish| MetadataValue::<Ascii>::try_from(wish).ok());
    let retry = match policy.idempotency {
        Idempotency::None => Retry::Read,
        Idempotency::Required | Idempotency::PerItem | Idempotency::Natural => Retry::Keyed,
    };
    let path = PathAndQuery::from_static(policy.path);
    let replayed = AtomicBool::new(false);
    let outcome = dependency
        .call(context, policy.path, retry, message, |channel, mut request| {
            let (path, prefer, replayed) = (path.clone(), prefer.clone(), &replayed);
            async move {
                if let Some(prefer) = prefer {
                    request.metadata_mut().insert("prefer", prefer);
                }
                let mut client = Grpc::new(channel).max_decoding_message_size(ANSWER_LIMIT_BYTES);
                client.ready().await.map_err(|error| Status::from_error(error.into()))?;
                let answer = client.unary(request, path, BytesCodec).await;
                let metadata = match &answer {
                    Ok(response) => response.metadata(),
                    Err(status) => status.metadata(),
                };
                let mark = metadata.get("idempotent-replayed");
                let mark = mark.is_some_and(|value| value.as_bytes() == b"true");
                replayed.store(mark, Ordering::Relaxed);
                answer
            }
        })
        .await;
    Reply { outcome, replayed: replayed.into_inner() }
}

/// Messages that are encoded already.
#[derive(Debug, Clone, Copy)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
