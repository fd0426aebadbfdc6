#!/usr/bin/env python3
"""A second verifier of the bundles of smpcd, written from DOSSIER.md. Section numbers are those of that document.

It checks everything but the range proofs: whose signatures count, that all of them hold, that header and commitments
belong together, that every partial sum is what the commitments fix, cell by cell, that they recombine to the total, and the
digest of the result. The range proofs it leaves to `smpcd result verify`.

Attacker: whoever made the bundle. The agreement is the reader's own.
"""

import argparse
import base64
import hashlib
import re
import struct
import sys
import tomllib
from decimal import Decimal

import nacl.exceptions
import nacl.signing
import rbcl
from blake3 import blake3

REFUSED = 4
MAX_PARTIES = 64
MAX_COMMITMENTS = 4 * 1024 * 1024
MAX_PROOFS = 1024 * 1024
MAX_BODY = MAX_COMMITMENTS + MAX_PROOFS + 1024
MAX_ENVELOPE = MAX_BODY + 256
MAX_ELEMENTS = 64 << 14
DEAL, RECEIPT, ACCEPT, PARTIAL, OUTCOME, COMMITMENTS = 1, 3, 7, 9, 10, 14


class Refused(Exception):
    """The bundle proves nothing."""


def need(holds, why):
    if not holds:
        raise Refused(why)


# 2. Encodings and hashes.


def digest(label, *parts):
    """H: SHA-256 of label and parts, each behind its length."""
    hasher = hashlib.sha256()
    for part in (label.encode(), *parts):
        hasher.update(struct.pack("<Q", len(part)))
        hasher.update(part)
    return hasher.digest()


def bulk_digest(key, data):
    return blake3(data, key=key).digest()


def u16(number):
    return struct.pack("<H", number)


def u32(number):
    return struct.pack("<I", number)


