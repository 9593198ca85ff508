//! Paths and queries by the rules of `google.api.http`: templates, their matcher and the
//! decoding of what they bind.

mod decode;
mod matcher;
mod template;

pub use decode::{Keep, NotText, decode, parse_query};
pub use matcher::{DuplicateRoute, Found, Matcher, Reading};
pub use template::{End, Segment, Template, TemplateError, Variable};
