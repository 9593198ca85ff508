//! pain.001 read as a stream: the same as read whole, and bounded whatever its length.

use std::io::{self, BufReader, Cursor, Read};

use florin_iso20022::{
    Initiation, InitiationReader, MOST_ELEMENTS, MOST_PIECE_BYTES, Message, Piece, ReadError, Rule,
};

use crate::examples;

fn initiation() -> Initiation {
    let found = examples::all().into_iter().find_map(|(_, message)| {
        if let Message::Initiation(initiation) = message { Some(initiation) } else { None }
    });
    found.expect("an example")
}

/// Reads in pieces of so many bytes.
fn pieces(document: &[u8], at_once: usize) -> Result<Vec<Piece>, ReadError> {
    let stream = BufReader::with_capacity(at_once, Cursor::new(document.to_vec()));
    let mut reader = InitiationReader::new(stream);
    let mut found = Vec::new();
    while let Some(piece) = reader.next_piece()? {
        found.push(piece);
    }
    Ok(found)
}

#[test]
fn a_stream_tells_what_the_whole_document_tells_however_it_is_cut() {
    let message = initiation();
    let document = Message::Initiation(message.clone()).write();
    for at_once in [1, 7, 64, 100_000] {
        let mut found = pieces(&document, at_once).expect("pieces").into_iter();
        let Some(Piece::Head(head)) = found.next() else { panic!("the head comes first") };
        assert_eq!((&head.id, head.created_at), (&message.id, message.created_at));
        for instruction in &message.instructions {
            let Some(Piece::Instruction(head)) = found.next() else { panic!("its head is first") };
            assert_eq!(
                (&head.id, head.on, &head.debtor),
                (&instruction.id, instruction.on, &instruction.debtor)
            );
            for expected in &instruction.transfers {
                let piece = found.next();
                let Some(Piece::Transfer(read)) = piece else { panic!("{piece:?}") };
                assert_eq!(read.as_ref(), Ok(expected));
            }
        }
        assert_eq!(found.next(), None);
    }
}

#[test]
fn what_the_whole_document_is_refused_for_the_stream_is_too() {
    let document = String::from_utf8(Message::Initiation(initiation()).write()).expect("text");
    for (from, to) in [
        ("<Document", "<!DOCTYPE d [<!ENTITY a \"b\">]><Document"),
        ("<PmtInfId>", "<PmtInfId>&xxe;"),
        ("pain.001.001.09", "pain.001.001.03"),
        ("</CstmrCdtTrfInitn>", ""),
        ("<GrpHdr>", "<GrpHdr><GrpHdr>"),
        ("<PmtMtd>TRF", "<PmtMtd>CHK"),
        ("<PmtInf>", "<PmtInf xmlns=\"urn:other\">"),
        ("</Document>", "</Document><Document/>"),
    ] {
        assert!(document.contains(from), "{from}");
        let changed = document.replacen(from, to, 1);
        let whole = Message::read(changed.as_bytes()).expect_err(to);
        let streamed = pieces(changed.as_bytes(), 50).expect_err(to);
        let kind = std::mem::discriminant::<Rule>;
        assert_eq!(kind(&streamed.rule), kind(&whole.rule), "{to}: {streamed} and {whole}");
    }
}

