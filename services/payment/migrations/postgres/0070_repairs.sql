-- What two persons decide of a payment between banks whose end the bank cannot learn, and of
-- money in suspense (ADR 70). id is that of the approval, whose payload is the request; subject is
-- a row of clearing_out, clearing_in or clearing_unread. action: 1 settle, 2 reject, 3 return,
-- 4 credit, 5 book out, 6 dismiss. stage: 1 proposed, 2 executing, 3 done, 4 rejected, 5 lapsed,
-- 6 failed.
CREATE TABLE repairs (
    id          TEXT COLLATE "C" PRIMARY KEY,
    subject     TEXT COLLATE "C" NOT NULL,
    transfer_id TEXT COLLATE "C",
    action      BIGINT NOT NULL CHECK (action BETWEEN 1 AND 6),
    currency    TEXT COLLATE "C",
    amount      BIGINT CHECK (amount > 0),
    stage       BIGINT NOT NULL CHECK (stage BETWEEN 1 AND 6),
    outcome     TEXT COLLATE "C",
    changed_at  BIGINT NOT NULL,
    due_at      BIGINT,
    lease_until BIGINT,
    lease_token TEXT COLLATE "C",
    attempts    BIGINT NOT NULL,
    CHECK ((stage = 2) = (due_at IS NOT NULL)),
    CHECK ((currency IS NULL) = (amount IS NULL))
);
-- Two persons decide one thing at a time.
CREATE UNIQUE INDEX repairs_open ON repairs (subject) WHERE stage IN (1, 2);
CREATE INDEX repairs_due ON repairs (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX repairs_unended ON repairs (id) WHERE stage IN (1, 2);
CREATE INDEX repairs_subject ON repairs (subject);

-- What the network has said against the end that a payment came to.
ALTER TABLE clearing_out ADD COLUMN contradiction TEXT COLLATE "C";
-- Message ids of the answers of the network that were read and not counted, parted by blanks:
-- each may come again.
ALTER TABLE clearing_out ADD COLUMN heard TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The repair that ends what came in, or ended it.
ALTER TABLE clearing_in ADD COLUMN repair TEXT COLLATE "C";
-- The account that is paid where it was named by no IBAN; empty where it was not named, null of
-- what came before this was kept.
ALTER TABLE clearing_in ADD COLUMN account_number TEXT COLLATE "C";
-- The repair by which people have dealt with it.
ALTER TABLE clearing_unread ADD COLUMN repair TEXT COLLATE "C";
-- The repair that ended it.
ALTER TABLE recalls ADD COLUMN repair TEXT COLLATE "C";
CREATE INDEX clearing_out_contradicted ON clearing_out (subject) WHERE contradiction IS NOT NULL;
