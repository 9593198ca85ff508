-- How often the bytes went out, or may have, and the message ids of the answers, parted by
-- blanks, that spoke of a duplicate after a question. What was on its way before is taken to
-- have gone out twice: then no answer about a duplicate ends it before two questions.
ALTER TABLE clearing_out ADD COLUMN sends BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clearing_out ADD COLUMN doubts TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE clearing_out SET sends = 2 WHERE stage = 3;

-- What came from the network and could not be taken: for people, who find it among what waits.
CREATE TABLE clearing_unread (
    id          TEXT COLLATE "C" PRIMARY KEY,
    received_at BIGINT NOT NULL,
    finding     TEXT COLLATE "C" NOT NULL,
    document    BYTEA NOT NULL
);