class Reader:
    """Reads the canonical encoding, in one way only."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def u16(self):
        return struct.unpack("<H", self.take(2))[0]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def variant(self, count):
        tag = self.u32()
        need(tag < count, "an unknown variant")
        return tag

    def option(self, read):
        tag = self.take(1)[0]
        need(tag < 2, "an option that is neither there nor not")
        return read() if tag else None

    def bytes(self, most):
        count = self.u32()
        need(count <= most, "longer than it may be")
        return self.take(count)

    def text(self, most):
        try:
            return self.bytes(most).decode()
        except UnicodeDecodeError:
            raise Refused("text that is not UTF-8") from None

    def list(self, most, read):
        count = self.u32()
        need(count <= most, "longer than it may be")
        return [read() for _ in range(count)]

    def end(self):
        need(self.at == len(self.data), "bytes behind its end")


# 3. The file.


class Dossier:
    def __init__(self, data):
        need(data[:8] == b"smpcdpf1", "it does not begin like a bundle")
        r = Reader(data[8:])
        self.agreement = r.take(32)
        self.computation = r.text(32)
        self.period = r.text(32)
        self.voided = r.u32()
        # A fault has its culprit and its kind here; this verifier reads results alone.
        need(r.variant(2) == 0, "it is evidence against a party, not a bundle")
        self.certificate = r.option(lambda: Certificate(r))
        self.messages = r.list(4 * MAX_PARTIES, lambda: r.bytes(MAX_ENVELOPE))
        self.partials = r.list(MAX_PARTIES, lambda: (r.u16(), r.bytes(MAX_ELEMENTS)))
        r.end()


class Certificate:
    def __init__(self, r):
        self.attempt = r.u32()
        start = r.at
        self.dealings = r.list(MAX_PARTIES, lambda: (r.u16(), r.take(32)))
        self.holders = r.list(MAX_PARTIES, r.u16)
        # (S, Q) as it is encoded is what its digest is of.
        self.encoded_set = r.data[start : r.at]
        votes = lambda: r.list(MAX_PARTIES, lambda: (r.u16(), r.take(64)))
        self.accepts = votes()
        self.receipts = r.list(MAX_PARTIES, votes)


# 4. Messages.


class Message:
    def __init__(self, data):
        r = Reader(data)
        self.round = r.take(32)
        self.sender = r.u16()
        self.recipient = r.option(r.u16)
        self.body = r.bytes(MAX_BODY)
        self.signature = r.take(64)
        r.end()
        b = Reader(self.body)
        self.kind = b.variant(16)
        if self.kind == DEAL:
            self.shares = b.list(MAX_PARTIES, lambda: b.take(32))
            self.named = b.option(lambda: b.take(32))
        elif self.kind == COMMITMENTS:
            self.dealing = b.take(32)
            self.commitments = b.bytes(MAX_COMMITMENTS)
            self.proofs = b.bytes(MAX_PROOFS)
        elif self.kind == PARTIAL:
            self.set = b.take(32)
            self.digest = b.take(32)
        elif self.kind == OUTCOME:
            self.result = b.option(lambda: b.take(32))
        else:
            raise Refused("a message that belongs into no bundle")
        b.end()

    def name(self):
        return message_digest(self.round, self.sender, self.recipient, self.body)


def message_digest(round_id, sender, recipient, body):
    to = b"" if recipient is None else u16(recipient)
    return digest("smpcd/1/message", round_id, u16(sender), to, body)


def signed(key, name, signature):
    try:
        key.verify(name, signature)
        return True
    except (nacl.exceptions.BadSignatureError, ValueError):
        return False


# 5. The agreement.


UNITS = {
    "ms": 1_000_000,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 10**9),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60 * 10**9),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600 * 10**9),
    **dict.fromkeys(("d", "day", "days"), 86_400 * 10**9),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 7 * 86_400 * 10**9),
    **dict.fromkeys(("M", "month", "months"), 2_630_016 * 10**9),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), 31_557_600 * 10**9),
}


def duration(text):
    """Seconds and nanoseconds."""
    parts = re.findall(r"(\d+)\s*([a-zA-Z]+)\s*", text)
    return divmod(sum(int(number) * UNITS[unit] for number, unit in parts), 10**9)


def form_bytes(data):
    return struct.pack("<Q", len(data)) + data


def form_text(text):
    return form_bytes(text.encode())


def form_number(number):
    return struct.pack("<Q", number)


def form_list(items):
    return form_number(len(items)) + b"".join(items)


def i128(number):
    return number.to_bytes(16, "little", signed=True)


class Party:
    def __init__(self, table):
        self.id, self.name = table["id"], table["name"]
        self.roles = table["roles"]
        self.raw_key = base64.b64decode(table["signing_key"].removeprefix("ed25519:"))
        self.key = nacl.signing.VerifyKey(self.raw_key)

    def form(self):
        roles = sum(1 << bit for bit, role in enumerate(("input", "compute", "result")) if role in self.roles)
        return form_text(self.id) + form_text(self.name) + bytes([roles]) + form_bytes(self.raw_key)


class Computation:
    def __init__(self, table, inputs, computes):
        self.table = table
        self.id = table["id"]
        self.threshold = None if table["sharing"] == "additive" else table["sharing"]["shamir"]["threshold"]
        self.k = len(computes) if self.threshold is None else self.threshold
        self.least = table.get("min_contributors", len(inputs))
        rows = table["rows"]
        self.rows = rows if isinstance(rows, int) else len(rows)
        self.columns = []
        for column in table["column"]:
            scale = 10 ** column["decimals"]
            bounds = [int(Decimal(column[end]) * scale) for end in ("min", "max")]
            self.columns.append((column["name"], *bounds))
        self.cells = self.rows * len(self.columns)

    def form(self):
        table = self.table
        out = form_text(table["id"]) + form_text(table["title"])
        out += b"\0" if self.threshold is None else b"\1" + form_number(self.threshold)
        out += bytes([("semi-honest", "malicious").index(table["adversary"])])
        out += form_number(self.least) + form_text(table["calendar"])
        for name in ("collect_for", "attempt_deadline", "give_up_after"):
            out += b"".join(form_number(part) for part in duration(table[name]))
        rows = table["rows"]
        out += b"\0" + form_number(rows) if isinstance(rows, int) else b"\1" + form_list([form_text(r) for r in rows])
        columns = []
        for column, (name, least, most) in zip(table["column"], self.columns):
            order = ("sum", "mean", "count")
            statistics = [bytes([i]) for i, one in enumerate(order) if one in column["statistics"]]
            form = form_text(name) + form_text(column.get("unit", "")) + i128(least) + i128(most)
            columns.append(form + bytes([column["decimals"]]) + form_list(statistics))
        out += form_list(columns)
        names = [name for name, _, _ in self.columns]
        ratios = [
            form_text(ratio["name"])
            + form_number(names.index(ratio["numerator"]))
            + form_number(names.index(ratio["denominator"]))
            for ratio in table.get("ratio", [])
        ]
        return out + form_list(ratios)


class Agreement:
    def __init__(self, text):
        table = tomllib.loads(text, parse_float=Decimal)
        self.parties = [Party(party) for party in table["party"]]
        having = lambda role: [i for i, party in enumerate(self.parties) if role in party.roles]
        self.inputs, self.computes, self.results = map(having, ("input", "compute", "result"))
        self.computations = [Computation(one, self.inputs, self.computes) for one in table["computation"]]
        legal = {key: str(text).replace("\r\n", "\n").strip() for key, text in table["legal"].items()}
        keys = ("basis", "retention", "publication", "contact", "review_by")
        other = [form_text(key) + form_text(legal[key]) for key in keys if key in legal]
        sections = [
            ("parties", "parties", form_list([party.form() for party in self.parties])),
            ("legal", "legal", form_text(legal["purpose"]) + form_list(other)),
            *((f"computation {one.id}", "computation", one.form()) for one in self.computations),
        ]
        listed = [
            form_text(name) + form_bytes(digest(f"smpcd/1/agreement/{label}", form)) for name, label, form in sections
        ]
        self.digest = digest(
            "smpcd/1/agreement/digest", table["name"].encode(), u32(table["version"]), form_list(listed)
        )


# 6. The group and the shares.

ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = bytes(32)
H = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
G = bytes.fromhex("044fad914b346d1623f0a123c90bec712c6bac717f2acbc48e12db5f6dcaef79")
if rbcl.crypto_core_ristretto255_from_hash(hashlib.sha3_512(b"RISTRETTO_MASKING_BASEPOINT_1").digest()) != G:
    raise SystemExit("the generator of blindings is not the hash of its label")


def times(scalar, point):
    scalar %= ORDER
    # The library refuses a product that is the identity.
    if scalar == 0 or point == IDENTITY:
        return IDENTITY
    if scalar == 1:
        return point
    if scalar == ORDER - 1:
        return rbcl.crypto_core_ristretto255_sub(IDENTITY, point)
    return rbcl.crypto_scalarmult_ristretto255(scalar.to_bytes(32, "little"), point)


def plus(one, other):
    return rbcl.crypto_core_ristretto255_add(one, other)


def linear(pairs):
    """The sum of scalar times point."""
    total = IDENTITY
    for scalar, point in pairs:
        total = plus(total, times(scalar, point))
    return total


def lagrange(nodes, at):
    """What each node's value counts for at another point."""
    weights = []
    for node in nodes:
        over = under = 1
        for other in nodes:
            if other != node:
                over = over * (at - other) % ORDER
                under = under * (node - other) % ORDER
        weights.append(over * pow(under, -1, ORDER) % ORDER)
    return weights


