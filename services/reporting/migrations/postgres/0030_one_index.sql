-- An entry's version is the end of its sort key, and so the newest are found by the index that
-- also tells an entry that is there already. A replica of before this migration inserts with the
-- other one and takes no events any more (they wait): end the old ones first.
ALTER TABLE entries DROP CONSTRAINT entries_pkey;
ALTER TABLE entries ADD CONSTRAINT entries_pkey PRIMARY KEY USING INDEX entries_newest;
