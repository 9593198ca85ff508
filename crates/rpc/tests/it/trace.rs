//! What ties log lines, traces and answers of a request together, under a real subscriber.

use std::{
    io::Write,
    sync::{Arc, Mutex, OnceLock},
};

use florin_proto::ops::v1::ListOutboxEventsRequest;
use florin_rpc::{Error, Retry, TraceParent};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tonic::Request;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt as _};

use crate::bench::{Act, Bench, caller, list, quick};

/// The lines of all tests of this process; each test looks for those of its request.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The subscriber of a role, writing where a test can read.
fn lines() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        let provider = SdkTracerProvider::builder().build();
        let spans = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("florin"))
            .with_filter(EnvFilter::new("info"));
        let text = fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .with_filter(EnvFilter::new("info"));
        let subscriber = tracing_subscriber::registry().with(text).with(spans);
        tracing::subscriber::set_global_default(subscriber).unwrap();
        lines
    })
}

fn of_request(id: &str) -> Vec<String> {
    let text = String::from_utf8(lines().0.lock().unwrap().clone()).unwrap();
    text.lines().filter(|line| line.contains(id)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_call_goes_on_in_the_trace_of_the_span_that_makes_it() {
    lines();
    let bench = Bench::start().await;
    let ctx = caller();
    list(&bench.dependency(quick()), &ctx, Retry::Never).await.unwrap();
    let seen = bench.script.seen();
    let inner = bench.script.onward.lock().unwrap().unwrap();
    let received = TraceParent::parse(&seen.traceparent.unwrap()).unwrap();
    // What the handler would send along to the next service.
    assert_eq!(inner.trace_id, received.trace_id);
    assert_ne!(inner.span_id, received.span_id);
}

#[tokio::test]
async fn a_defect_is_logged_with_the_request_id_that_the_caller_is_told() {
    lines();
    let bench = Bench::start().await;
    bench.script.set(Act::Defect);
    let mut request = Request::new(ListOutboxEventsRequest::default());
    request.metadata_mut().insert("x-request-id", "of-the-defect".parse().unwrap());
    let status = bench.operator().list_outbox_events(request).await.unwrap_err();
    assert_eq!(Error::from_status(&status).reason(), "INTERNAL");
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "of-the-defect");
    let told = of_request("of-the-defect");
    let of_handler = told.iter().find(|line| line.contains("row 7 is broken")).unwrap();
    assert!(of_handler.contains("OpsService/ListOutboxEvents"), "{of_handler}");
    assert!(of_handler.contains("trace_id"), "{of_handler}");
}

#[tokio::test]
async fn an_answer_has_its_request_id_and_a_refusal_its_layer_in_the_log() {
    lines();
    let bench = Bench::start().await;
    let answer = bench.operator().list_outbox_events(ListOutboxEventsRequest::default()).await;
    assert_eq!(answer.unwrap().metadata().get("x-request-id").unwrap().as_bytes().len(), 32);
    bench.script.set(Act::UnavailableFurtherIn);
    let mut request = Request::new(ListOutboxEventsRequest::default());
    request.metadata_mut().insert("x-request-id", "of-the-refusal".parse().unwrap());
    bench.operator().list_outbox_events(request).await.unwrap_err();
    let told = loop {
        let told = of_request("of-the-refusal");
        if let Some(line) = told.iter().find(|line| line.contains("florin_rpc::access")) {
            break line.clone();
        }
        tokio::task::yield_now().await;
    };
    for part in ["UNAVAILABLE", "layer=\"breaker\"", "dependency=\"account\"", "address=\"127."] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(told.contains("principal=\"staff\""), "{told}");
}
