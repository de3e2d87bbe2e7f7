// What create and verify share: codes, derived as ours are, so that both answer the same events.
import { createHmac } from "node:crypto";

const key = process.env.CODE_KEY;
const length = Number(process.env.CODE_LENGTH ?? 6);

export function mac(domain, ...parts) {
  const hmac = createHmac("sha256", key);
  for (const part of [Buffer.from(domain), ...parts.map((part) => Buffer.from(part))]) {
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(part.length));
    hmac.update(size).update(part);
  }
  return hmac.digest();
}

export function code(pool, sub, nonce) {
  const number = mac("cognito-otp code v1", pool, sub, Buffer.from(nonce, "base64url"));
  return (number.readBigUInt64BE() % 10n ** BigInt(length)).toString().padStart(length, "0");
}
