-- The GL accounts of loans: what is lent, what is earned and not paid, income, and what is given
-- up. A version of a loan product may name others.
INSERT INTO gl_accounts (code, name, class, control) VALUES
    ('1300', 'Loans', 1, FALSE),
    ('1920', 'Accrued loan interest receivable', 1, FALSE),
    ('1930', 'Loan fees and penalties receivable', 1, FALSE),
    ('4030', 'Loan interest income', 4, FALSE),
    ('4040', 'Loan fee income', 4, FALSE),
    ('4050', 'Loan penalty income', 4, FALSE),
    ('4060', 'Recoveries of loans written off', 4, FALSE),
    ('5030', 'Loans written off', 5, FALSE)
ON CONFLICT (code) DO NOTHING;
