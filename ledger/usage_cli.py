"""`airgrant ledger usage`: what use beyond the included bytes costs, came to, and whether it was paid.

A shell: argv, terminal, files, the ledger's pages and its broker, exit status. Fetches and verifies the chains of a
provider's meters; what follows from them is for ledger/usage_charges.py. 0 done; 1 the answer is no: nothing is owed, a
bill is refused, something is not paid; 2 the command line or a key; 3 the world failed.
Reference: Bandcoin 6.3; docs/ledger.md, "Paying for use afterwards".
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from ledger.bundle import Audit
from ledger.cli import (
    NO,
    OK,
    add_reading_options,
    add_subcommand,
    add_submitting_options,
    client_of,
    command_parser,
    delivery_lines,
    delivery_page,
    has_run,
    meaning_of,
    parse_account,
    parse_grant_id,
    progress,
    read_file,
    reader_of,
    run_options,
    show_page,
)
from ledger.client import LedgerReader
from ledger.fetching import Tell, fetch_bundle, fetch_genesis, read_base64
from ledger.genesis import Genesis
from ledger.identity import read_key
from ledger.pages import (
    AttestationListPage,
    GrantPage,
    OfferPage,
    TransactionListPage,
    TransactionPage,
    show_usage_terms,
)
from ledger.reports.whole import verify_further
from ledger.unanswered import Fate, deliver, unanswered
from ledger.usage_charges import (
    REPORTS_AFTER_S,
    Charge,
    Metered,
    Word,
    charged_grants,
    find_payer,
    meters_of,
    plan_usage_charge,
    sign_payment,
    verify_bill,
)
from wire.errors import ConfigError, DecodeError, ShellError
from wire.grant import Grant, read_grant
from wire.grant_price import read_grant_price, write_price_question
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.units import format_instant, format_money, format_size
from wire.usage_bill import UsageBill, read_usage_bill, write_usage_bill
from wire.usage_charge import charge_nonce

EXAMPLES = """\
examples:
  airgrant ledger usage terms 02c1...9f                   before you buy: what use beyond costs, and the most of it
  airgrant ledger usage charge 0f3e...20                  what a grant's use came to
  airgrant ledger usage charge 0f3e...20 --key provider.key --bill use.bill        and sign a bill
  airgrant ledger usage pay 0f3e...20 --bill use.bill --key alice.key --authority authority.pem --certificate alice.pem
  airgrant ledger usage owed 02c1...9f                    all that it sold or bought; status 1 if anything is unpaid

