// What create and verify share: codes, seals and names of items, made as ours are, so that both
// answer the same events.
import { createHmac } from "node:crypto";

const { CODE_KEY, LEDGER_KEY } = process.env;
const length = Number(process.env.CODE_LENGTH ?? 6);

function mac(key, domain, ...parts) {
  const hmac = createHmac("sha256", key);
  for (const part of [Buffer.from(domain), ...parts.map((part) => Buffer.from(part))]) {
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(part.length));
    hmac.update(size).update(part);
  }
  return hmac.digest();
}

// The user of an event, with the contacts that a code is bound to.
export function owner({ userPoolId, userName, request }) {
  const { sub, phone_number = "", email = "" } = request.userAttributes ?? {};
  return { pool: userPoolId, sub: sub ?? userName.toLowerCase(), phone_number, email };
}

export function code({ pool, sub, phone_number, email }, nonce) {
  const bytes = Buffer.from(nonce, "base64url");
  const number = mac(CODE_KEY, "cognito-otp code v2", pool, sub, phone_number, email, bytes);
  return (number.readBigUInt64BE() % 10n ** BigInt(length)).toString().padStart(length, "0");
}

export function seal({ pool, sub }, { nonce, expires_at, round, media, proven, spend }) {
  const fields = Object.entries({ nonce, expires_at, round, media, proven, spend }).flat();
  const domain = "cognito-otp private challenge parameters v2";
  return mac(CODE_KEY, domain, pool, sub, ...fields).toString("base64url");
}

export const keyTag = mac(CODE_KEY, "cognito-otp key tag v1").subarray(0, 9).toString("base64url");

export function accountKey({ pool, sub }) {
  const name = mac(LEDGER_KEY, "cognito-otp ledger account v2", pool, sub);
  return `account#${name.toString("base64url")}`;
}

export function destinationKey(address) {
  const name = mac(LEDGER_KEY, "cognito-otp ledger destination v2", address.toLowerCase());
  return `destination#${name.toString("base64url")}`;
}
