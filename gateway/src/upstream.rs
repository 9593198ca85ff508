//! The call to the owning service: encoded bytes there, encoded bytes back.

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
#[derive(Debug, Clone)]
pub struct Reply {
    /// The encoded message.
    pub body: Bytes,
    /// Whether it is the stored answer to the same key.
    pub replayed: bool,
}

/// Calls the method of a policy with an encoded message.
///
/// # Errors
/// The service's refusal, or the call stack's.
pub async fn call(
    dependency: &Dependency,
    context: &CallContext,
    policy: &'static MethodPolicy,
    message: Bytes,
    prefer: Option<MetadataValue<Ascii>>,
) -> Result<Reply, Error> {
    let retry = match policy.idempotency {
        Idempotency::None => Retry::Read,
        Idempotency::Required | Idempotency::PerItem => Retry::Keyed,
    };
    let path = PathAndQuery::from_static(policy.path);
    dependency
        .call(context, policy.path, retry, message, |channel, mut request| {
            let (path, prefer) = (path.clone(), prefer.clone());
            async move {
                if let Some(prefer) = prefer {
                    request.metadata_mut().insert("prefer", prefer);
                }
                let mut client = Grpc::new(channel).max_decoding_message_size(ANSWER_LIMIT_BYTES);
                client.ready().await.map_err(|error| Status::from_error(error.into()))?;
                let response = client.unary(request, path, BytesCodec).await?;
                let replayed = response.metadata().get("idempotent-replayed");
                let replayed = replayed.is_some_and(|value| value.as_bytes() == b"true");
                Ok(response.map(|body| Reply { body, replayed }))
            }
        })
        .await
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
