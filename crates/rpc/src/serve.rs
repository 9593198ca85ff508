//! The glue between a generated service and its use cases, so that an RPC is one line.

/// Implements a generated service over use cases: each RPC calls the method of its own name,
/// which takes the context of the call and the message and gives a `Response`. What is no such
/// call (a stream) stands behind the lines, in braces.
///
/// ```ignore
/// florin_rpc::serve! {
///     CifService for CifApi by cif:
///     get_customer(GetCustomerRequest) -> GetCustomerResponse;
/// }
/// ```
#[macro_export]
macro_rules! serve {
    (
        $service:ident for $api:ident by $cases:ident:
        $($verb:ident($request:ty) -> $response:ty;)*
        $({ $($also:tt)* })?
    ) => {
        #[tonic::async_trait]
        impl $service for $api {
            $(
                async fn $verb(
                    &self,
                    request: tonic::Request<$request>,
                ) -> Result<tonic::Response<$response>, tonic::Status> {
                    let ctx = $crate::context(&request)?;
                    self.$cases.$verb(&ctx, request.into_inner()).await
                }
            )*
            $($($also)*)?
        }
    };
}
