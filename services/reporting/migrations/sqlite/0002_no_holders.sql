-- Who may see an account is asked of `account` when somebody searches: a copy was late.
DROP TABLE holders;
DROP TABLE accounts;
DROP TABLE customers;
