//! The body of a request, read within bounds. What nobody asked for is read and thrown away
//! too: a server that answers with a body unread can only close the connection, and a client
//! that keeps connections would lose its next request with it.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use florin_proto::common::v1::Reason;
use florin_rpc::Error;
use http::{header, request::Parts as Head};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::Refused;

/// How much of a body above the limit is read and thrown away, as a multiple of the limit,
/// so that its sender reads the answer instead of a broken connection.
const DISCARDED: usize = 16;
/// How much of a body that nobody asked for is thrown away, in bytes.
const LEFT_BYTES: usize = 1024 * 1024;
/// How long that may take.
const LEFT_TIME: Duration = Duration::from_millis(500);

/// The body of a request.
pub struct Sent {
    body: Body,
    ended: bool,
}

impl Sent {
    /// Nothing is read yet.
    pub const fn new(body: Body) -> Self {
        Self { body, ended: false }
    }

    /// Reads the whole body within a size and a time.
    pub async fn read(&mut self, limit: usize, within: Duration) -> Result<Bytes, Refused> {
        let error = match timeout(within, self.collect(limit)).await {
            Ok(Ok(Some(collected))) => return Ok(collected),
            Ok(Ok(None)) => {
                let words = format!("the body may have at most {limit} bytes");
                Error::new(Reason::BodyTooLarge, words).with("limit_bytes", limit.to_string())
            }
            Ok(Err(_)) => Error::new(Reason::Cancelled, "the body ended early"),
            Err(_) => Error::new(Reason::DeadlineExceeded, "the body did not come in time"),
        };
        Err(Box::new(error.into()))
    }

    /// Throws away what was not read; whether all of it was, so that the connection can go on.
    pub async fn leave(&mut self, head: &Head) -> bool {
        // Who waits for leave to send has not sent, and need not.
        if self.ended || head.headers.contains_key(header::EXPECT) {
            return self.ended;
        }
        // Within the time or not at all: what matters is only whether the body has ended.
        drop(timeout(LEFT_TIME, self.discard(LEFT_BYTES)).await);
        self.ended
    }

    /// The whole body; None where it is above the limit.
    async fn collect(&mut self, limit: usize) -> Result<Option<Bytes>, axum::Error> {
        let mut kept = BytesMut::new();
        while let Some(frame) = self.body.frame().await {
            let Ok(chunk) = frame?.into_data() else { continue };
            if kept.len().saturating_add(chunk.len()) > limit {
                let most = limit.saturating_mul(DISCARDED);
                self.discard(most).await?;
                return Ok(None);
            }
            kept.extend_from_slice(&chunk);
        }
        self.ended = true;
        Ok(Some(kept.freeze()))
    }

    async fn discard(&mut self, most: usize) -> Result<(), axum::Error> {
        let mut seen = 0_usize;
        while let Some(frame) = self.body.frame().await {
            let Ok(chunk) = frame?.into_data() else { continue };
            seen = seen.saturating_add(chunk.len());
            if seen > most {
                return Ok(());
            }
        }
        self.ended = true;
        Ok(())
    }
}
