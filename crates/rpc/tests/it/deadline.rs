//! Deadlines: handed on and shaved, kept by both sides, ending as DEADLINE_EXCEEDED.

use std::time::{Duration, Instant};

use florin_proto::payment::v1::{
    ExportTransfersRequest, payment_service_client::PaymentServiceClient,
};
use florin_rpc::{Error, Retry, Role, TraceParent, tls::Connector};
use http_body_util::Full;
use hyper_util::rt::TokioExecutor;
use tonic::{Code, Request, Status, codegen::Bytes};
use tower::Service as _;

use crate::bench::{Act, Bench, LIST, caller, list, quick};

#[tokio::test]
async fn the_deadline_travels_and_each_hop_keeps_some_of_it() {
    let bench = Bench::start().await;
    let dependency = bench.dependency(quick());
    let mut ctx = caller();
    // The first call connects meanwhile, and a timeout on the wire is relative.
    list(&dependency, &ctx, Retry::Never).await.unwrap();
    ctx.deadline = Some(Instant::now() + Duration::from_secs(30));
    list(&dependency, &ctx, Retry::Never).await.unwrap();
    let inner = bench.script.seen();
    let kept = ctx.deadline.unwrap().saturating_duration_since(inner.deadline.unwrap());
    // 20 ms less what the message took, and what tonic rounds off.
    assert!(kept >= Duration::from_millis(5) && kept < Duration::from_secs(2), "{kept:?}");
    assert_eq!(inner.request_id, ctx.request_id);
    let trace = |text: Option<String>| TraceParent::parse(&text.unwrap()).unwrap();
    assert_eq!(trace(inner.traceparent).trace_id, trace(ctx.traceparent).trace_id);
}

#[tokio::test]
async fn without_a_deadline_the_default_one_counts() {
    let bench = Bench::start().await;
    let dependency = bench.dependency(quick());
    list(&dependency, &caller(), Retry::Never).await.unwrap();
    let left = bench.script.seen().time_left().unwrap();
    assert!(left <= Duration::from_secs(5) && left > Duration::from_secs(2), "{left:?}");
}

#[tokio::test]
async fn a_late_call_ends_at_the_deadline_and_names_who_was_late() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    let dependency = bench.dependency(quick());
    let mut ctx = caller();
    let start = Instant::now();
    ctx.deadline = Some(start + Duration::from_millis(300));
    // Keyed, so that a retry would be made if a late call were retried.
    let error = list(&dependency, &ctx, Retry::Keyed).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(3));
    assert_eq!(error.reason(), "DEADLINE_EXCEEDED");
    assert_eq!(bench.script.calls(), 1);
    assert!(error.metadata().contains_key("layer"), "{error:?}");

    ctx.deadline = Some(Instant::now());
    let error = list(&dependency, &ctx, Retry::Keyed).await.unwrap_err();
    assert_eq!(error.metadata()["cause"], "passed before the call");
    assert_eq!(bench.script.calls(), 1, "a call whose time is over is not made");
}

#[tokio::test]
async fn the_server_ends_a_handler_at_the_callers_deadline() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    // Past tonic's client, which would watch the time itself.
    let mut connector =
        Connector::new(Role::Payment, bench.address.into(), bench.identity("operator-eva"));
    let stream = connector.call(http::Uri::from_static("http://florin.bank")).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let empty_message = Full::new(Bytes::from_static(&[0; 5]));
    let request = http::Request::post(format!("http://florin.bank{LIST}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "150m")
        .body(empty_message)
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let error = Error::from_status(&status);
    assert_eq!(error.reason(), "DEADLINE_EXCEEDED");
    assert_eq!(error.metadata()["layer"], "server");
    assert!(bench.metrics.encode().contains("code=\"DEADLINE_EXCEEDED\"} 1"));
}

#[tokio::test]
async fn a_stream_ends_at_the_deadline_too() {
    let bench = Bench::start().await;
    let mut client = PaymentServiceClient::new(bench.channel("operator-eva"));
    let mut request = Request::new(ExportTransfersRequest::default());
    request.metadata_mut().insert("grpc-timeout", "2S".parse().unwrap());
    let mut stream = client.export_transfers(request).await.unwrap().into_inner();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(Error::from_status(&status).reason(), "DEADLINE_EXCEEDED");
}
