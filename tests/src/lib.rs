//! End-to-end stories through the gateway, the same ones embedded and on PostgreSQL and
//! JetStream. They stand in `tests/it`; this library is empty.
