"""A stranger's gRPC client: grpcio and what comes with it, no code generated from Florin's
contract. It learns the messages by reflection and plays the whole story of a customer.

    story.py --certs DIR --cif HOST:PORT --account HOST:PORT --payment HOST:PORT \
             --reporting HOST:PORT --token TOKEN [--foreign-certs DIR]
"""

import argparse
import itertools
import pathlib
import queue
import threading
import time
import uuid

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

# How long one call may take; the machines are shared.
CALL_SECONDS = 20
# How long a transfer may take to its end.
TRANSFER_SECONDS = 30
# How long the read side may be behind; the contract has it refuse after 2 s, to be asked again.
CATCH_UP_SECONDS = 30

KEYS = (f"{uuid.uuid4()}-{number}" for number in itertools.count())


class Refused(Exception):
    """A refusal with the details that google.rpc.Status carries."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.reason = self.domain = self.retry_seconds = None
        self.metadata, self.violations = {}, {}
        status = rpc_status.from_call(error)
        for detail in status.details if status else []:
            info = error_details_pb2.ErrorInfo()
            bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                assert self.reason is None, "exactly one ErrorInfo"
                self.reason, self.domain = info.reason, info.domain
                self.metadata = dict(info.metadata)
            elif detail.Unpack(retry):
                self.retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
            elif detail.Unpack(bad):
                self.violations = {one.field: one.reason for one in bad.field_violations}
        super().__init__(f"{self.code} {self.reason} {self.message} {self.violations}")


class Service:
    """One service: its channel, and its methods as its own reflection tells them."""

    def __init__(self, address, name, credentials, token=None):
        self.channel = grpc.secure_channel(address, credentials)
        self.name = name
        self.token = token
        self.pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        self.methods = self.pool.FindServiceByName(name).methods_by_name

    def call(self, method, request=None, key=None, timeout=CALL_SECONDS, **fields):
        """The answer and its trailers; Refused where the service refuses."""
        described = self.methods[method]
        if request is None:
            request = GetMessageClass(described.input_type)(**fields)
        answer = GetMessageClass(described.output_type)
        invoke = self.channel.unary_unary(
            f"/{self.name}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        metadata = [("x-request-id", str(uuid.uuid4()))]
        if self.token:
            metadata.append(("authorization", f"Bearer {self.token}"))
        if key:
            metadata.append(("idempotency-key", key))
        try:
            reply, call = invoke.with_call(request, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise Refused(error) from error
        headers = dict(call.initial_metadata()) | dict(call.trailing_metadata())
        return reply, headers

    def change(self, method, **fields):
        """A change under a fresh key."""
        return self.call(method, key=next(KEYS), **fields)[0]

    def enum(self, name):
        """Numbers of an enum by the names of its values."""
        values = self.pool.FindEnumTypeByName(name).values
        return {value.name: value.number for value in values}


def refusal(expected, call, **more):
    """Makes the call, which must be refused with this reason."""
    try:
        answer = call(**more)
    except Refused as refused:
        assert refused.reason == expected, f"{expected} expected: {refused}"
        return refused
    raise AssertionError(f"{expected} expected, got {answer}")


def credentials(certs, name, authority=None):
    read = lambda path: pathlib.Path(path).read_bytes()
    return grpc.ssl_channel_credentials(
        read(authority or certs / "ca.pem"),
        read(certs / f"{name}.key"),
        read(certs / f"{name}.pem"),
    )


def health(arguments, certificate):
    """Check and Watch of the standard health service, as the specification says."""
    channel = grpc.secure_channel(arguments.account, certificate)
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ["", "florin.account.v1.AccountService"]:
        request = health_pb2.HealthCheckRequest(service=service)
        assert stub.Check(request, timeout=CALL_SECONDS).status == serving, service
    unknown = health_pb2.HealthCheckRequest(service="florin.nobody.v1.Nobody")
    try:
        stub.Check(unknown, timeout=CALL_SECONDS)
        raise AssertionError("an unknown service has no health")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    for request, wanted in [
        (health_pb2.HealthCheckRequest(), serving),
        (unknown, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN),
    ]:
        watch = stub.Watch(request, timeout=CALL_SECONDS)
        first = queue.Queue()
        threading.Thread(target=lambda: first.put(next(watch)), daemon=True).start()
        assert first.get(timeout=CALL_SECONDS).status == wanted, request
        watch.cancel()


class Bank:
    """The four services, seen with one certificate."""

    def __init__(self, arguments, certificate, token):
        def service(address, name):
            return Service(address, name, certificate, token)

        self.cif = service(arguments.cif, "florin.cif.v1.CifService")
        self.account = service(arguments.account, "florin.account.v1.AccountService")
        self.payment = service(arguments.payment, "florin.payment.v1.PaymentService")
        self.reporting = service(arguments.reporting, "florin.reporting.v1.ReportingService")

    def customer(self, name):
        person = {"given_name": name, "family_name": "Nováková", "date_of_birth": "1980-02-29"}
        registered = self.cif.change("RegisterCustomer", person=person)
        customer = registered.customer.customer_id
        assert customer.startswith("cus_")
        early = {"customer_id": customer, "product": "current", "currency": "EUR"}
        refusal("CUSTOMER_NOT_VERIFIED", self.account.change, method="OpenAccount", **early)
        verified = self.cif.enum("florin.cif.v1.KycStatus")["KYC_STATUS_VERIFIED"]
        self.cif.change("DecideKyc", customer_id=customer, status=verified)
        opened = self.account.change("OpenAccount", **early).account
        assert opened.iban.startswith("CZ") and opened.holders[0].customer_id == customer
        return opened

    def settled(self, transfer_id):
        """The transfer in its end state."""
        names = self.payment.enum("florin.payment.v1.TransferStatus")
        ends = [names[f"TRANSFER_STATUS_{end}"] for end in ("COMPLETED", "FAILED", "CANCELLED")]
        until = time.monotonic() + TRANSFER_SECONDS
        while time.monotonic() < until:
            shown = self.payment.call("GetTransfer", transfer_id=transfer_id)[0].transfer
            if shown.status in ends:
                return shown
            time.sleep(0.02)
        raise AssertionError(f"{transfer_id} did not end within {TRANSFER_SECONDS} s")

    def history(self, **filters):
        """The history with the position of a write, asked for again while it is behind."""
        until = time.monotonic() + CATCH_UP_SECONDS
        while True:
            try:
                return self.reporting.call("SearchTransactions", **filters)[0]
            except Refused as refused:
                if refused.reason != "READ_SIDE_BEHIND" or time.monotonic() > until:
                    raise
                assert refused.code == grpc.StatusCode.UNAVAILABLE, refused
                assert refused.retry_seconds, "a refusal for now says when to come again"
                time.sleep(refused.retry_seconds)

    def balance(self, account):
        shown = self.account.call("GetBalance", account_id=account)[0]
        return shown.posted.amount, shown.held.amount, shown.available.amount


def play(bank, holds):
    """Register, open, pay in, hold and release, transfer, be refused, repeat, read."""
    completed = bank.payment.enum("florin.payment.v1.TransferStatus")["TRANSFER_STATUS_COMPLETED"]
    failed = bank.payment.enum("florin.payment.v1.TransferStatus")["TRANSFER_STATUS_FAILED"]
    anna, boris = bank.customer("Anna").account_id, bank.customer("Boris")
    paid_in = bank.payment.change("CreateDeposit", to=anna, amount="100.00", currency="EUR")
    assert bank.settled(paid_in.transfer_id).status == completed
    assert bank.balance(anna) == ("100.00", "0.00", "100.00")

    # A hold is for the payment service alone: a client is refused, its certificate is not.
    hold = {"reference": f"{uuid.uuid4()}/hold", "account_id": anna}
    hold["amount"] = {"amount": "70.00", "currency": "EUR"}
    refused = refusal("CALLER_NOT_ALLOWED", bank.account.call, method="PlaceHold", **hold)
    assert refused.code == grpc.StatusCode.PERMISSION_DENIED, refused
    placed = holds.call("PlaceHold", **hold)[0]
    assert placed.hold.hold_id.startswith("hld_") and not placed.replayed
    again = holds.call("PlaceHold", **hold)[0]
    assert again.replayed and again.hold == placed.hold
    assert bank.balance(anna) == ("100.00", "70.00", "30.00")
    dear = {"from": anna, "to": boris.iban, "amount": "30.01", "currency": "EUR"}
    short = bank.settled(bank.payment.change("CreateTransfer", **dear).transfer_id)
    assert (short.status, short.failure.reason) == (failed, "INSUFFICIENT_FUNDS"), short
    release = {"reference": f"{hold['reference']}/release", "hold_reference": hold["reference"]}
    assert not holds.call("ReleaseHold", **release)[0].replayed
    assert bank.balance(anna) == ("100.00", "0.00", "100.00")

    # The transfer, and its idempotent repeat.
    key = next(KEYS)
    rent = dear | {"amount": "40.25", "description": "rent"}
    first, _ = bank.payment.call("CreateTransfer", key=key, **rent)
    done = bank.settled(first.transfer_id)
    assert done.status == completed and done.transaction_id.startswith("txn_"), done
    repeated, headers = bank.payment.call("CreateTransfer", key=key, **rent)
    assert repeated.SerializeToString(deterministic=True) == first.SerializeToString(
        deterministic=True
    ), (first, repeated)
    assert headers.get("idempotent-replayed") == "true", headers
    other = rent | {"amount": "40.26"}
    refused = refusal(
        "IDEMPOTENCY_KEY_REUSED", bank.payment.call, method="CreateTransfer", key=key, **other
    )
    assert refused.domain == "common.florin.bank", refused
    assert bank.balance(anna)[0] == "59.75" and bank.balance(boris.account_id)[0] == "40.25"

    # Refusals whose details a program can read.
    wrong = {"from": "trf_1", "to": boris.iban, "amount": "1.234", "currency": "EUR"}
    refused = refusal("INVALID_REQUEST", bank.payment.change, method="CreateTransfer", **wrong)
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT, refused
    assert {"from", "amount"} <= refused.violations.keys(), refused.violations
    refused = refusal("IDEMPOTENCY_KEY_MISSING", bank.payment.call, method="CreateTransfer", **rent)
    nobody = {"account_id": f"acc_{boris.account_id[4:][::-1]}"}
    missing = "acc_01890a5d-ac96-774b-bcce-b302099a8057"
    refused = refusal("ACCOUNT_NOT_FOUND", bank.account.call, method="GetAccount", account_id=missing)
    assert (refused.code, refused.domain) == (grpc.StatusCode.NOT_FOUND, "account.florin.bank")
    refusal("INVALID_REQUEST", bank.account.call, method="GetAccount", **nobody)

    # An item that is malformed fails alone, in its own result.
    many = bank.account.methods["PostTransactions"].input_type
    request = GetMessageClass(many)()
    for _ in range(500):
        request.transactions.add()
    results = bank.account.call("PostTransactions", request=request)[0].results
    assert len(results) == 500, len(results)
    assert all(one.refused.reason == "INVALID_REQUEST" for one in results), results[0]
    assert all(one.refused.violations for one in results), results[0]

    # The read side, with the position of the write.
    page = bank.history(account_id=boris.account_id, text="ren", positions=[done.position])
    (entry,) = page.entries
    credit = 2  # florin.common.v1.DIRECTION_CREDIT
    assert (entry.amount.amount, entry.direction) == ("40.25", credit), entry
    assert entry.transaction_id == done.transaction_id
    statement = bank.account.call("ListEntries", account_id=anna)[0].entries
    assert [one.amount.amount for one in statement] == ["40.25", "100.00"], statement


def deadline(bank):
    """A deadline that cannot be kept ends as DEADLINE_EXCEEDED, and as nothing else."""
    # The client's own timer rounds up to a millisecond, in which a quick bank may answer: that
    # is no breach. Of many such calls some are late.
    late = 0
    for _ in range(1000):
        try:
            bank.account.call("ListProducts", timeout=0.000_001)
        except Refused as refused:
            assert refused.code == grpc.StatusCode.DEADLINE_EXCEEDED, refused
            late += 1
            if late == 3:
                return
    raise AssertionError(f"a microsecond is no time, and {late} of 1000 calls were late")


def wrong_certificates(arguments):
    """Without a token, without a certificate, or with another authority's: refused."""
    certs = arguments.certs
    bare = Service(
        arguments.account, "florin.account.v1.AccountService", credentials(certs, "client-demo")
    )
    refused = refusal("UNAUTHENTICATED", bare.call, method="ListProducts")
    assert refused.code == grpc.StatusCode.UNAUTHENTICATED, refused
    strangers = [grpc.ssl_channel_credentials((certs / "ca.pem").read_bytes())]
    if arguments.foreign_certs:
        # Another authority's client, who trusts ours: only the server can refuse it.
        foreign = credentials(arguments.foreign_certs, "client-demo", certs / "ca.pem")
        strangers.append(foreign)
    for stranger in strangers:
        channel = grpc.secure_channel(arguments.account, stranger)
        try:
            health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS
            )
            raise AssertionError("a stranger got an answer")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certs", type=pathlib.Path, required=True)
    parser.add_argument("--foreign-certs", type=pathlib.Path)
    for service in ["cif", "account", "payment", "reporting"]:
        parser.add_argument(f"--{service}", required=True, metavar="HOST:PORT")
    parser.add_argument("--token", required=True)
    arguments = parser.parse_args()
    client = credentials(arguments.certs, "client-demo")
    bank = Bank(arguments, client, arguments.token)
    # The certificate of the payment service, for the one thing that no client may do.
    payment = credentials(arguments.certs, "payment")
    holds = Service(arguments.account, "florin.account.v1.AccountService", payment)
    health(arguments, credentials(arguments.certs, "operator-admin"))
    play(bank, holds)
    deadline(bank)
    wrong_certificates(arguments)
    print("the story is told")


if __name__ == "__main__":
    main()
