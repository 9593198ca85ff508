//! Generated servers, collected before there is a server to add them to.

use std::convert::Infallible;

use tonic::{body::Body, codegen::Service, server::NamedService, service::Routes};

type Add = Box<dyn FnOnce(Routes) -> Routes + Send>;

/// Generated servers and the names of their services.
#[derive(Default)]
pub struct Services {
    names: Vec<&'static str>,
    adds: Vec<Add>,
}

impl Services {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a generated server.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.adds.push(Box::new(move |routes| routes.add_service(service)));
        self
    }

    /// Adds all of another collection.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.names.extend(other.names);
        self.adds.extend(other.adds);
        self
    }

    /// The full names of the services: `florin.account.v1.AccountService`.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    pub(super) fn into_routes(self) -> Routes {
        self.adds.into_iter().fold(Routes::default(), |routes, add| add(routes))
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}
