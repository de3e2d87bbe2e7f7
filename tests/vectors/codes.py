"""The known answers of `otp`'s derivation, computed from its definition alone: `python3 codes.py`."""

import hashlib
import hmac

KEY = b"an example key of some 40 different bytes"
SUB = "5d1c7f9e-0a63-4a0e-9c6e-2f1d3b7a8c90"


def code(pool, sub, nonce, digits):
    parts = [b"cognito-otp code v1", pool.encode(), sub.encode(), nonce]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    mac = hmac.new(KEY, message, hashlib.sha256).digest()
    return str(int.from_bytes(mac[:8], "big") % 10**digits).zfill(digits)


for arguments in [
    ("us-east-1_LocalPool", SUB, bytes(16), 6),
    ("us-east-1_LocalPool", SUB, bytes(16), 10),
    ("us-east-1_LocalPool", SUB, b"\xff" * 16, 6),
    ("eu-west-3_abcDEF123", SUB, bytes(16), 6),
    ("us-east-1_LocalPool", "", bytes(16), 8),
    ("", "us-east-1_LocalPool", bytes(16), 8),
]:
    print(code(*arguments))