A provider posts terms with its offer: airgrant offer post --beyond, --step, --step-price, --at-most.
"""


@dataclass(frozen=True, slots=True)
class _Case:
    """A grant, who sold it, who paid for it (key id), what meters say, and what follows."""

    grant: Grant
    provider: PublicKey
    payer_key_id: str
    metered: Metered
    charge: Charge
    meters: dict[str, bool]
    """Attestation key id of each meter that counts: does it live in a TPM?"""


def main(argv: list[str], clock: Callable[[], float] = time.time) -> int:
    """Entry point; returns the exit status. `clock`: UTC seconds, by which a grant has ended."""
    parser, commands = command_parser(
        "airgrant ledger usage", "Use beyond what was included, paid afterwards.", EXAMPLES
    )
    terms = add_subcommand(commands, "terms", "what use costs in a provider's offer", _terms)
    terms.add_argument("provider", type=parse_account, metavar="PROVIDER")
    add_reading_options(terms)
    charge = add_subcommand(
        commands, "charge", "what the use of a grant came to, by verified meters", _charge
    )
    charge.add_argument("grant", type=parse_grant_id, metavar="GRANT", help="its id, 32 hexadecimal digits")
    charge.add_argument(
        "--key", type=Path, metavar="FILE", help="as its provider: sign a bill with this PEM key"
    )
    charge.add_argument("--bill", type=Path, metavar="FILE", help="where to put the bill")
    add_reading_options(charge)
    pay = add_subcommand(commands, "pay", "transfer what is owed to the provider", _pay)
    pay.add_argument("grant", type=parse_grant_id, metavar="GRANT", help="its id, 32 hexadecimal digits")
    pay.add_argument(
        "--bill", type=Path, metavar="FILE", help="pay only what this bill of the provider's says too"
    )
    add_submitting_options(pay)
    owed = add_subcommand(commands, "owed", "every grant that an account sold or bought: owed, paid", _owed)
    owed.add_argument("account", type=parse_account, metavar="ACCOUNT")
    add_reading_options(owed)
    parser.set_defaults(clock=clock)
    return run_options(parser, argv)


def _terms(options: argparse.Namespace) -> int:
    """Before anybody buys: the offer's terms as the ledger has them."""
    page = reader_of(options).read(OfferPage, f"offers/{options.provider}")
    usage = page.qos.usage
    if usage is None:
        raise LookupError(f"use costs nothing more in the offer of {options.provider}, epoch {page.epoch}")
    told: dict[str, Any] = {"provider": page.provider, "epoch": page.epoch, **usage.model_dump()}
    told |= {"data_cap_bytes": page.qos.data_cap_bytes, "unit_price_ubc": page.price_ubc}
    cap = page.qos.data_cap_bytes
    rows = [
        ("epoch", str(page.epoch)),
        ("price of a unit", format_money(page.price_ubc)),
        ("includes", format_size(usage.included_bytes)),
        ("beyond, each begun", f"{format_size(usage.step_bytes)} costs {format_money(usage.price_ubc)}"),
        ("at most", f"{format_money(usage.most_ubc)} more for a unit"),
        ("ends at", format_size(cap) if cap else "no cap"),
    ]
    return show_page(options, told, lambda: [_facts(rows)])


def _charge(options: argparse.Namespace) -> int:
    if (options.key is None) != (options.bill is None):
        raise ConfigError("--key and --bill go together")
    reader = reader_of(options)
    genesis = fetch_genesis(reader)
    case = _judge(options, reader, genesis)
    if options.key is not None:
        _write_bill(case, read_key(options.key), genesis, options.bill)
    show_page(options, _case_page(case), lambda: [_facts(_case_rows(case))])
    return OK if case.charge.word in (Word.OWED, Word.PAID, Word.WITHIN_INCLUDED) else NO


def _write_bill(case: _Case, key: PrivateKey, genesis: Genesis, file: Path) -> None:
    grant, charge = case.grant, case.charge
    if key.public != case.provider:
        raise LookupError(
            f"grant {grant.grant_id.hex()} was sold by {case.provider}: its provider makes the bill"
        )
    if charge.word not in (Word.OWED, Word.PAID):
        raise LookupError(f"grant {grant.grant_id.hex()}: no bill: {charge.word.value}")
    bill = UsageBill(grant.provider_id, grant.grant_id, grant.epoch, charge.used_bytes, charge.owed_ubc)
    try:
        file.write_bytes(write_usage_bill(bill, key, genesis.ledger_id))
    except OSError as error:
        raise ShellError(str(file), str(error.strerror)) from error


