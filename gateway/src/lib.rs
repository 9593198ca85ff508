//! REST in front of the mesh: every RPC of the contract that carries `google.api.http`,
//! from the descriptors alone, with no code per RPC and no business rule.
//!
//! A request passes token, rates, scopes, roles and idempotency key, then path, query and
//! body become the message of the RPC, which the owning service answers over mutual TLS.

mod access;
mod bind;
mod certificate;
pub mod config;
mod gateway;
mod issuer;
mod json;
mod key;
mod limit;
mod openapi;
mod path;
mod problem;
mod render;
mod route;
mod serve;
mod start;
mod upstream;

pub use bind::{Input, bind};
pub use certificate::PublicCertificate;
pub use config::{DevelopmentClient, DevelopmentIssuer, GatewayConfig};
pub use gateway::{Gateway, Parts};
pub use issuer::{CUSTOMER_CLAIM, Grant, GrantError, Issued, Issuer, ROLES_CLAIM};
pub use key::{KEY_LIMIT, KeyError, parse_key, wire_key};
pub use limit::{Limit, Rate};
pub use openapi::{Security, document};
pub use path::{
    DuplicateRoute, End, Found, Keep, Matcher, NotText, Reading, Segment, Template, TemplateError,
    Variable, decode, parse_query,
};
pub use problem::Problem;
pub use render::json_of;
pub use route::{BodyRule, Catalogue, Route};
pub use serve::{Bounds, PublicTls, serve};
pub use start::{public_url, start};
