//! Compiles the health protocol, whose List method tonic-health lacks.

use std::path::PathBuf;

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by environment")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).open_file("grpc/health/v1/health.proto")?;
    std::fs::write(out.join("health.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure().compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
