"""What the contract asks for in words and JSON Schema does not say: the mandatory fields of
the requests whose fields the contract does not mark as REQUIRED. They are added where the generator left them out, so that it reaches what lies
behind the first check; what it made itself stays."""

import os

import schemathesis

ACCOUNT = os.environ["FLORIN_ACCOUNT"]
OTHER_ACCOUNT = os.environ["FLORIN_OTHER_ACCOUNT"]

MONEY = {"amount": "0.01", "currency": "EUR"}
PERSON = {"givenName": "Jana", "familyName": "Nová", "dateOfBirth": "1980-02-29"}

MANDATORY = {
    "POST /v1/customers": {"person": PERSON},
    "POST /v1/deposits": {"to": ACCOUNT, **MONEY},
    "POST /v1/withdrawals": {"from": ACCOUNT, **MONEY},
    "POST /v1/transfers": {"from": ACCOUNT, "to": OTHER_ACCOUNT, **MONEY},
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
