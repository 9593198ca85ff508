//! The routes of the contract, read from its descriptors: what `google.api.http` and
//! `florin.options.v1.access` say of each RPC. There is no code per RPC.

use anyhow::{Context as _, Result, bail, ensure};
use florin_kernel::Role;
use florin_proto::{
    google::api::{HttpRule, http_rule::Pattern},
    policy::MethodPolicy,
};
use prost_reflect::{
    DescriptorPool, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};

use crate::{
    bind::field_of,
    path::{Found, Matcher, Reading, Template},
};

/// What the body of a request fills.
#[derive(Debug, Clone)]
pub enum BodyRule {
    /// No body is taken.
    None,
    /// All fields that the path does not bind.
    Whole,
    /// One field of the request.
    Field(FieldDescriptor),
}

/// One HTTP method and path of one RPC.
#[derive(Debug, Clone)]
pub struct Route {
    /// What the contract says of the RPC.
    pub policy: &'static MethodPolicy,
    /// The RPC.
    pub method: MethodDescriptor,
    /// The role that serves it.
    pub role: Role,
    /// HTTP method, upper case; `*` for any.
    pub http_method: String,
    /// The path as the contract writes it.
    pub path: String,
    /// The path, parsed.
    pub template: Template,
    /// What the body fills.
    pub body: BodyRule,
    /// The only field of the answer that is sent, where the rule names one.
    pub response_body: Option<FieldDescriptor>,
    /// The request message.
    pub input: MessageDescriptor,
    /// The answer's message.
    pub output: MessageDescriptor,
    /// The fields that the path binds, in the order of its variables.
    pub variables: Vec<Vec<FieldDescriptor>>,
}

/// All routes, and the way to find one.
#[derive(Debug)]
pub struct Catalogue {
    routes: Vec<Route>,
    matcher: Matcher,
}

impl Catalogue {
    /// The routes of Florin's own contract.
    ///
    /// # Errors
    /// A rule in the contract that cannot be served.
    pub fn of_the_contract() -> Result<Self> {
        let pool = DescriptorPool::decode(florin_proto::FILE_DESCRIPTOR_SET)?;
        Self::read(&pool, florin_proto::policy::find)
    }

    /// The routes of any contract; `policy` finds what it says of a method.
    ///
    /// # Errors
    /// A rule that cannot be served, or two of one path.
    pub fn read(
        pool: &DescriptorPool,
        policy: impl Fn(&str) -> Option<&'static MethodPolicy>,
    ) -> Result<Self> {
        let http = pool
            .get_extension_by_name("google.api.http")
            .context("google.api.http is not in the contract")?;
        let mut routes = Vec::new();
        for service in pool.services() {
            for method in service.methods() {
                let Some(rule) = rule_of(&method, &http)? else { continue };
                let name = format!("/{}/{}", service.full_name(), method.name());
                let policy = policy(&name).with_context(|| format!("{name} has no policy"))?;
                routes.extend(routes_of(&method, policy, &rule).with_context(|| name.clone())?);
            }
        }
        let mut matcher = Matcher::new(Reading::default());
        for (index, route) in routes.iter().enumerate() {
            matcher
                .insert(&route.http_method, &route.template, index)
                .with_context(|| route.path.clone())?;
        }
        Ok(Self { routes, matcher })
    }

    /// Every route, in the order of the contract.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route of a request, with what its path binds.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<(&Route, Found)> {
        let found = self.matcher.find(method, path)?;
        self.routes.get(found.route).map(|route| (route, found))
    }

    /// The methods of a path; empty where it is unknown.
    #[must_use]
    pub fn methods_of(&self, path: &str) -> Vec<String> {
        self.matcher.methods_of(path)
    }
}

fn rule_of(method: &MethodDescriptor, http: &ExtensionDescriptor) -> Result<Option<HttpRule>> {
    let options = method.options();
    if !options.has_extension(http) {
        return Ok(None);
    }
    let value = options.get_extension(http);
    let message = value.as_message().context("google.api.http is a message")?;
    Ok(Some(message.transcode_to::<HttpRule>()?))
}

fn routes_of(
    method: &MethodDescriptor,
    policy: &'static MethodPolicy,
    rule: &HttpRule,
) -> Result<Vec<Route>> {
    ensure!(!method.is_server_streaming() && !method.is_client_streaming(), "a stream has no REST");
    let mut routes = vec![route_of(method, policy, rule)?];
    for binding in &rule.additional_bindings {
        ensure!(binding.additional_bindings.is_empty(), "bindings nest only once");
        routes.push(route_of(method, policy, binding)?);
    }
    Ok(routes)
}

fn route_of(
    method: &MethodDescriptor,
    policy: &'static MethodPolicy,
    rule: &HttpRule,
) -> Result<Route> {
    let (http_method, path) = match rule.pattern.as_ref().context("a rule needs a path")? {
        Pattern::Get(path) => ("GET".to_owned(), path),
        Pattern::Put(path) => ("PUT".to_owned(), path),
        Pattern::Post(path) => ("POST".to_owned(), path),
        Pattern::Delete(path) => ("DELETE".to_owned(), path),
        Pattern::Patch(path) => ("PATCH".to_owned(), path),
        Pattern::Custom(custom) => (custom.kind.clone(), &custom.path),
    };
    let template = Template::parse(path)?;
    let (input, output) = (method.input(), method.output());
    let variables = template
        .variables
        .iter()
        .map(|variable| variable_fields(&input, &variable.field))
        .collect::<Result<Vec<_>>>()?;
    let body = match rule.body.as_str() {
        "" => BodyRule::None,
        "*" => BodyRule::Whole,
        name => BodyRule::Field(field_of(&input, name).context("body names no field")?),
    };
    let response_body = match rule.response_body.as_str() {
        "" => None,
        name => Some(field_of(&output, name).context("response_body names no field")?),
    };
    let package = method.parent_service().package_name().to_owned();
    let role = package.split('.').nth(1).context("the package is florin.ROLE.version")?;
    Ok(Route {
        policy,
        method: method.clone(),
        role: role.parse()?,
        http_method,
        path: path.clone(),
        template,
        body,
        response_body,
        input,
        output,
        variables,
    })
}

fn variable_fields(input: &MessageDescriptor, names: &[String]) -> Result<Vec<FieldDescriptor>> {
    let mut current = Some(input.clone());
    let mut fields = Vec::new();
    for name in names {
        let here = current.take().context("a variable lies below a scalar")?;
        let field = here.get_field_by_name(name).with_context(|| format!("no field {name}"))?;
        ensure!(!field.is_list() && !field.is_map(), "a variable must not be repeated");
        if let Kind::Message(inner) = field.kind() {
            current = Some(inner);
        }
        fields.push(field);
    }
    if current.is_some() {
        bail!("a variable must be a scalar");
    }
    Ok(fields)
}
