-- The bank's calendar: days of the week (ISO 8601, 1 is Monday) and holidays without business.
CREATE TABLE weekend_days (
    weekday BIGINT PRIMARY KEY CHECK (weekday BETWEEN 1 AND 7)
);
INSERT INTO weekend_days (weekday) VALUES (6), (7);

CREATE TABLE holidays (
    day  TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL
);

-- Each business date that was closed, and the one that was opened then: what the end of day
-- works through in order, and how a repeated advance is answered.
CREATE TABLE business_days (
    closed    TEXT COLLATE "C" PRIMARY KEY,
    opened    TEXT COLLATE "C" NOT NULL CHECK (opened > closed),
    closed_at BIGINT NOT NULL
);
