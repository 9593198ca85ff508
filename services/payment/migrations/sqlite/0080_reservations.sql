-- What counts against limits, whether one is set or not (ADR 30): one row for each transfer that
-- was taken on and each authorised part of a card payment, until it ends unpaid. id is that of the
-- transfer, or authorisation and number with a slash between; amount, in minor units, is what of
-- it still counts; date is the business date by which it was taken on.
CREATE TABLE reservations (
    id       TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    customer TEXT,
    channel  TEXT NOT NULL,
    date     TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount   BIGINT NOT NULL CHECK (amount > 0)
);
CREATE INDEX reservations_by_account ON reservations (account, date);
CREATE INDEX reservations_by_customer ON reservations (customer, date) WHERE customer IS NOT NULL;
CREATE INDEX reservations_by_date ON reservations (date);

-- A counter that begins with what counts already is seeded (1). One of before is not: it has what
-- transfers of before have reserved, whose own column `reserved` says where.
ALTER TABLE limit_usage ADD COLUMN seeded BIGINT NOT NULL DEFAULT 0;
-- What was counted of a limit that was removed is not true any more.
DELETE FROM limit_usage WHERE id NOT LIKE 'standin/%' AND NOT EXISTS (
    SELECT 1 FROM limits AS l WHERE limit_usage.id LIKE l.subject || '%/'
        || CASE l.period WHEN 2 THEN '____-__-__' ELSE '____-__' END || '/' || l.currency);

-- A limit that was removed stops nothing, and is counted further: so its counters stay true.
ALTER TABLE limits ADD COLUMN removed_at BIGINT;
