"""What the contract asks for in words and JSON Schema does not say: the mandatory fields of
the requests whose fields the contract does not mark as REQUIRED. They are added where the generator left them out, so that it reaches what lies
behind the first check; what it made itself stays."""

import os

import schemathesis

CUSTOMER = os.environ["FLORIN_CUSTOMER"]
OTHER_CUSTOMER = os.environ["FLORIN_OTHER_CUSTOMER"]
ACCOUNT = os.environ["FLORIN_ACCOUNT"]
OTHER_ACCOUNT = os.environ["FLORIN_OTHER_ACCOUNT"]

MONEY = {"amount": "0.01", "currency": "EUR"}
PERSON = {"givenName": "Jana", "familyName": "Nová", "dateOfBirth": "1980-02-29"}
LEGS = [
    {"glCode": "1010", "direction": "DIRECTION_DEBIT", "amount": MONEY},
    {"accountId": ACCOUNT, "direction": "DIRECTION_CREDIT", "amount": MONEY},
]

MANDATORY = {
    "POST /v1/customers": {"person": PERSON},
    "POST /v1/accounts": {"customerId": CUSTOMER, "product": "current", "currency": "EUR"},
    "POST /v1/accounts/{account_id}:freeze": {"reason": "asked for"},
    "POST /v1/accounts/{account_id}:unfreeze": {"reason": "asked for"},
    "POST /v1/accounts/{account_id}/holders": {
        "customerId": OTHER_CUSTOMER,
        "role": "HOLDER_ROLE_VIEWER",
    },
    "POST /v1/deposits": {"to": ACCOUNT, **MONEY},
    "POST /v1/withdrawals": {"from": ACCOUNT, **MONEY},
    "POST /v1/transfers": {"from": ACCOUNT, "to": OTHER_ACCOUNT, **MONEY},
    "POST /v1/ledger/transactions:post": {
        "transactions": [{"reference": "stranger", "kind": "fee", "legs": LEGS}]
    },
    "POST /v1/ledger/glAccounts": {"code": "4990", "name": "Fees", "class": "GL_CLASS_INCOME"},
}


@schemathesis.hook
def map_body(context, body):
    mandatory = MANDATORY.get(context.operation.label)
    if mandatory is None or not isinstance(body, dict):
        return body
    # A customer is a person or an organisation, never both.
    if "organisation" in body:
        return body
    return {**mandatory, **body}
