-- Who made a proposal may reject it, and so withdraw it; never approve it.
CREATE TABLE proposals (
    id           TEXT    PRIMARY KEY,
    command      TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    payload_hash BLOB    NOT NULL,
    maker        TEXT    NOT NULL,
    checker      TEXT,
    state        TEXT    NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    proposed_at  INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    decided_at   INTEGER,
    CHECK (checker IS NULL OR checker <> maker OR state = 'rejected')
);
INSERT INTO proposals SELECT id, command, payload, payload_hash, maker, checker, state, proposed_at,
    expires_at, decided_at FROM approvals;
DROP TABLE approvals;
ALTER TABLE proposals RENAME TO approvals;
CREATE INDEX approvals_by_state ON approvals (state, id);