def explicit(n, k, index, own):
    """Seats whose share of this dealer's dealing is explicit."""
    turned = [(index + step) % n for step in range(n)]
    seats = ([] if own is None else [own]) + [seat for seat in turned if seat != own]
    return set(seats[: n - k + 1])


def matrix(computation, n, index, own):
    """For each seat the weights of a dealer's coefficients."""
    k = computation.k
    seeded = [seat for seat in range(n) if seat not in explicit(n, k, index, own)]
    if computation.threshold is not None:
        nodes = [0] + [seat + 1 for seat in seeded]
        return [lagrange(nodes, seat + 1) for seat in range(n)]
    rows = []
    for seat in range(n):
        if seat in seeded:
            rows.append([int(c == seeded.index(seat) + 1) for c in range(n)])
        else:
            rows.append([1] + [-1] * (n - 1))
    return rows


def points(data, cells, k):
    need(len(data) == 32 * cells * k, "commitments to another table")
    listed = [data[at : at + 32] for at in range(0, len(data), 32)]
    need(all(rbcl.crypto_core_ristretto255_is_valid_point(point) for point in listed), "a commitment that is no point")
    return [listed[cell * k : (cell + 1) * k] for cell in range(cells)]


def proof_bytes(computation):
    """Bytes of all range proofs of a dealing, as the run plan says. Whether they hold is not looked at here."""
    alike = {}
    for _, least, most in computation.columns:
        bits = 1
        while bits < (most - least).bit_length():
            bits *= 2
        alike[bits] = alike.get(bits, 0) + computation.rows
    total = 0
    for bits, cells in alike.items():
        while cells:
            run = min(16, 1 << (cells.bit_length() - 1))
            total += 1 + 32 * (6 + 2 * ((2 * bits * run).bit_length() - 1))
            cells -= run
    return total


