//! The section `[services]`: what holds for every service that does not say otherwise in its
//! own section, with `{role}` in place of its name.

use config::{Map, Value, ValueKind};
use florin_kernel::Role;

/// How the example shows it.
pub(super) const EXAMPLE: &str = "
# What holds for every service that does not say otherwise in its own section: listen,
# address and database. {role} stands for the service's name.
# [services]
# listen = \"0.0.0.0:7400\"
# address = \"{role}:7400\"
# [services.database]
# url = \"postgres://{role}:password@host/{role}?sslmode=verify-full\"
";

/// A service's section over what holds for all.
pub(super) fn overlay(
    for_all: &Map<String, Value>,
    mut own: Map<String, Value>,
    role: Role,
) -> Map<String, Value> {
    for (key, value) in for_all {
        let filled = match own.remove(key) {
            None => fill(value, role),
            Some(mine) => {
                if let (ValueKind::Table(theirs), ValueKind::Table(ours)) =
                    (&value.kind, &mine.kind)
                {
                    Value::new(None, overlay(theirs, ours.clone(), role))
                } else {
                    mine
                }
            }
        };
        own.insert(key.clone(), filled);
    }
    own
}

/// The value with the role's name in its texts.
fn fill(value: &Value, role: Role) -> Value {
    if let ValueKind::String(text) = &value.kind {
        Value::new(None, text.replace("{role}", role.name()))
    } else if let ValueKind::Table(table) = &value.kind {
        Value::new(None, overlay(table, Map::new(), role))
    } else {
        value.clone()
    }
}
