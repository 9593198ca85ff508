use super::*;

#[test]
fn every_kind_survives_the_wire_with_one_error_info() {
    for known in florin_proto::REASONS {
        let mut violations = Violations::new();
        violations.add("amount", "TOO_MANY_DECIMALS", "must have at most 2");
        let mut error = Error::new(Reason::InvalidRequest, "text")
            .with("layer", "value")
            .violations(violations)
            .retry_after(Duration::from_secs(3));
        (error.0.kind, error.0.domain) = (known.kind, known.domain.to_owned());
        error.0.reason = known.name.to_owned();
        let status = error.to_status();
        assert_eq!(status.code(), grpc_code(known.kind));
        let again = Error::from_status(&status);
        assert_eq!((again.kind(), again.reason()), (known.kind, known.name));
        let encoded = tonic_types::Status::decode(status.details()).unwrap();
        let infos = encoded.details.iter().filter(|any| any.type_url.ends_with("ErrorInfo"));
        assert_eq!(infos.count(), 1);
        if known.kind != Kind::Internal {
            assert_eq!(again, error);
            assert_eq!(Error::decode(&error.encode()).unwrap(), error);
        }
    }
}

#[test]
fn the_text_of_a_defect_never_leaves() {
    let error = Error::internal("password=hunter2").with("sql", "SELECT secret");
    let status = error.to_status();
    assert_eq!(status.message(), INTERNAL_TEXT);
    let bytes = String::from_utf8_lossy(status.details()).into_owned();
    assert!(!bytes.contains("hunter2") && !bytes.contains("secret"));
}

#[test]
fn a_bare_status_gets_the_reason_of_the_mesh() {
    let cases = [
        (Status::cancelled("Timeout expired"), "DEADLINE_EXCEEDED", Kind::Deadline),
        (Status::unavailable("x"), "UNAVAILABLE", Kind::Unavailable),
        (Status::unimplemented(""), "NOT_FOUND", Kind::Unimplemented),
        (Status::not_found("x"), "NOT_FOUND", Kind::NotFound),
        (Status::unknown("x"), "INTERNAL", Kind::Internal),
        (Status::from_error("connection reset".into()), "UNAVAILABLE", Kind::Unavailable),
    ];
    for (status, reason, kind) in cases {
        let error = Error::from_status(&status);
        assert_eq!((error.reason(), error.kind()), (reason, kind));
        assert_eq!(Error::from_status(&error.to_status()).kind(), kind);
    }
}

#[test]
fn bytes_that_are_no_status_are_a_defect() {
    assert_eq!(Error::decode(&[255, 255]).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn a_thousand_violations_fit_into_a_trailer() {
    let mut violations = Violations::new();
    for at in 0..1_000 {
        let field = format!("transactions[{at}].reference");
        violations.add(field, "REQUIRED", "must not be empty");
    }
    let status = Error::invalid(violations).to_status();
    // In base64, with the other trailers, below the 8 KiB that clients read.
    assert!(status.details().len() < 5_500, "{}", status.details().len());
    let told = Error::from_status(&status);
    assert!(told.field_violations().len() > 50);
    assert_eq!(told.field_violations()[0].field, "transactions[0].reference");
    let left_out: usize = told.metadata()["violations_left_out"].parse().unwrap();
    assert_eq!(told.field_violations().len() + left_out, 1_000);
}
