//! A contract of its own for what Florin's does not use: additional bindings, a body or an
//! answer of one field, wrappers, repeated parameters.

use std::path::Path;

use florin_gateway::Catalogue;
use florin_proto::policy::{Idempotency, MethodPolicy, Own};

const PROTO: &str = r#"
syntax = "proto3";
package florin.account.v1trial;
import "google/api/annotations.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

service Trial {
  rpc Get(Record) returns (Record) {
    option (google.api.http) = {
      get: "/t/{name}"
      additional_bindings { get: "/t/{inner.text}/of/{name=a/*}" }
      additional_bindings { post: "/t:find" body: "*" }
      additional_bindings { put: "/t/{inner.text}" body: "inner" }
      additional_bindings { patch: "/t/{inner.text}" body: "inner" response_body: "inner" }
      additional_bindings { delete: "/n/{number}/{shade}/{yes}" }
      additional_bindings { custom { kind: "REPORT" path: "/t" } }
    };
  }
}

enum Shade {
  SHADE_UNSPECIFIED = 0;
  SHADE_DARK = 1;
  SHADE_LIGHT = 7;
}

message Inner {
  string text = 1;
  int32 count = 2;
  Shade shade = 3;
  Inner deeper = 4;
  repeated int64 big_numbers = 5;
}

message Record {
  string name = 1;
  Inner inner = 2;
  repeated string words = 3;
  repeated Shade shades = 4;
  int64 number = 5;
  bool yes = 6;
  google.protobuf.Timestamp at = 7;
  google.protobuf.FieldMask update_mask = 8;
  google.protobuf.Int32Value maybe = 9;
  google.protobuf.Duration for = 10;
  Shade shade = 11;
  repeated Inner many = 12;
  map<string, int32> ages = 13;
  oneof choice {
    string left = 14;
    string right = 15;
  }
  bytes raw = 16;
  google.protobuf.BoolValue perhaps = 17;
}
"#;

static POLICY: MethodPolicy = MethodPolicy {
    path: "/florin.account.v1trial.Trial/Get",
    callers: &["gateway"],
    scopes: &[],
    roles: &[],
    own: Own::None,
    idempotency: Idempotency::None,
    success_status: 200,
    reasons: &[],
    item_reasons: &[],
};

/// The routes of the trial contract.
pub fn catalogue() -> Catalogue {
    catalogue_of(PROTO).unwrap()
}

fn catalogue_of(text: &str) -> anyhow::Result<Catalogue> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("trial.proto"), text).unwrap();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let mut compiler = protox::Compiler::new([folder.path(), contract.as_path()]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_file("trial.proto").unwrap();
    Catalogue::read(&compiler.descriptor_pool(), |_| Some(&POLICY))
}

#[test]
fn refuses_a_contract_that_cannot_be_served() {
    for (from, to) in [
        ("get: \"/t/{name}\"", "get: \"/t/{nobody}\""),
        ("get: \"/t/{name}\"", "get: \"/t/{inner}\""),
        ("get: \"/t/{name}\"", "get: \"/t/{words}\""),
        ("get: \"/t/{name}\"", "get: \"/t/{name\""),
        ("body: \"inner\"", "body: \"nobody\""),
        ("response_body: \"inner\"", "response_body: \"nobody\""),
        ("get: \"/t/{inner.text}/of/{name=a/*}\"", "get: \"/t/{left}\""),
        ("returns (Record)", "returns (stream Record)"),
    ] {
        assert!(PROTO.contains(from));
        assert!(catalogue_of(&PROTO.replace(from, to)).is_err(), "{to}");
    }
}
