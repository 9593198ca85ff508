-- A client's key guards its order for ever, as that of a transfer does: an order that is created
-- twice pays twice on each of its dates. request_hash (SHA-256) says what was asked for. Orders of
-- before have their key in idempotency_keys alone, for as long as that is kept.
CREATE TABLE order_keys (
    scope        TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    order_id     TEXT NOT NULL,
    PRIMARY KEY (scope, key)
);