def _pay(options: argparse.Namespace) -> int:
    """Asks the ledger who paid for the grant, signed; comes to the amount by itself; then pays once, or asks again what
    became of a payment that was not answered.
    """
    key, reader = read_key(options.key), reader_of(options)
    genesis = fetch_genesis(reader)
    case = _judge(options, reader, genesis)
    if options.bill is not None:
        bill = _read_bill(options.bill, case.provider, genesis.ledger_id)
        verify_bill(bill, case.grant, case.charge)
    if case.charge.transfer is None:
        raise LookupError(f"grant {options.grant.hex()}: {case.charge.word.value}: nothing is to be paid")
    if case.payer_key_id != key.public.key_id.hex():
        raise LookupError(f"grant {options.grant.hex()} was bought by another key, whose owner pays")
    transfer, now_s = case.charge.transfer, int(options.clock())
    meaning = meaning_of(transfer, charge_nonce(options.grant), key, genesis.ledger_id)
    with unanswered(options.key, meaning) as kept, client_of(options) as client:
        answer = client.ask("query", write_price_question(options.grant))
        price = read_grant_price(answer, genesis.signer(answer), genesis.ledger_id)
        if (price.grant_id, price.payer) != (options.grant, key.public):
            raise LookupError(
                f"the ledger signs that grant {options.grant.hex()} was bought by {price.payer}"
            )
        delivery = deliver(
            kept,
            lambda: sign_payment(case.grant, transfer, key, genesis.ledger_id, now_s),
            client.submit,
            lambda name: has_run(reader, name),
            genesis,
        )
    sent = delivery.signed.transaction.action
    amount = format_money(sent.price_ubc if isinstance(sent, Transfer) else transfer.price_ubc)
    page = _case_page(case) | delivery_page(delivery)
    show_page(options, page, lambda: delivery_lines(delivery, f"{amount} paid"))
    return OK if delivery.fate is Fate.RAN else NO


def _read_bill(file: Path, provider: PublicKey, ledger_id: bytes) -> UsageBill:
    try:
        return read_usage_bill(read_file(file), provider, ledger_id)
    except DecodeError as error:
        raise DecodeError(f"{file}: {error}") from error


def _owed(options: argparse.Namespace) -> int:
    """As seller and as buyer: whose meters name its grants."""
    reader = reader_of(options)
    genesis = fetch_genesis(reader)
    own = list(_transactions(reader, options.account))
    purchases = [one for one in own if one.action == "allocate"]
    cases: list[_Case] = []
    with progress(quiet=options.json) as tell:
        for name in sorted({one.provider for one in purchases if one.provider}):
            provider = PublicKey.parse(name)
            audits = _audits(reader, genesis, provider, tell)
            transactions = own if provider == options.account else list(_transactions(reader, provider))
            for grant, payer in charged_grants(audits, purchases):
                if grant.provider_id == provider.provider_id:
                    cases.append(_settle(options, grant, payer, provider, audits, transactions))
    page = [_case_page(case) for case in cases]
    unpaid = [case for case in cases if case.charge.word is Word.OWED]
    show_page(options, page, lambda: [_table(cases)])
    return NO if unpaid else OK


# ---- What follows from the ledger's pages


def _judge(options: argparse.Namespace, reader: LedgerReader, genesis: Genesis) -> _Case:
    """All that is known of one grant. Raises LookupError where there is none."""
    page = reader.read(GrantPage, f"grants/{options.grant.hex()}")
    encoded = read_base64(page.grant, reader.url)
    grant = read_grant(encoded, genesis.signer(encoded), genesis.ledger_id)
    if grant.grant_id != options.grant:
        raise ShellError(reader.url, f"shows another grant than {options.grant.hex()}")
    if page.payer is None:
        raise LookupError(f"grant {options.grant.hex()}: the ledger does not say who paid")
    bought = list(_transactions(reader, PublicKey.parse(page.payer)))
    payer = find_payer(grant, bought)
    provider = _seller(grant, bought)
    with progress(quiet=options.json) as tell:
        audits = [] if grant.qos.usage is None else _audits(reader, genesis, provider, tell)
    return _settle(options, grant, payer, provider, audits, list(_transactions(reader, provider)))


def _seller(grant: Grant, transactions: Sequence[TransactionPage]) -> PublicKey:
    """Whose key is the one that the grant has the hash of."""
    for one in transactions:
        if one.provider and PublicKey.parse(one.provider).provider_id == grant.provider_id:
            return PublicKey.parse(one.provider)
    raise LookupError(f"grant {grant.grant_id.hex()}: its provider is not on the ledger")


