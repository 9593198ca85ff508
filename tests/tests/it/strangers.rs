//! Clients of strangers against the whole bank: what others wrote, with nothing of ours in it.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use florin_kernel::Role;
use florin_testkit::{Bank, repository};

use crate::world::{expect, holder, transfer};

/// How long one of them may run; the machines are shared.
const LONGEST: Duration = Duration::from_secs(900);

/// The interpreter with the packages of `tests/strangers/requirements.txt`.
fn python() -> Option<String> {
    let found = florin_testkit::setting("FLORIN_TEST_PYTHON");
    if found.is_none() {
        florin_testkit::skip(
            "FLORIN_TEST_PYTHON is not set; `cargo xtask ci` sets it where it can",
        );
    }
    found
}

/// A file of `tests/strangers`.
pub fn stranger(file: &str) -> PathBuf {
    repository().join("tests/strangers").join(file)
}

/// Runs to the end and returns what it printed; an error carries all of it.
pub async fn told(mut command: Command) -> Result<String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(LONGEST, run).await.context("it does not end")???;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{shown} ended with {}:\n{text}\n{said}", output.status);
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_plays_the_whole_story_by_reflection() -> Result<()> {
    let Some(python) = python() else { return Ok(()) };
    let banks = Bank::each().await?;
    for bank in &banks {
        // The authority of the other bank is the stranger's; alone it is made here.
        let foreign = tempfile::tempdir()?;
        let mut certs = Command::new(florin_testkit::bank::executable()?);
        certs.args(["certs", "--dir"]).arg(foreign.path());
        told(certs).await?;
        let mut story = Command::new(&python);
        story.arg(stranger("story.py")).arg("--certs").arg(bank.certs());
        story.arg("--foreign-certs").arg(foreign.path());
        for role in [Role::Cif, Role::Account, Role::Payment, Role::Reporting] {
            let address = bank.address(role).replace("127.0.0.1", "localhost");
            story.args([format!("--{role}"), address]);
        }
        story.args(["--token", &bank.rest()?.token("demo", None).await?]);
        story.env("GRPC_VERBOSITY", "NONE");
        let text = told(story).await.with_context(|| format!("{:?}", bank.mode))?;
        ensure!(text.ends_with("the story is told\n"), "{text}");
        bank.prove().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_that_openapi_does_not_tell() -> Result<()> {
    let Some(python) = python() else { return Ok(()) };
    let bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("1000.00")).await?;
    let boris = holder(&bank, &staff, "Boris", None).await?;
    let body = transfer(&anna.account, &boris.iban, "1.00");
    let paid = staff.post_and_wait("/v1/transfers", "paid", &body).await?;
    let paid = expect(paid, 202)?;
    let scratch = tempfile::tempdir()?;
    let mut run = Command::new(&python);
    run.args(["-m", "schemathesis.cli", "--config-file"]).arg(stranger("schemathesis.toml"));
    run.args(["run", "--no-color"]).arg(format!("{}/openapi.json", bank.gateway()));
    run.current_dir(scratch.path()).env("PYTHONPATH", stranger(""));
    run.env("PYTHONDONTWRITEBYTECODE", "1");
    run.env("FLORIN_CA", bank.certs().join("ca.pem"));
    run.env("FLORIN_TOKEN", bank.rest()?.token("demo", None).await?);
    for (variable, value) in [
        ("FLORIN_CUSTOMER", anna.customer.as_str()),
        ("FLORIN_ACCOUNT", &anna.account),
        ("FLORIN_OTHER_CUSTOMER", &boris.customer),
        ("FLORIN_OTHER_ACCOUNT", &boris.account),
        ("FLORIN_TRANSFER", paid.text("/transferId")),
        ("FLORIN_TRANSACTION", paid.text("/transfer/transactionId")),
    ] {
        run.env(variable, value);
    }
    let report = told(run).await?;
    // It would end well, too, where it found nothing to test.
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        ensure!(report.contains(&format!("✅  {phase} (in ")), "{phase} did not run:\n{report}");
    }
    println!("{}", report.lines().rev().find(|line| line.contains("generated")).unwrap_or(""));
    bank.prove().await
}