#[test]
fn totals_are_told_and_a_wrong_transfer_does_not_end_the_document() {
    let document = String::from_utf8(Message::Initiation(initiation()).write()).expect("text");
    let count = initiation().transfers().count();
    let changed = document.replacen(&format!("<NbOfTxs>{count}<"), "<NbOfTxs>99<", 1);
    let found = pieces(changed.as_bytes(), 50).expect("pieces");
    let Some(Piece::Total(error)) = found.last() else { panic!("{found:?}") };
    assert_eq!(error.path, "CstmrCdtTrfInitn/GrpHdr/NbOfTxs");
    let changed = document.replacen("<InstdAmt Ccy=\"EUR\">", "<InstdAmt Ccy=\"EUR\">x", 1);
    let found = pieces(changed.as_bytes(), 50).expect("pieces");
    let wrong = found.iter().filter(|one| matches!(one, Piece::Transfer(Err(_)))).count();
    let right = found.iter().filter(|one| matches!(one, Piece::Transfer(Ok(_)))).count();
    assert_eq!((wrong, right), (1, count - 1));
    // What is of another namespace inside of the first transfer is the transfer's too.
    let changed = document.replacen("<Cdtr>", "<Cdtr xmlns=\"urn:other\">", 1);
    let told = pieces(changed.as_bytes(), 50).expect("pieces");
    let wrong = told.iter().filter(|one| matches!(one, Piece::Transfer(Err(_)))).count();
    assert_eq!(wrong, 1, "{told:?}");
    // Whoever is told of it knows it by its names.
    let unread = found.iter().find_map(|one| match one {
        Piece::Transfer(Err(unread)) => Some(unread),
        Piece::Transfer(Ok(_)) | Piece::Head(_) | Piece::Instruction(_) | Piece::Total(_) => None,
    });
    let expected = &initiation().instructions[0].transfers[0].names;
    assert_eq!(&unread.expect("the wrong one").names, expected);
}

/// A document that is made while it is read.
struct Made {
    head: Cursor<Vec<u8>>,
    each: Vec<u8>,
    left: usize,
    at: usize,
    tail: Cursor<Vec<u8>>,
}

impl Read for Made {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.head.read(into)?;
        if read > 0 {
            return Ok(read);
        }
        if self.left == 0 {
            return self.tail.read(into);
        }
        let read = (&self.each[self.at..]).read(into)?;
        self.at += read;
        if self.at == self.each.len() {
            (self.at, self.left) = (0, self.left - 1);
        }
        Ok(read)
    }
}

/// The example with one of its elements so often.
fn made(element: &str, left: usize, blanks: &str) -> Made {
    let document = String::from_utf8(Message::Initiation(initiation()).write()).expect("text");
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let from = document.find(&begin).expect("begin");
    let to = document.find(&end).expect("end") + end.len();
    Made {
        head: Cursor::new(document[..from].into()),
        each: format!("{}{blanks}", &document[from..to]).into_bytes(),
        left,
        at: 0,
        tail: Cursor::new(document[to..].into()),
    }
}

#[test]
fn more_transfers_than_a_whole_document_may_have_are_read_one_by_one() {
    // Each has more than ten elements, so the whole is refused for its elements and its bytes.
    let count = MOST_ELEMENTS / 10;
    let mut reader = InitiationReader::new(BufReader::new(made("CdtTrfTxInf", count, "\n\t\t")));
    let (mut transfers, mut totals) = (0, 0);
    while let Some(piece) = reader.next_piece().expect("a piece") {
        match piece {
            Piece::Head(_) | Piece::Instruction(_) => {}
            Piece::Transfer(read) => {
                read.expect("a transfer");
                transfers += 1;
            }
            Piece::Total(_) => totals += 1,
        }
    }
    assert_eq!(transfers, count + initiation().transfers().count() - 1);
    assert_eq!(totals, 1, "the count of the head is of the example");
}

#[test]
fn one_element_that_never_ends_is_refused_at_its_limit() {
    let endless = |from: &str, with: u8| {
        let document = String::from_utf8(Message::Initiation(initiation()).write()).expect("text");
        let at = document.find(from).expect("a place") + from.len();
        let head = Cursor::new(document.as_bytes()[..at].to_vec());
        let stream = head.chain(io::repeat(with));
        let mut reader = InitiationReader::new(BufReader::new(stream));
        loop {
            match reader.next_piece() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it has an end"),
                Err(error) => return error.rule,
            }
        }
    };
    let limit = MOST_PIECE_BYTES;
    for (from, with) in
        [("<Nm>", b'x'), ("<CdtTrfTxInf>", b' '), ("<CstmrCdtTrfInitn>", b'\n'), ("<PmtInf", b'a')]
    {
        assert_eq!(endless(from, with), Rule::TooLarge { limit }, "{from}");
    }
    // What stands between the heads grows the tree by nothing, and one head by its limit.
    let mut reader = InitiationReader::new(BufReader::new(made("PmtMtd", 100_000, "")));
    let refused = loop {
        match reader.next_piece() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was read"),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.rule, Rule::TooLarge { limit });
}