def opening(data, cells):
    """Value and blinding of each cell."""
    need(len(data) == 64 * cells, "a partial sum of another table")
    scalars = [int.from_bytes(data[at : at + 32], "little") for at in range(0, len(data), 32)]
    need(all(scalar < ORDER for scalar in scalars), "an element that is not canonical")
    return list(zip(scalars[:cells], scalars[cells:]))


# 7. The checks, in order.


def increasing(numbers):
    return all(a < b for a, b in zip(numbers, numbers[1:]))


def verify(agreement, data):
    dossier = Dossier(data)
    need(dossier.agreement == agreement.digest, "it is about another agreement")
    found = [one for one in agreement.computations if one.id == dossier.computation]
    need(found, "the agreement has no such computation")
    computation = found[0]
    need(computation.table["adversary"] == "malicious", "the round is semi-honest")
    names = (dossier.computation.encode(), dossier.period.encode(), u32(dossier.voided))
    round_id = digest("smpcd/1/round", agreement.digest, *names)
    n, k = len(agreement.computes), computation.k
    t = k - 1
    q = (n + t) // 2 + 1
    h = max(q, min(n, 2 * t + 1))

    # Every message: of this round, signed by its sender, who may say it.
    messages = [Message(one) for one in dossier.messages]
    may = {
        DEAL: agreement.inputs,
        COMMITMENTS: agreement.inputs,
        PARTIAL: agreement.computes,
        OUTCOME: agreement.results,
    }
    for message in messages:
        need(message.round == round_id, "a message of another round")
        need(message.sender < len(agreement.parties), "a message of nobody")
        key = agreement.parties[message.sender].key
        need(signed(key, message.name(), message.signature), "a message with a false signature")
        need(message.sender in may[message.kind] and message.recipient is None, "a message that its sender may not say")

    # The certificate.
    certificate = dossier.certificate
    need(certificate is not None, "it has no certificate")
    dealers = [dealer for dealer, _ in certificate.dealings]
    need(increasing(dealers) and set(dealers) <= set(agreement.inputs), "contributors that are none")
    holders = certificate.holders
    need(increasing(holders) and set(holders) <= set(agreement.computes), "holders that are none")
    need(len(dealers) >= computation.least, "too few contributors")
    need(len(holders) >= h, "too few holders")
    set_digest = digest("smpcd/1/set", round_id, certificate.encoded_set)

    def votes(listed, recipient, body):
        parties = [party for party, _ in listed]
        need(increasing(parties) and set(parties) <= set(agreement.computes), "votes of parties that have none")
        for party, signature in listed:
            name = message_digest(round_id, party, recipient, body)
            need(signed(agreement.parties[party].key, name, signature), "a vote with a false signature")
        return parties

    accept = u32(ACCEPT) + u32(certificate.attempt) + set_digest
    need(len(votes(certificate.accepts, None, accept)) >= q, "too few Accepts")
    need(len(certificate.receipts) == len(dealers), "Receipts of other dealings")
    for (dealer, dealing), receipts in zip(certificate.dealings, certificate.receipts):
        need(votes(receipts, dealer, u32(RECEIPT) + dealing) == holders, "not the Receipts of all holders")

    # The dealings of S: header and commitments.
    need(len(messages) > 2 * len(dealers), "it does not hold every dealing")
    committed = []
    for position, (dealer, dealing) in enumerate(certificate.dealings):
        deal, message = messages[2 * position : 2 * position + 2]
        need((deal.kind, message.kind) == (DEAL, COMMITMENTS), "it does not hold every dealing")
        need((deal.sender, message.sender) == (dealer, dealer), "a dealing of another party")
        need(digest("smpcd/1/header", deal.name()) == dealing == message.dealing, "a dealing that was not certified")
        need(len(deal.shares) == n, "a header for other parties")
        named = digest("smpcd/1/commitments", message.commitments, message.proofs)
        need(deal.named == named, "commitments that the header does not name")
        need(len(message.proofs) == proof_bytes(computation), "range proofs of another table")
        committed.append(points(message.commitments, computation.cells, k))

    # The partial sums, each against what the commitments fix.
    *partials, outcome = messages[2 * len(dealers) :]
    need(outcome.kind == OUTCOME, "it has no outcome")
    need(len(partials) == len(dossier.partials) >= k, "too few partial sums")
    need(increasing([holder for holder, _ in dossier.partials]), "partial sums out of order")
    seat_of = {party: seat for seat, party in enumerate(agreement.computes)}
    rows = [matrix(computation, n, agreement.inputs.index(dealer), seat_of.get(dealer)) for dealer in dealers]
    opened = {}
    for message, (holder, elements) in zip(partials, dossier.partials):
        need(holder in holders and (message.kind, message.sender) == (PARTIAL, holder), "a partial sum of nobody")
        seat = seat_of[holder]
        key = digest("smpcd/1/partial", round_id, u16(seat))
        need(message.set == set_digest and message.digest == bulk_digest(key, elements), "elements not announced")
        opened[seat] = opening(elements, computation.cells)
        for cell, (value, blinding) in enumerate(opened[seat]):
            fixed = linear(
                (weight, point) for row, table in zip(rows, committed) for weight, point in zip(row[seat], table[cell])
            )
            need(linear([(value, H), (blinding, G)]) == fixed, f"a partial sum that is none, in cell {cell}")

    # The total: of k partial sums, which every further one agrees with.
    seats = sorted(opened)
    totals = []
    for cell in range(computation.cells):
        if computation.threshold is None:
            total = tuple(sum(opened[seat][cell][part] for seat in seats) % ORDER for part in (0, 1))
        else:
            nodes = [seat + 1 for seat in seats[:k]]
            at = lambda point, part: sum(
                weight * opened[seat][cell][part] for weight, seat in zip(lagrange(nodes, point), seats)
            ) % ORDER
            total = (at(0, 0), at(0, 1))
            for seat in seats[k:]:
                need((at(seat + 1, 0), at(seat + 1, 1)) == opened[seat][cell], "partial sums that do not fit together")
        fixed = linear((1, table[cell][0]) for table in committed)
        need(linear([(total[0], H), (total[1], G)]) == fixed, f"a total that is none, in cell {cell}")
        value = total[0] if total[0] < 2**127 else total[0] - ORDER
        _, least, most = computation.columns[cell % len(computation.columns)]
        need(len(dealers) * least <= value <= len(dealers) * most, f"a total out of bounds, in cell {cell}")
        totals.append(value)

    # The digest that every result party tells the others.
    totals_digest = bulk_digest(digest("smpcd/1/totals"), b"".join(i128(total) for total in totals))
    contributors = b"".join(u16(dealer) for dealer in dealers)
    result = digest("smpcd/1/result", round_id, contributors, totals_digest)
    need(outcome.result == result, "its maker told the others of another result")
    return result, totals


def main():
    parser = argparse.ArgumentParser(description="Verifies bundles of smpcd, all but their range proofs.")
    parser.add_argument("--agreement", required=True, help="the agreement that the rounds ran under")
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE")
    arguments = parser.parse_args()
    with open(arguments.agreement, encoding="utf-8", newline="") as file:
        agreement = Agreement(file.read())
    code = 0
    for path in arguments.bundles:
        with open(path, "rb") as file:
            data = file.read()
        try:
            result, totals = verify(agreement, data)
            print(f"{path}: verified sha256:{result.hex()} {','.join(map(str, totals))}")
        except Refused as refused:
            code = REFUSED
            print(f"{path}: refused: {refused}")
    return code


if __name__ == "__main__":
    sys.exit(main())
