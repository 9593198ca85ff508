//! Server reflection, v1 and v1alpha, of the services that this server has.

use tonic_reflection::server::{Builder, Error, v1, v1alpha};

/// The health protocol's descriptors.
const HEALTH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/health.bin"));

/// Reflection for these services, health and reflection itself.
pub fn servers(
    names: &[&'static str],
) -> Result<
    (
        v1::ServerReflectionServer<impl v1::ServerReflection>,
        v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>,
    ),
    Error,
> {
    let with = |own: &'static str| {
        let builder = Builder::configure()
            .register_encoded_file_descriptor_set(florin_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(HEALTH)
            .with_service_name("grpc.health.v1.Health")
            .with_service_name(own);
        names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    let v1 = with("grpc.reflection.v1.ServerReflection").build_v1()?;
    let v1alpha = with("grpc.reflection.v1alpha.ServerReflection").build_v1alpha()?;
    Ok((v1, v1alpha))
}
