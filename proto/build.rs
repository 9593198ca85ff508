//! Compiles the contract with protox, checks that each RPC carries a sound `access` option
//! and each error reason a kind, and generates the policy table and the reasons' traits.

#[path = "build/facts.rs"]
mod facts;
#[path = "build/reasons.rs"]
mod reasons;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use florin_kernel::Role;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, Value};

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by environment")]
fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=florin");
    println!("cargo::rerun-if-changed=google");
    let mut files = Vec::new();
    collect(&root.join("florin"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), &encoded)?;
    let pool = compiler.descriptor_pool();
    let known_reasons = reasons::Known::of(&pool)?;
    fs::write(out.join("policy.rs"), policies(&pool, &known_reasons)?)?;
    fs::write(out.join("reasons.rs"), known_reasons.table()?)?;
    fs::write(out.join("facts.rs"), facts::facts(&pool)?)?;

    let set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    let mut prost_config = tonic_prost_build::Config::new();
    prost_config.btree_map(["."]).bytes(["."]);
    // One module a package, from the folders: a new domain needs no line here.
    tonic_prost_build::configure()
        .include_file("packages.rs")
        .compile_fds_with_config(set, prost_config)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

fn policies(pool: &DescriptorPool, known_reasons: &reasons::Known) -> Result<String> {
    let extension = pool
        .get_extension_by_name("florin.options.v1.access")
        .context("florin.options.v1.access is not in the pool")?;
    let mut rows = Vec::new();
    for service in pool.services().filter(|service| service.full_name().starts_with("florin.")) {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let options = method.options();
            ensure!(
                options.has_extension(&extension),
                "{path} has no option florin.options.v1.access"
            );
            let value = options.get_extension(&extension);
            let access = value.as_message().context("access is a message")?;
            let row =
                policy(&path, &method, access, known_reasons).with_context(|| path.clone())?;
            rows.push((path, row));
        }
    }
    rows.sort();
    let mut text = String::from(
        "/// One row a method, sorted by path.\npub static POLICIES: &[MethodPolicy] = &[\n",
    );
    for (_, row) in rows {
        text.push_str(&row);
    }
    text.push_str("];\n");
    Ok(text)
}

fn policy(
    path: &str,
    method: &MethodDescriptor,
    access: &DynamicMessage,
    known_reasons: &reasons::Known,
) -> Result<String> {
    let callers = strings(access, "callers")?;
    ensure!(!callers.is_empty(), "access.callers is empty");
    for caller in &callers {
        let known = caller == "client" || caller == "operator" || caller.parse::<Role>().is_ok();
        ensure!(known, "access.callers names {caller:?}, which is no role, client or operator");
    }
    let package = method.parent_service().package_name().to_owned();
    let rows_of = |field: &str| -> Result<String> {
        let names = strings(access, field)?;
        let rows = names.iter().map(|reason| known_reasons.row(&package, reason));
        let rows: Vec<&str> = rows.collect::<Result<_>>().context(format!("access.{field}"))?;
        Ok(rows.join(", "))
    };
    let (reasons, item_reasons) = (rows_of("reasons")?, rows_of("item_reasons")?);
    let own = match number(access, "own")? {
        1 => "Own::None".to_owned(),
        2 => {
            let field = text(access, "own_field")?;
            check_path(&method.input(), &field)?;
            format!("Own::Field({field:?})")
        }
        3 => "Own::Record".to_owned(),
        4 => "Own::NoCustomers".to_owned(),
        _ => bail!("access.own is not set"),
    };
    let idempotency = match number(access, "idempotency")? {
        1 => "Idempotency::None",
        2 => "Idempotency::Required",
        3 => {
            let named = has_reference(&method.input(), 2);
            ensure!(named, "IDEMPOTENCY_PER_ITEM, and no item of the request has a reference");
            "Idempotency::PerItem"
        }
        4 => "Idempotency::Natural",
        _ => bail!("access.idempotency is not set"),
    };
    let status = match access.get_field_by_name("success_status").and_then(|value| value.as_u32()) {
        None | Some(0) => 200,
        Some(status @ 200..=202) => status,
        Some(other) => bail!("access.success_status {other} is not 200, 201 or 202"),
    };
    let scopes = strings(access, "scopes")?;
    let roles = strings(access, "roles")?;
    ensure!(
        roles.is_empty() || own != "Own::None",
        "access.roles bind staff only: say OWN_NO_CUSTOMERS, or how a customer's own data is told"
    );
    Ok(format!(
        "    MethodPolicy {{ path: {path:?}, callers: &{callers:?}, scopes: &{scopes:?}, roles: &{roles:?}, own: {own}, idempotency: {idempotency}, success_status: {status}, reasons: &[{reasons}], item_reasons: &[{item_reasons}] }},\n"
    ))
}

/// Whether the message, or one of those in it, so deep, names itself by a reference.
fn has_reference(message: &MessageDescriptor, depth: u8) -> bool {
    message.fields().any(|field| {
        field.name() == "reference"
            || field.name().ends_with("_reference")
            || field.kind().as_message().is_some_and(|inner| {
                depth.checked_sub(1).is_some_and(|depth| has_reference(inner, depth))
            })
    })
}

fn check_path(message: &MessageDescriptor, path: &str) -> Result<()> {
    let mut current = Some(message.clone());
    for name in path.split('.') {
        let here = current.with_context(|| format!("{path}: {name} is below a scalar"))?;
        let field = here
            .get_field_by_name(name)
            .with_context(|| format!("{} has no field {name}", here.full_name()))?;
        current = field.kind().as_message().cloned();
    }
    Ok(())
}

fn strings(access: &DynamicMessage, name: &str) -> Result<Vec<String>> {
    let value = access.get_field_by_name(name).with_context(|| name.to_owned())?;
    let list = value.as_list().with_context(|| format!("{name} is a list"))?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn text(access: &DynamicMessage, name: &str) -> Result<String> {
    let value = access.get_field_by_name(name).with_context(|| name.to_owned())?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn number(access: &DynamicMessage, name: &str) -> Result<i32> {
    let value = access.get_field_by_name(name).with_context(|| name.to_owned())?;
    Ok(value.as_enum_number().unwrap_or(0))
}

fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(1.min(word.len()));
            format!("{first}{}", rest.to_lowercase())
        })
        .collect()
}
