"""Seals the private parameters in `tests/events` and derives the answers to them, from the definitions
in `otp` alone: `python3 tests/vectors/events.py` rewrites the files in place."""

import base64
import hashlib
import hmac
import json
import pathlib
import unicodedata

CODE_KEY = b"0123456789abcdef0123456789abcdef-events"
ROUND = base64.urlsafe_b64encode(bytes(range(16))).decode().rstrip("=")
EVENTS = pathlib.Path(__file__).parent.parent / "events"
# The answers that are not the right code.
WRONG = {"verify-wrong-answer", "verify-choice-email", "verify-choice-sms", "verify-nulls"}


def mac(domain, parts):
    parts = [domain.encode()] + [part if isinstance(part, bytes) else part.encode() for part in parts]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.new(CODE_KEY, message, hashlib.sha256).digest()


def owner(event):
    attributes = event["request"].get("userAttributes") or {}
    subject = attributes.get("sub") or event["userName"].lower()
    return attributes, [event["userPoolId"], subject]


def sealed(event):
    attributes, (pool, subject) = owner(event)
    given = event["request"]["privateChallengeParameters"]
    alternative = given.get("alternative", given.get("other_choice"))
    if alternative is not None:
        fields = {"alternative": alternative}
    else:
        names = {"SMS": "phone_number_verified", "EMAIL": "email_verified"}
        media = [name for name, flag in names.items() if attributes.get(flag, "").lower() == "true"]
        fields = {"nonce": given["nonce"], "expires_at": given["expires_at"], "round": ROUND}
        fields["media"] = ",".join(media)
        # No verified contact: the code was sent to the account's only one, to prove it.
        fields["proven"] = "true" if media else "false"
        fields["spend"] = "proven.490896.email" if media else "new.490896.email"
    parts = [part for field in fields.items() for part in field]
    seal = mac("cognito-otp private challenge parameters v2", [pool, subject, *parts])
    fields["mac"] = base64.urlsafe_b64encode(seal).decode().rstrip("=")
    others = {"nonce", "expires_at", "round", "media", "proven", "spend", "mac", "alternative", "other_choice"}
    return fields | {name: value for name, value in given.items() if name not in others}


def code(event):
    attributes, (pool, subject) = owner(event)
    nonce = base64.urlsafe_b64decode(event["request"]["privateChallengeParameters"]["nonce"] + "==")
    contacts = [attributes.get("phone_number", ""), attributes.get("email", "")]
    digest = mac("cognito-otp code v2", [pool, subject, *contacts, nonce])
    return str(int.from_bytes(digest[:8], "big") % 10**6).zfill(6)


def answer(old, digits):
    """`digits` in the way in which `old` is written."""
    digits = iter(digits)
    written = []
    for character in old:
        if unicodedata.decimal(character, None) is None:
            written.append(character)
        else:
            zero = chr(ord(character) - unicodedata.decimal(character))
            written.append(chr(ord(zero) + int(next(digits))))
    return "".join(written)


for path in sorted(EVENTS.glob("verify-*.json")):
    if path.stem == "verify-previous-version":
        continue
    event = json.loads(path.read_text())
    request = event["request"]
    request["privateChallengeParameters"] = sealed(event)
    if path.stem not in WRONG:
        request["challengeAnswer"] = answer(request["challengeAnswer"], code(event))
    elif path.stem == "verify-wrong-answer":
        right = code(event)
        request["challengeAnswer"] = right[:-1] + str((int(right[-1]) + 1) % 10)
    path.write_text(json.dumps(event, indent=2, ensure_ascii=False) + "\n")
