//! What a refusal does to the connection that it goes out on: nothing, where the body that
//! came with the request can be read to its end.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::world::{World, config};

async fn connect(world: &World) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(world.certs.join("ca.pem")).unwrap()).unwrap();
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", world.port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.unwrap()
}

/// The head of one answer, its body read and left out.
async fn answer(stream: &mut TlsStream<TcpStream>) -> io::Result<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(read).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).await?;
    Ok(head)
}

fn head(length: usize, more: &str) -> String {
    format!(
        "POST /v1/transfers HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{more}\r\n"
    )
}

/// For so long the gateway waits for the rest of a body that nobody asked for.
const LEFT_TIME: Duration = Duration::from_millis(500);

/// Without a token: refused by the head alone. The body comes in pieces of its own.
async fn refused(stream: &mut TlsStream<TcpStream>) -> io::Result<String> {
    let body = "x".repeat(100_000);
    stream.write_all(head(body.len(), "").as_bytes()).await?;
    stream.flush().await?;
    for piece in body.as_bytes().chunks(30_000) {
        tokio::task::yield_now().await;
        stream.write_all(piece).await?;
        stream.flush().await?;
    }
    answer(stream).await
}

#[tokio::test]
async fn a_refusal_before_the_body_keeps_the_connection() {
    let world = World::start(config()).await;
    let mut stream = connect(&world).await;
    let mut kept = 0;
    for _ in 0..200 {
        let began = Instant::now();
        let head = refused(&mut stream).await;
        if began.elapsed() >= LEFT_TIME {
            // The machine stalled, and a body that comes late is not waited for.
            (stream, kept) = (connect(&world).await, 0);
            continue;
        }
        let head = head.unwrap();
        assert!(head.starts_with("http/1.1 401 "), "{head}");
        assert!(!head.contains("connection: close"), "{head}");
        kept += 1;
        if kept == 3 {
            return;
        }
    }
    panic!("no refusal within {LEFT_TIME:?}");
}

#[tokio::test]
async fn a_refusal_that_leaves_a_body_unread_says_that_it_closes() {
    let world = World::start(config()).await;
    for more in ["expect: 100-continue\r\n", ""] {
        // This much never comes, and who waits to be asked is not asked.
        let mut stream = connect(&world).await;
        stream.write_all(head(100_000, more).as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let head = answer(&mut stream).await.unwrap();
        assert!(head.starts_with("http/1.1 401 "), "{head}");
        assert!(head.contains("connection: close"), "{head}");
    }
}
