//! How files come: in parts and streams that may break, from whoever may pay, and not too many.

use florin_kernel::CustomerId;
use florin_proto::payment::v1::{
    AddBulkPartRequest, BulkStatus, CancelBulkRequest, GetBulkRequest, ListBulkLinesRequest,
    ListBulksRequest, UploadBulkRequest,
};
use florin_rpc::Error;
use tonic::Status;

use crate::{
    bank::{Bank, customer, places, reason},
    bulks::{TODAY, add, announcement, bank_create, create, get, lines_of, prove, upload, work},
};

#[tokio::test]
async fn a_broken_upload_is_gone_on_with_and_a_wrong_one_begins_anew() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(3);
        let id = create(&bank, "k", announcement(&bank, "w", &file)).await.unwrap().bulk_id;
        upload(&bank, &id, &file[..60], 30).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0, "half of a file is none");
        for (offset, data) in [(90, &file[90..]), (59, &file[59..]), (60, &[b'x'; 9_999][..])] {
            let refused = add(&bank, &id, offset, data).await;
            let error = Error::from_status(refused.as_ref().unwrap_err());
            assert_eq!(error.metadata()["received_bytes"], "60");
            assert_eq!(reason(refused), "BULK_OFFSET");
        }
        // After a lost answer the same part again.
        assert_eq!(
            add(&bank, &id, 30, &file[30..60]).await.unwrap().into_inner().received_bytes,
            60
        );
        assert_eq!(get(&bank, &id).await.received_bytes, 60);
        // Bytes that are not those of the digest.
        let mut wrong = file.clone();
        wrong[100] ^= 1;
        add(&bank, &id, 60, &wrong[60..]).await.unwrap();
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!((bulk.status(), bulk.received_bytes), (BulkStatus::Receiving, 0));
        assert_eq!(bulk.problems[0].rule, "NOT_AS_ANNOUNCED");
        for table in ["bulk_parts", "bulk_lines"] {
            assert_eq!(bank.count(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
        }
        upload(&bank, &id, &file, 50).await;
        assert_eq!(work(&bank.payment, TODAY).await, 3);
        assert_eq!(get(&bank, &id).await.problems, []);
        prove(&bank).await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_keeps_the_parts_before_and_is_gone_on_with() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(3);
        let id = create(&bank, "k", announcement(&bank, "w", &file)).await.unwrap().bulk_id;
        let part = |id: &str, offset: usize, end: usize| {
            let bulk_id = id.to_owned();
            let data = file[offset..end].to_vec().into();
            let offset = i64::try_from(offset).unwrap();
            let part = Some(AddBulkPartRequest { bulk_id, offset, data });
            Ok(UploadBulkRequest { part })
        };
        let ctx = customer(bank.alice, "UploadBulk", "");
        let send = async |parts: Vec<Result<UploadBulkRequest, Status>>| {
            bank.payment.upload_bulk(&ctx, tokio_stream::iter(parts)).await
        };
        let broken = vec![part(&id, 0, 40), part(&id, 40, 80), Err(Status::cancelled("gone"))];
        assert_eq!(send(broken).await.unwrap_err().code(), tonic::Code::Cancelled);
        assert_eq!(get(&bank, &id).await.received_bytes, 80);
        let other = create(&bank, "o", announcement(&bank, "o", &file)).await.unwrap().bulk_id;
        let mixed = vec![part(&id, 80, 90), part(&other, 0, 10)];
        assert_eq!(reason(send(mixed).await), "INVALID_REQUEST");
        assert_eq!(reason(send(Vec::new()).await), "INVALID_REQUEST");
        let rest = vec![part(&id, 80, 90), part(&id, 90, file.len())];
        let bulk = send(rest).await.unwrap().into_inner().bulk.unwrap();
        assert_eq!(bulk.status(), BulkStatus::Checking);
        assert_eq!(work(&bank.payment, TODAY).await, 3);
    }
}

