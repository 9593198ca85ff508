//! What NATS lets each role do: publish under its own prefix, own its stream, read through
//! its own consumers. A role is known by the SPIFFE id in its certificate (`verify_and_map`).

use florin_kernel::Role;

/// The authorization block, one user a role that has events. Names as `events` makes them:
/// stream `FLORIN_ROLE`, a durable consumer a reader, named after the reader.
pub fn permissions() -> String {
    let mut text = String::from(
        "# Written by `florin certs`; goes into the server's configuration by `include`.\n\
         # A user is the SPIFFE id of a role's certificate: tls { verify_and_map: true }.\n\
         authorization {\n  users = [\n",
    );
    for role in Role::ALL.iter().filter(|role| role.is_service()) {
        text.push_str(&user(*role));
    }
    text.push_str("  ]\n}\n");
    text
}

fn user(role: Role) -> String {
    let (name, stream) = (role.name(), format!("FLORIN_{}", role.name().to_uppercase()));
    let publish = [
        format!("florin.{name}.>"),
        "$JS.API.INFO".to_owned(),
        "$JS.API.STREAM.INFO.*".to_owned(),
        format!("$JS.API.STREAM.CREATE.{stream}"),
        format!("$JS.API.STREAM.UPDATE.{stream}"),
        format!("$JS.API.CONSUMER.INFO.*.{name}"),
        format!("$JS.API.CONSUMER.CREATE.*.{name}"),
        format!("$JS.API.CONSUMER.CREATE.*.{name}.>"),
        format!("$JS.API.CONSUMER.DURABLE.CREATE.*.{name}"),
        format!("$JS.API.CONSUMER.MSG.NEXT.*.{name}"),
        format!("$JS.ACK.*.{name}.>"),
        // With domain and account in front, as newer servers address acknowledgements.
        format!("$JS.ACK.*.*.*.{name}.>"),
    ];
    let list = |items: &[String]| {
        items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "    {{ user = \"{}\", permissions = {{ publish = {{ allow = [{}] }}, subscribe = {{ allow = [\"_INBOX.{name}.>\"] }} }} }},\n",
        role.spiffe(),
        list(&publish)
    )
}
