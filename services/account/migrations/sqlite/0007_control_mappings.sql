-- Which control account the entries of a product's accounts are stamped with: of a currency, or of
-- every one that has no row of its own (empty). It is read under the lock of the books; what
-- stands in accounts.control_gl and products.control_gl is what a release before this reads.
CREATE TABLE product_controls (
    product    TEXT NOT NULL,
    currency   TEXT NOT NULL,
    control_gl TEXT NOT NULL,
    PRIMARY KEY (product, currency)
) WITHOUT ROWID;
INSERT INTO product_controls (product, currency, control_gl)
    SELECT code, '', control_gl FROM products;
