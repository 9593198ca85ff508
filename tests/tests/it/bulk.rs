//! A file of transfers: half of it through the gateway, half as a stream, paid line by line.

use anyhow::{Result, bail};
use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use florin_kernel::Role;
use florin_proto::payment::v1::{
    AddBulkPartRequest, UploadBulkRequest, bulk_service_client::BulkServiceClient,
};
use florin_testkit::Bank;
use serde_json::{Value, json};
use tonic::Request;

use crate::world::{Holder, expect, holder, posted};

/// How often is looked for the end.
const LOOKS: u32 = 480;
/// Lines of the file.
const LINES: usize = 120;

/// The announcement of JSON lines that an account pays.
pub fn announced(from: &Holder, message_id: &str, file: &[u8]) -> Value {
    let digest = digest::digest(&digest::SHA256, file);
    let sha256: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "from": from.account, "format": "BULK_FORMAT_JSON_LINES", "messageId": message_id,
        "sizeBytes": file.len().to_string(), "sha256": sha256,
    })
}

/// Sends a part as a stream, by the bank's own client.
async fn stream(bank: &Bank, bulk_id: &str, offset: usize, file: &[u8]) -> Result<()> {
    let token = bank.rest()?.token("demo", None).await?;
    let mut client = BulkServiceClient::new(bank.channel(Role::Payment, "client-demo")?);
    let mut at = offset;
    let mut parts = Vec::new();
    for piece in file[offset..].chunks(1_000) {
        let part = AddBulkPartRequest {
            bulk_id: bulk_id.to_owned(),
            offset: i64::try_from(at)?,
            data: piece.to_vec().into(),
        };
        parts.push(UploadBulkRequest { part: Some(part) });
        at += piece.len();
    }
    let mut request = Request::new(futures_util::stream::iter(parts));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    let answer = client.upload_bulk(request).await?.into_inner();
    let bulk = answer.bulk.unwrap_or_default();
    assert_eq!(bulk.received_bytes, bulk.size_bytes);
    Ok(())
}

async fn ended(anna: &Holder, path: &str) -> Result<Value> {
    for _ in 0..LOOKS {
        let bulk = expect(anna.rest.get(path).await?, 200)?;
        if !["RECEIVING", "CHECKING", "ACCEPTED"]
            .iter()
            .any(|open| bulk.text("/bulk/status").ends_with(open))
        {
            return Ok(bulk.json);
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    bail!("the bulk does not end")
}

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    let boris = holder(bank, &staff, "Boris", None).await?;
    let line = |number: usize| {
        json!({
            "reference": format!("wage {number}"), "to": boris.iban, "amount": "0.50",
            "currency": "EUR",
        })
    };
    let file: Vec<String> = (0..LINES).map(|number| format!("{}\n", line(number))).collect();
    let file = file.concat().into_bytes();
    let asked = announced(&anna, "wages", &file);
    let bulk = expect(anna.rest.post("/v1/bulks", "wages", &asked).await?, 201)?;
    let id = bulk.text("/bulk/bulkId").to_owned();
    let path = format!("/v1/bulks/{id}");
    let half = file.len() / 2;
    let part = json!({"offset": "0", "data": BASE64_STANDARD.encode(&file[..half])});
    for _ in 0..2 {
        let kept = anna.rest.post(&format!("{path}/parts"), "part", &part).await?;
        let received = expect(kept, 200)?.text("/receivedBytes").to_owned();
        assert_eq!(received, half.to_string());
    }
    stream(bank, &id, half, &file).await?;
    let told = ended(&anna, &path).await?;
    assert_eq!(told["bulk"]["status"], "BULK_STATUS_DONE", "{told}");
    assert_eq!(told["bulk"]["takenLines"], LINES.to_string(), "{told}");
    // The workers have the transfers; each is seen to its end.
    let mut looks = 0;
    while posted(&boris.rest, &boris.account).await? != "60.00" {
        looks += 1;
        assert!(looks < LOOKS, "the lines are not paid");
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(posted(&anna.rest, &anna.account).await?, "40.00");
    a_bomb_is_rejected(&anna).await?;
    // The ledger has booked the last ones; `payment` writes it down.
    let paid = async || {
        let lines = anna.rest.get(&format!("{path}/lines?pageSize=200")).await?;
        let lines = expect(lines, 200)?.json;
        let is_paid = |line: &&Value| line["transferStatus"] == "TRANSFER_STATUS_COMPLETED";
        anyhow::Ok(lines["lines"].as_array().map(|all| all.iter().filter(is_paid).count()))
    };
    while paid().await? != Some(LINES) {
        looks += 1;
        assert!(looks < 2 * LOOKS, "the lines are not told as paid");
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    bank.prove().await
}

/// A pain.001 whose entities would grow a thousand million times is rejected before they do.
async fn a_bomb_is_rejected(anna: &Holder) -> Result<()> {
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY a0 \"lol\">");
    for level in 1..10 {
        let inside = format!("&a{};", level - 1).repeat(10);
        bomb.push_str(&format!("<!ENTITY a{level} \"{inside}\">"));
    }
    bomb.push_str("]><Document>&a9;</Document>");
    let mut asked = announced(anna, "bomb", bomb.as_bytes());
    asked["format"] = json!("BULK_FORMAT_PAIN_001");
    let bulk = expect(anna.rest.post("/v1/bulks", "bomb", &asked).await?, 201)?;
    let path = format!("/v1/bulks/{}", bulk.text("/bulk/bulkId"));
    let part = json!({"offset": "0", "data": BASE64_STANDARD.encode(&bomb)});
    expect(anna.rest.post(&format!("{path}/parts"), "bomb part", &part).await?, 200)?;
    let told = ended(anna, &path).await?;
    assert_eq!(told["bulk"]["status"], "BULK_STATUS_REJECTED", "{told}");
    assert!(told["bulk"]["problems"].to_string().contains("MALFORMED_DOCUMENT"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_in_two_ways_and_is_paid_line_by_line() -> Result<()> {
    for bank in Bank::each().await? {
        tell(&bank).await?;
    }
    Ok(())
}
