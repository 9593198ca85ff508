-- Voided references alone, in the order of their export: few rows of a table that keeps one for
-- every posting.
CREATE INDEX ledger_voids ON ledger_references (caller, reference) WHERE record = 'void';

-- The business dates that were closed before they were listed, as the audit has them: each opened
-- the one that was closed next, the last one the date that is open.
INSERT INTO business_days (closed, opened, closed_at)
SELECT d.closed, d.opened, d.closed_at FROM (
    SELECT c.closed, c.closed_at,
        COALESCE(LEAD(c.closed) OVER (ORDER BY c.closed), c.open_now) AS opened
    FROM (
        SELECT substr(a.reference, 15) AS closed, MIN(a.at) AS closed_at,
            MIN(b.business_date) AS open_now
        FROM audit AS a CROSS JOIN books AS b
        WHERE substr(a.reference, 1, 14) = 'business_date/' GROUP BY substr(a.reference, 15)
    ) AS c
) AS d
WHERE d.opened > d.closed
ON CONFLICT (closed) DO NOTHING;
