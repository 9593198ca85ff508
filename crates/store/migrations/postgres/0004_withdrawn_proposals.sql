-- Who made a proposal may reject it, and so withdraw it; never approve it.
ALTER TABLE approvals DROP CONSTRAINT approvals_check;
ALTER TABLE approvals ADD CONSTRAINT approvals_second_person
    CHECK (checker IS NULL OR checker <> maker OR state = 'rejected');
