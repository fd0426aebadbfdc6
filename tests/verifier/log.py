#!/usr/bin/env python3
"""A second verifier of the audit logs of smpcd, written from RFC 6962 and the C2SP documents signed-note, tlog-checkpoint and
tlog-cosignature. It takes the agreement, a log, and checkpoints of it, and prints a line for each checkpoint.

Attacker: the party whose log it is. The agreement is the reader's own.
"""

import argparse
import base64
import hashlib
import struct
import sys
import tomllib
from pathlib import Path

import nacl.exceptions
import nacl.signing

REFUSED = 4
LOG, COSIGNATURE = 1, 4


class Refused(Exception):
    """The checkpoint says nothing of this log."""


def need(holds, why):
    if not holds:
        raise Refused(why)


def root(leaves):
    """RFC 6962, 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


class Key:
    def __init__(self, consortium, party, public):
        self.party = party
        self.name = f"smpcd/{consortium}/{party}/audit"
        self.public = public

    def id(self, kind):
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([kind]) + self.public).digest()[:4]

    def good(self, message, signature):
        try:
            nacl.signing.VerifyKey(self.public).verify(message, signature)
            return True
        except nacl.exceptions.BadSignatureError:
            return False


def note(text):
    """The text of a signed note, and its signatures as (name, id, bytes)."""
    body, found, rest = text.rpartition("\n\n")
    need(found, "it is no note")
    need(rest.endswith("\n"), "its last line has no end")
    signatures = []
    for line in rest.splitlines():
        need(line.startswith("\u2014 "), "a line that is no signature")
        name, encoded = line[2:].split(" ")
        blob = base64.b64decode(encoded, validate=True)
        signatures.append((name, blob[:4], blob[4:]))
    return body + "\n", signatures


def check(text, keys, own, lines):
    body, signatures = note(text)
    parts = body.split("\n")
    need(len(parts) == 4 and parts[3] == "", "not three lines")
    need(parts[0] == own.name, f"of {parts[0]}, not of {own.name}")
    size, claimed = int(parts[1]), base64.b64decode(parts[2], validate=True)
    signed = [s for n, i, s in signatures if n == own.name and i == own.id(LOG)]
    need(signed and all(own.good(body.encode(), s) for s in signed), "the log has not signed it")
    cosigners = []
    for key in keys:
        for name, ident, blob in signatures:
            if name == key.name and ident == key.id(COSIGNATURE):
                (time,) = struct.unpack(">Q", blob[:8])
                need(key.good(f"cosignature/v1\ntime {time}\n{body}".encode(), blob[8:]), f"cosignature of {key.party}")
                cosigners.append(key.party)
    need(size <= len(lines), f"it covers {size} records, the log has {len(lines)}")
    need(root(lines[:size]) == claimed, "the records are not those that it covers")
    return f"{size} records, cosigned by {', '.join(cosigners) or 'nobody'}"


def main():
    parser = argparse.ArgumentParser(description="Checks a log against checkpoints of it.")
    parser.add_argument("--agreement", required=True)
    parser.add_argument("--party", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("checkpoints", nargs="+")
    args = parser.parse_args()
    agreement = tomllib.loads(Path(args.agreement).read_text())
    keys = [
        Key(agreement["name"], party["id"], base64.b64decode(party["signing_key"].removeprefix("ed25519:")))
        for party in agreement["party"]
    ]
    (own,) = [key for key in keys if key.party == args.party]
    lines = Path(args.log).read_bytes().split(b"\n")[:-1]
    status = 0
    for file in args.checkpoints:
        try:
            said = check(Path(file).read_text(), keys, own, lines)
        except (Refused, ValueError) as error:
            said, status = f"refused: {error}", REFUSED
        print(f"{file}: {said}")
    sys.exit(status)


if __name__ == "__main__":
    main()