def _settle(
    options: argparse.Namespace,
    grant: Grant,
    payer: str,
    provider: PublicKey,
    audits: Sequence[Audit],
    transactions: Sequence[TransactionPage],
) -> _Case:
    metered = meters_of(grant, audits)
    charge = plan_usage_charge(grant, payer, provider, metered, transactions, int(options.clock()))
    in_tpm = {one.enrolment.attestation_key.key_id.hex(): one.enrolment.in_tpm for one in audits}
    return _Case(grant, provider, payer, metered, charge, {name: in_tpm[name] for name in metered.verified})


def _transactions(reader: LedgerReader, account: PublicKey) -> Iterator[TransactionPage]:
    return reader.listed(TransactionListPage, "transactions", "transactions", account=str(account))


def _audits(reader: LedgerReader, genesis: Genesis, provider: PublicKey, tell: Tell) -> list[Audit]:
    """Every chain of this provider's boxes, verified. Which are its own, the ledger's signed enrolment says again."""
    listed = reader.listed(AttestationListPage, "attestations", "attestations")
    key_ids = [page.key_id for page in listed if page.provider == str(provider)]
    return [verify_further(fetch_bundle(reader, genesis, key_id, tell)) for key_id in key_ids]


# ---- How it looks


def _case_page(case: _Case) -> dict[str, Any]:
    usage, charge = case.grant.total_qos.usage, case.charge
    return {
        "grant_id": case.grant.grant_id.hex(),
        "provider": str(case.provider),
        "payer_key_id": case.payer_key_id,
        "epoch": case.grant.epoch,
        "ends_s": case.grant.ends_s,
        "terms": None if usage is None else show_usage_terms(usage).model_dump(),
        "data_cap_bytes": case.grant.total_qos.data_cap_bytes,
        "word": charge.word.value,
        "used_bytes": charge.used_bytes,
        "owed_ubc": charge.owed_ubc,
        "paid_ubc": charge.paid_ubc,
        "rest_ubc": 0 if charge.transfer is None else charge.transfer.price_ubc,
        "meters": [{"key_id": name, "in_tpm": in_tpm} for name, in_tpm in case.meters.items()],
        "unverified_meters": list(case.metered.unverified),
    }


def _case_rows(case: _Case) -> list[tuple[str, str]]:
    usage, charge = case.grant.total_qos.usage, case.charge
    rows = [
        ("grant", case.grant.grant_id.hex()),
        ("sold by", str(case.provider)),
        ("bought by key id", case.payer_key_id),
    ]
    if usage is not None:
        step = f"{format_money(usage.price_ubc)} for each begun {format_size(usage.step_bytes)} beyond"
        most = format_money(usage.most_ubc)
        rows.append(("terms", f"{format_size(usage.included_bytes)} included, {step}, at most {most}"))
    for name, in_tpm in case.meters.items():
        rows.append(("meter", f"{name}, {'in a TPM' if in_tpm else 'a key in software'}"))
    rows += [
        ("meter", f"{name}, which does not hold: airgrant report verify") for name in case.metered.unverified
    ]
    if charge.word is Word.NOT_ENDED:
        asked_from = format_instant(case.grant.ends_s + REPORTS_AFTER_S)
        return [*rows, ("so", f"not ended: its box may report until {asked_from}, ask from then on")]
    rows.append(("used", format_size(charge.used_bytes)))
    rows.append(
        ("owed", f"{format_money(charge.owed_ubc)}, of which {format_money(charge.paid_ubc)} were paid")
    )
    return [*rows, ("so", charge.word.value.replace("_", " "))]


def _facts(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(f"[dim]{name}[/]", escape(value))
    return table


def _table(cases: Sequence[_Case]) -> Table:
    table = Table(title=None if cases else "no verified meter names a grant of its whose use costs anything")
    for name in ("grant", "bought by key id", "used", "owed", "paid", "so"):
        table.add_column(name, justify="right" if name in ("used", "owed", "paid") else "left")
    for case in cases:
        charge = case.charge
        table.add_row(
            case.grant.grant_id.hex(),
            case.payer_key_id,
            format_size(charge.used_bytes),
            format_money(charge.owed_ubc),
            format_money(charge.paid_ubc),
            charge.word.value.replace("_", " "),
        )
    return table
