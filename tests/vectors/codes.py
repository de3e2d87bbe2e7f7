"""The known answers of `otp`'s derivation, computed from its definition alone: `python3 codes.py`."""

import hashlib
import hmac

KEY = b"an example key of some 40 different bytes"
POOL = "us-east-1_LocalPool"
SUB = "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90"
PHONE = "+819012345678"
EMAIL = "jane@example.com"


def code(pool, sub, phone, email, nonce, digits):
    texts = ["cognito-otp code v2", pool, sub, phone, email]
    parts = [text.encode() for text in texts] + [nonce]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    mac = hmac.new(KEY, message, hashlib.sha256).digest()
    return str(int.from_bytes(mac[:8], "big") % 10**digits).zfill(digits)


for arguments in [
    (POOL, SUB, PHONE, EMAIL, bytes(16), 6),
    (POOL, SUB, PHONE, EMAIL, bytes(16), 10),
    (POOL, SUB, PHONE, EMAIL, b"\xff" * 16, 6),
    ("eu-west-3_abcDEF123", SUB, PHONE, "", bytes(16), 6),
    (POOL, SUB, "", EMAIL, bytes(16), 8),
    (POOL, SUB, EMAIL, PHONE, bytes(16), 8),
    (POOL, SUB, "", "", bytes(16), 8),
    ("", POOL, "", "", bytes(16), 8),
]:
    print(code(*arguments))
