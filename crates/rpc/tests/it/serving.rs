//! The server's own business: health, reflection, panics, bare errors, the drain.

use std::time::{Duration, Instant};

use florin_proto::ops::v1::ListOutboxEventsRequest;
use florin_rpc::{
    Error, Retry,
    health::{
        ServingStatus,
        wire::{HealthCheckRequest, HealthListRequest, health_client::HealthClient},
    },
};
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::bench::{Act, Bench, DRAIN, caller, quick};

const OPS: &str = "florin.ops.v1.OpsService";

#[tokio::test]
async fn health_is_checked_listed_and_watched_by_its_specification() {
    let bench = Bench::start().await;
    // Any certificate of ours will do, and no token is asked for.
    let mut client = HealthClient::new(bench.channel("client-till"));
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let status = client.check(ask(OPS)).await.unwrap().into_inner().status();
    assert_eq!(status, ServingStatus::Serving);
    assert_eq!(client.check(ask("nobody")).await.unwrap_err().code(), Code::NotFound);
    let listed = client.list(HealthListRequest {}).await.unwrap().into_inner().statuses;
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[""].status(), ServingStatus::Serving);

    let mut known = client.watch(ask(OPS)).await.unwrap().into_inner();
    let mut unknown = client.watch(ask("later")).await.unwrap().into_inner();
    assert_eq!(known.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    bench.health.set(OPS, ServingStatus::NotServing);
    assert_eq!(known.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    bench.health.set("later", ServingStatus::Serving);
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    bench.shutdown.cancel();
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(unknown.message().await.unwrap().is_none(), "watchers end with the server");
    bench.serving.await.unwrap();
}

#[tokio::test]
async fn reflection_lists_what_is_served_here_and_nothing_else() {
    let bench = Bench::start().await;
    let mut client = ServerReflectionClient::new(bench.channel("operator-eva"));
    let ask =
        |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(OPS.to_owned())),
    ];
    let answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap();
    let answers: Vec<_> = answers.into_inner().map(|answer| answer.unwrap()).collect().await;
    let Some(MessageResponse::ListServicesResponse(list)) = &answers[0].message_response else {
        panic!("{answers:?}");
    };
    let mut names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "florin.ops.v1.OpsService",
        "florin.payment.v1.PaymentService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
    ];
    assert_eq!(names, expected);
    assert!(matches!(
        answers[1].message_response,
        Some(MessageResponse::FileDescriptorResponse(_))
    ));

    let mut old =
        tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient::new(
            bench.channel("operator-eva"),
        );
    let request = tonic_reflection::pb::v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            ),
        ),
    };
    old.server_reflection_info(tokio_stream::once(request)).await.unwrap();
}

#[tokio::test]
async fn every_failure_carries_exactly_one_reason() {
    let bench = Bench::start().await;
    let mut client = bench.operator();
    for (act, code, reason) in [
        (Act::Panic, Code::Internal, "INTERNAL"),
        (Act::Bare(Code::Unknown), Code::Internal, "INTERNAL"),
        (Act::Bare(Code::NotFound), Code::NotFound, "NOT_FOUND"),
        (Act::Bare(Code::OutOfRange), Code::ResourceExhausted, "BODY_TOO_LARGE"),
        (Act::Refuse, Code::NotFound, "DEAD_LETTER_NOT_FOUND"),
    ] {
        bench.script.set(act);
        let status =
            client.list_outbox_events(ListOutboxEventsRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), code, "{act:?}");
        assert_eq!(Error::from_status(&status).reason(), reason, "{act:?}");
        assert!(!status.message().contains("scripted"), "internal text stays inside");
    }
    // The server goes on after a panic.
    bench.script.set(Act::Answer);
    client.list_outbox_events(ListOutboxEventsRequest::default()).await.unwrap();
    let text = bench.metrics.encode();
    let counted = format!("method=\"/{OPS}/ListOutboxEvents\",code=\"INTERNAL\"}} 2");
    assert!(text.contains(&counted), "{text}");
    let ended =
        format!("florin_rpc_in_flight{{role=\"payment\",method=\"/{OPS}/ListOutboxEvents\"}} 0");
    assert!(text.contains(&ended), "{text}");
}

#[tokio::test]
async fn a_method_that_is_not_served_is_unimplemented() {
    use florin_proto::account::v1::{
        GetAccountRequest, account_service_client::AccountServiceClient,
    };
    let bench = Bench::start().await;
    let mut client = AccountServiceClient::new(bench.channel("operator-eva"));
    let status = client.get_account(GetAccountRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(Error::from_status(&status).reason(), "NOT_FOUND");
}

#[tokio::test]
async fn a_dependency_that_lacks_a_method_is_of_another_version_and_not_our_caller_s_mistake() {
    use florin_proto::account::v1::{
        GetAccountRequest, account_service_client::AccountServiceClient,
    };
    let bench = Bench::start().await;
    let dependency = bench.dependency(quick());
    let error = dependency
        .call(
            &caller(),
            "/florin.account.v1.AccountService/GetAccount",
            Retry::Never,
            GetAccountRequest::default(),
            |channel, request| async {
                AccountServiceClient::new(channel).get_account(request).await
            },
        )
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "UNAVAILABLE");
    assert_eq!(error.metadata()["layer"], "version");
    assert_eq!(error.metadata()["dependency"], "payment");
}

#[tokio::test]
async fn the_drain_lets_calls_end_and_is_bounded() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let mut client = bench.operator();
            tokio::spawn(async move {
                client.list_outbox_events(ListOutboxEventsRequest::default()).await
            })
        })
        .collect();
    while bench.script.calls() < 2 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    bench.shutdown.cancel();
    // One call ends within the drain and is answered, the other never ends and is cut.
    bench.script.release.notify_one();
    bench.serving.await.unwrap();
    assert!(start.elapsed() >= DRAIN, "the drain was used");
    assert!(start.elapsed() < Duration::from_secs(60), "and bounded");
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.unwrap().map(drop));
    }
    outcomes.sort_by_key(Result::is_err);
    assert!(outcomes[0].is_ok());
    let cut = Error::from_status(outcomes[1].as_ref().unwrap_err());
    assert_eq!(cut.reason(), "UNAVAILABLE", "{:?}", outcomes[1]);
    assert!(tokio::net::TcpStream::connect(bench.address).await.is_err(), "nobody listens");
}