#[tokio::test]
async fn another_customers_bulk_is_not_found_and_a_viewer_only_looks() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(1);
        let id = create(&bank, "k", announcement(&bank, "w", &file)).await.unwrap().bulk_id;
        let asks = async |who: CustomerId| {
            let ctx = |method: &str| customer(who, method, "s");
            let (bulk_id, payment) = (id.clone(), &bank.payment);
            let get = GetBulkRequest { bulk_id: bulk_id.clone() };
            let lines = ListBulkLinesRequest { bulk_id: bulk_id.clone(), ..Default::default() };
            let of = ListBulksRequest { account_id: bank.from.to_string(), ..Default::default() };
            let looks = [
                payment.get_bulk(&ctx("GetBulk"), get).await.err(),
                payment.list_bulk_lines(&ctx("ListBulkLines"), lines).await.err(),
                payment.list_bulks(&ctx("ListBulks"), of).await.err(),
            ];
            let part = AddBulkPartRequest {
                bulk_id: bulk_id.clone(),
                offset: 0,
                data: file.clone().into(),
            };
            let upload = tokio_stream::iter([Ok(UploadBulkRequest { part: Some(part.clone()) })]);
            let cancel = CancelBulkRequest { bulk_id };
            let create = announcement(&bank, "other", &file);
            let changes = [
                payment.add_bulk_part(&ctx("AddBulkPart"), part).await.err(),
                payment.upload_bulk(&ctx("UploadBulk"), upload).await.err(),
                payment.cancel_bulk(&ctx("CancelBulk"), cancel).await.err(),
                payment.create_bulk(&ctx("CreateBulk"), create).await.err(),
            ];
            let told = |one: Option<Status>| match one {
                Some(status) => Error::from_status(&status).reason().to_owned(),
                None => String::new(),
            };
            (looks.map(told), changes.map(told))
        };
        let gone = "BULK_NOT_FOUND";
        let changes = [gone, gone, gone, "DEBTOR_ACCOUNT_NOT_FOUND"].map(str::to_owned);
        let looks = [gone, gone, "ACCOUNT_NOT_FOUND"].map(str::to_owned);
        assert_eq!(asks(bank.bob).await, (looks, changes.clone()));
        assert_eq!(asks(bank.carol).await, (<[String; 3]>::default(), changes));
        assert_eq!(get(&bank, &id).await.received_bytes, 0);
    }
}

#[tokio::test]
async fn an_account_has_no_more_unfinished_uploads_than_it_may() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(1);
        for number in 0..10 {
            let name = format!("w{number}");
            create(&bank, &name, announcement(&bank, &name, &file)).await.unwrap();
        }
        let more = announcement(&bank, "more", &file);
        assert_eq!(reason(bank_create(&bank, "more", more.clone()).await), "BULKS_FULL");
        // Of those that nobody goes on with nothing is left to wait for.
        bank.execute("UPDATE bulks SET changed_at = 0").await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        create(&bank, "more2", more).await.unwrap();
        let ctx = customer(bank.alice, "ListBulks", "");
        let request = ListBulksRequest { account_id: bank.from.to_string(), ..Default::default() };
        let all = bank.payment.list_bulks(&ctx, request).await.unwrap().into_inner().bulks;
        let cancelled = all.iter().filter(|bulk| bulk.status() == BulkStatus::Cancelled);
        assert_eq!((all.len(), cancelled.count()), (11, 10));
        assert_eq!(all[0].message_id, "more", "newest first");
    }
}

#[tokio::test]
async fn a_file_of_which_a_part_is_gone_begins_anew() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(3);
        let id = create(&bank, "k", announcement(&bank, "w", &file)).await.unwrap().bulk_id;
        upload(&bank, &id, &file, 100).await;
        // As after a crash while the parts of a wrong upload are dropped.
        bank.execute("DELETE FROM bulk_parts WHERE start = 100").await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!((bulk.status(), bulk.received_bytes), (BulkStatus::Receiving, 0));
        assert_eq!(bank.count("SELECT COUNT(*) FROM bulk_parts").await, 0);
        upload(&bank, &id, &file, 100).await;
        assert_eq!(work(&bank.payment, TODAY).await, 3);
    }
}
