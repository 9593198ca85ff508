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
    // 20 ms, from which what the message takes comes off: the quickest of some calls shows it.
    let mut kept = Duration::ZERO;
    for _ in 0..100 {
        ctx.deadline = Some(Instant::now() + Duration::from_secs(30));
        list(&dependency, &ctx, Retry::Never).await.unwrap();
        let inner = bench.script.seen().deadline.unwrap();
        kept = kept.max(ctx.deadline.unwrap().saturating_duration_since(inner));
        if kept >= Duration::from_millis(5) {
            break;
        }
    }
    assert!(kept >= Duration::from_millis(5) && kept < Duration::from_secs(2), "{kept:?}");
    let inner = bench.script.seen();
    assert_eq!(inner.request_id, ctx.request_id);
    let trace = |text: Option<String>| TraceParent::parse(&text.unwrap()).unwrap();
    assert_eq!(trace(inner.traceparent).trace_id, trace(ctx.traceparent).trace_id);
}

#[tokio::test]
async fn without_a_deadline_the_default_one_counts() {
    let bench = Bench::start().await;
    let dependency = bench.dependency(quick());
    let before = Instant::now();
    list(&dependency, &caller(), Retry::Never).await.unwrap();
    // 5 s from some moment of the call, however long it took.
    let deadline = bench.script.seen().deadline.unwrap();
    assert!(deadline > before + Duration::from_secs(4));
    assert!(deadline <= Instant::now() + Duration::from_secs(5));
}

#[tokio::test]
async fn a_late_call_ends_at_the_deadline_and_names_who_was_late() {
    let bench = Bench::start().await;
    let dependency = bench.dependency(quick());
    let mut ctx = caller();
    // The first call connects meanwhile.
    list(&dependency, &ctx, Retry::Never).await.unwrap();
    bench.script.set(Act::Hang);
    ctx.deadline = Some(Instant::now() + Duration::from_secs(2));
    // Keyed, so that a retry would be made if a late call were retried.
    let call = list(&dependency, &ctx, Retry::Keyed);
    let ended = tokio::time::timeout(Duration::from_secs(60), call).await;
    let error = ended.expect("the call ends at its deadline").unwrap_err();
    assert_eq!(error.reason(), "DEADLINE_EXCEEDED");
    assert_eq!(bench.script.calls(), 2);
    assert!(error.metadata().contains_key("layer"), "{error:?}");

    ctx.deadline = Some(Instant::now());
    let error = list(&dependency, &ctx, Retry::Keyed).await.unwrap_err();
    assert_eq!(error.metadata()["cause"], "passed before the call");
    assert_eq!(bench.script.calls(), 2, "a call whose time is over is not made");
}

#[tokio::test]
async fn a_late_answer_that_names_nobody_is_the_dependency_s() {
    let bench = Bench::start().await;
    let dependency = bench.dependency(quick());
    // As tonic's own timer ends a call, which may come before ours.
    bench.script.set(Act::Bare(Code::DeadlineExceeded));
    let error = list(&dependency, &caller(), Retry::Keyed).await.unwrap_err();
    assert_eq!(error.reason(), "DEADLINE_EXCEEDED");
    assert_eq!(error.metadata()["layer"], "deadline");
    assert_eq!(error.metadata()["dependency"], "payment");
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
    request.metadata_mut().insert("grpc-timeout", "8S".parse().unwrap());
    let mut stream = client.export_transfers(request).await.unwrap().into_inner();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(Error::from_status(&status).reason(), "DEADLINE_EXCEEDED");
}
