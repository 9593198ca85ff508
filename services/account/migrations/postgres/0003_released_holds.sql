-- A release's reference stands for the hold that it released, not for the text under which the
-- hold was placed: what a reference made is an id, always.
UPDATE ledger_references SET record = (
    SELECT h.id FROM holds AS h
    WHERE h.caller = ledger_references.caller AND h.reference = ledger_references.record
) WHERE EXISTS (
    SELECT 1 FROM holds AS h
    WHERE h.caller = ledger_references.caller AND h.reference = ledger_references.record
);
