-- A client's key guards its order for ever, as that of a transfer does: an order that is created
-- twice pays twice on each of its dates. request_hash (SHA-256) says what was asked for. Orders of
-- before have their key in idempotency_keys alone, for as long as that is kept.
CREATE TABLE order_keys (
    scope        TEXT COLLATE "C" NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    request_hash BYTEA NOT NULL,
    order_id     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, key)
);
