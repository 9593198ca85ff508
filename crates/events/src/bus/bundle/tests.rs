use florin_kernel::EventId;

use super::*;

fn sent(number: u8, partition: u8, aggregate: &str, replay: i64) -> Outgoing {
    let event = Envelope {
        id: EventId::from_parts(1_700_000_000_000, [number; 10]),
        source: "account".into(),
        kind: "transaction_posted".into(),
        aggregate: aggregate.into(),
        version: i64::from(number),
        payload: Bytes::from(vec![number; 3]),
        partition,
        recorded_at: UnixMicros(1_700_000_000_123_456),
        correlation: "req-1".into(),
        causation: "trf_1".into(),
        traceparent: (number > 1).then(|| "00-0af7-b7ad-01".into()),
        historical: number > 2,
        defect: None,
    };
    Outgoing { event, replay }
}

const PLACE: (u64, UnixMicros) = (9, UnixMicros(1_000_000));

#[test]
fn reads_back_the_bundle_that_it_wrote() {
    let events = [1, 2, 3].map(|number| sent(number, 11, "txn", 0).event);
    let (subject, headers, body) = message("account", &events.each_ref());
    assert_eq!(subject, "florin.account.v1.bundle.11");
    assert!(is_one("account", &subject));
    assert!(!is_one("account", "florin.account.v1.transaction_posted.11"));
    assert!(headers.get("Nats-Msg-Id").is_some());
    assert_eq!(envelopes("account", &subject, &body, PLACE), events);
}

#[test]
fn bundles_of_other_events_have_other_message_ids() {
    let id = |numbers: &[u8]| {
        let events: Vec<_> = numbers.iter().map(|one| sent(*one, 1, "a", 0).event).collect();
        let (_, headers, _) = message("account", &events.iter().collect::<Vec<_>>());
        headers.get("Nats-Msg-Id").map(ToString::to_string).unwrap()
    };
    assert_eq!(id(&[1, 2, 3]), id(&[1, 2, 3]));
    assert_ne!(id(&[1, 2, 3]), id(&[1, 4, 3]));
    assert_ne!(id(&[1, 2]), id(&[1, 2, 3]));
}

#[test]
fn events_of_a_partition_go_together_and_replays_alone_after_them() {
    let events = [
        sent(1, 4, "a", 0),
        sent(2, 7, "b", 0),
        sent(3, 4, "c", 0),
        sent(4, 4, "a", 0),
        sent(5, 4, "a", 17),
        sent(6, 9, "d", 17),
    ];
    let mut first = rounds(&events);
    let second = first.split_off(1);
    let mut first = first.concat();
    first.sort_unstable();
    assert_eq!(first, [vec![0, 2, 3], vec![1], vec![5]]);
    assert_eq!(second, [vec![vec![4]]]);
}

#[test]
fn the_next_event_of_an_aggregate_waits_where_its_bundle_is_full() {
    let count = MAX_EVENTS + 2;
    let name = |at: usize| if at == 0 || at == MAX_EVENTS { "same".into() } else { at.to_string() };
    let events: Vec<_> = (0..count).map(|at| sent(1, 3, &name(at), 0)).collect();
    let rounds = rounds(&events);
    let sizes: Vec<Vec<usize>> =
        rounds.iter().map(|round| round.iter().map(Vec::len).collect()).collect();
    assert_eq!(sizes, [vec![MAX_EVENTS], vec![2]]);
    // Where they have no aggregate in common they go at once.
    let events: Vec<_> = (0..count).map(|at| sent(1, 3, &at.to_string(), 0)).collect();
    assert_eq!(super::rounds(&events).len(), 1);
}

#[test]
fn an_event_that_would_make_a_bundle_too_great_begins_the_next() {
    let great = |number| {
        let mut one = sent(number, 3, &number.to_string(), 0);
        one.event.payload = Bytes::from(vec![0; MAX_BYTES - 420]);
        one
    };
    let events = [sent(1, 3, "a", 0), great(2), sent(3, 3, "c", 0), great(4)];
    let mut units = rounds(&events).concat();
    units.sort_unstable();
    assert_eq!(units, [vec![0, 1], vec![2, 3]]);
    let events = [great(1), great(2), great(3)];
    assert_eq!(rounds(&events).concat().len(), 3);
}

#[test]
fn what_cannot_be_read_is_a_defect_with_a_stable_id_of_its_own() {
    let subject = "florin.account.v1.bundle.3";
    let read =
        |body: &'static [u8]| envelopes("account", subject, &Bytes::from_static(body), PLACE);
    assert_eq!(read(b"\xff").len(), 1);
    assert_eq!(read(b"\xff"), read(b"\xff"));
    assert!(read(b"").iter().all(|one| one.defect.is_some()));
    // Two events without ids between two that are whole.
    let mut bundle = EventBundle { events: vec![wire(&sent(1, 3, "a", 0).event)] };
    bundle.events.extend([OutboxEvent::default(), OutboxEvent::default()]);
    bundle.events.push(wire(&sent(2, 3, "b", 0).event));
    let read = || envelopes("account", subject, &bundle.encode_to_vec().into(), PLACE);
    let broken: Vec<_> = read().iter().map(|one| one.defect.is_some()).collect();
    assert_eq!(broken, [false, true, true, false]);
    assert_ne!(read()[1].id, read()[2].id);
    assert_eq!(read(), read());
}

#[test]
fn an_event_that_cannot_be_decoded_leaves_its_neighbours_and_keeps_what_could_be_read() {
    let whole = |number| wire(&sent(number, 3, &format!("a{number}"), 0).event).encode_to_vec();
    let mut torn = whole(2);
    // The payload says that it is longer than its message.
    let end = torn.len() - 1;
    torn.truncate(end);
    let packed = Packed { events: vec![whole(1).into(), torn.into(), whole(3).into()] };
    let subject = "florin.account.v1.bundle.3";
    let read = envelopes("account", subject, &packed.encode_to_vec().into(), PLACE);
    let broken: Vec<_> = read.iter().map(|one| one.defect.is_some()).collect();
    assert_eq!(broken, [false, true, false]);
    assert_eq!((read[0].aggregate.as_str(), read[2].aggregate.as_str()), ("a1", "a3"));
    assert_eq!((read[1].aggregate.as_str(), read[1].version), ("a2", 2));
    assert!(is_kind(&read[1].kind), "no reader may pass over it");
    assert_ne!(read[1].id, sent(2, 3, "a2", 0).event.id);
}

#[test]
fn of_a_bundle_of_very_many_events_none_is_passed_over() {
    let count = usize::from(u16::MAX) + 9;
    let bundle = EventBundle { events: vec![OutboxEvent::default(); count] };
    let subject = "florin.account.v1.bundle.3";
    let read = envelopes("account", subject, &bundle.encode_to_vec().into(), PLACE);
    let ids: std::collections::HashSet<_> = read.iter().map(|one| one.id).collect();
    assert_eq!((read.len(), ids.len()), (count, count));
}
