-- A release's reference stands for the hold that it released, not for the text under which the
-- hold was placed: what a reference made is an id, always.
UPDATE ledger_references SET record = (
    SELECT h.id FROM holds AS h
    WHERE h.caller = ledger_references.caller AND h.reference = ledger_references.record
) WHERE EXISTS (
    SELECT 1 FROM holds AS h
    WHERE h.caller = ledger_references.caller AND h.reference = ledger_references.record
);

-- An integer that leaves 64 bits becomes a float here; PostgreSQL refuses it by itself.
CREATE TRIGGER value_turnover_stays_integer AFTER UPDATE OF net ON value_turnover
WHEN typeof(NEW.net) <> 'integer'
BEGIN
    SELECT RAISE(ABORT, 'value turnover leaves the range of 64 bits');
END;
