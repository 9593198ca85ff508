-- The GL accounts of the cards: what is owed to the card networks for what was captured, and
-- what of it the accounts had no funds for.
INSERT INTO gl_accounts (code, name, class, control) VALUES
    ('1400', 'Card shortfalls', 1, FALSE),
    ('2400', 'Card settlement', 2, FALSE)
ON CONFLICT (code) DO NOTHING;
