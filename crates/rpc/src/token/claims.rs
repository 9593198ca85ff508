//! The principal that a token's claims make, in the one place that makes it.

use std::collections::BTreeMap;

use florin_kernel::CustomerId;
use serde::Deserialize;
use serde_json::Value;

use super::IssuerConfig;
use crate::{Principal, PrincipalKind, clock};

/// Which claims make the principal. A dot goes into an object: `realm_access.roles`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// Names the customer: `cus_...`. A token that has it acts as that customer.
    pub customer: String,
    /// The staff roles, a list or a string with spaces between.
    pub roles: String,
    /// Names the OAuth2 client, in whose name references are unique; `azp` stands in for it.
    pub client: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        let [customer, roles, client] = ["customer_id", "roles", "client_id"].map(str::to_owned);
        Self { customer, roles, client }
    }
}

/// The claims of a token whose signature, issuer, audience and times have been checked.
#[derive(Debug, Deserialize)]
pub struct Claims {
    pub exp: i64,
    sub: String,
    #[serde(default)]
    jti: String,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Claims {
    /// Who acts: a customer where the token names one, staff where it carries roles, a
    /// machine where the settings list its client as one. A token that says nothing of the
    /// kind is refused: a claim that is missing must not make the strongest principal.
    pub fn principal(&self, config: &IssuerConfig) -> Result<Principal, String> {
        let customer = match self.at(&config.claims.customer) {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => {
                Some(CustomerId::parse(id).map_err(|error| format!("the customer's id {error}"))?)
            }
            Some(_) => return Err("the customer's id is no string".to_owned()),
        };
        let roles = words(self.at(&config.claims.roles))?;
        let client = [config.claims.client.as_str(), "azp"]
            .iter()
            .find_map(|name| self.at(name)?.as_str().filter(|name| !name.is_empty()))
            .ok_or_else(|| "the token names no client".to_owned())?;
        let kind = match (customer.is_some(), roles.is_empty()) {
            (true, _) => PrincipalKind::Customer,
            (false, false) => PrincipalKind::Staff,
            (false, true) if config.machines.iter().any(|machine| machine == client) => {
                PrincipalKind::Client
            }
            (false, true) => {
                let what = "the token names neither a customer nor a staff role";
                return Err(format!("{what}, and {client:?} is no machine of the settings"));
            }
        };
        if self.sub.is_empty() {
            return Err("the token has an empty subject".to_owned());
        }
        let scope = self.others.get("scope").or_else(|| self.others.get("scp"));
        Ok(Principal {
            kind,
            subject: self.sub.clone(),
            customer,
            client: client.to_owned(),
            issuer: config.issuer.clone(),
            token_id: self.jti.clone(),
            roles,
            scopes: words(scope)?,
            checked_at: clock::now(),
        })
    }

    fn at(&self, path: &str) -> Option<&Value> {
        // A claim may itself have dots in its name: "https://bank.example/roles".
        if let Some(whole) = self.others.get(path) {
            return Some(whole);
        }
        let (first, rest) = path.split_once('.')?;
        let start = self.others.get(first)?;
        rest.split('.').try_fold(start, |value, name| value.get(name))
    }
}

/// A list of strings, or one string with spaces between.
fn words(value: Option<&Value>) -> Result<Vec<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| "a list of scopes or roles holds what is no string".to_owned()),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err("scopes or roles are neither a list nor a string".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(claims: Value, names: ClaimNames) -> Result<Principal, String> {
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let machines = vec!["batch".to_owned()];
        claims.principal(&IssuerConfig { claims: names, machines, ..IssuerConfig::default() })
    }

    #[test]
    fn the_claims_decide_who_acts() {
        let id = CustomerId::from_parts(1, [1; 10]).to_string();
        let names = ClaimNames::default;
        let of = |claims| principal(claims, names()).map(|made| made.kind);
        let customer = serde_json::json!({"exp": 1, "sub": "s", "client_id": "app", "customer_id": id, "roles": ["teller"]});
        assert_eq!(of(customer), Ok(PrincipalKind::Customer));
        assert_eq!(
            of(serde_json::json!({"exp": 1, "sub": "s", "azp": "till", "roles": "teller auditor"})),
            Ok(PrincipalKind::Staff)
        );
        let machine = serde_json::json!({"exp": 1, "sub": "s", "client_id": "batch"});
        assert_eq!(of(machine), Ok(PrincipalKind::Client));
        for wrong in [
            // The app's user whom the provider does not know as a customer yet.
            serde_json::json!({"exp": 1, "sub": "s", "client_id": "app"}),
            serde_json::json!({"exp": 1, "sub": "s", "customer_id": id}),
            serde_json::json!({"exp": 1, "sub": "s", "client_id": "", "roles": "teller"}),
            serde_json::json!({"exp": 1, "sub": "", "client_id": "batch"}),
            serde_json::json!({"exp": 1, "sub": "s", "client_id": "app", "customer_id": "acc_1"}),
            serde_json::json!({"exp": 1, "sub": "s", "client_id": "app", "customer_id": 7}),
            serde_json::json!({"exp": 1, "sub": "s", "client_id": "batch", "roles": {"a": 1}}),
            serde_json::json!({"exp": 1, "sub": "s", "client_id": "batch", "scope": [1]}),
        ] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_real_identity_provider_needs_configuration_and_no_code() {
        let names = ClaimNames {
            customer: "https://bank.example/customer".to_owned(),
            roles: "realm_access.roles".to_owned(),
            client: "cid".to_owned(),
        };
        let made = principal(
            serde_json::json!({
                "exp": 1, "sub": "s", "cid": "app", "azp": "other", "scp": ["a", "b"],
                "realm_access": {"roles": ["teller"]},
            }),
            names,
        );
        let made = made.unwrap();
        assert_eq!((made.kind, made.client.as_str()), (PrincipalKind::Staff, "app"));
        assert!(made.has_role("teller") && made.has_scope("b"));
    }
}
