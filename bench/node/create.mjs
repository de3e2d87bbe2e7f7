// Issues a code and sends it: the ledger admits it for the account and the destination, SNS sends it.
import { randomBytes } from "node:crypto";

import { BatchGetItemCommand, DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

import { accountKey, code, destinationKey, keyTag, owner, seal } from "./code.mjs";

const dynamodb = new DynamoDBClient({});
const sns = new SNSClient({});
const table = process.env.LEDGER_TABLE;
const lifetime = Number(process.env.CODE_LIFETIME_SECONDS ?? 300);
const limits = [
  { count: 5, milliseconds: 15 * 60 * 1000 },
  { count: 20, milliseconds: 24 * 60 * 60 * 1000 },
];

export async function handler(event) {
  const attributes = event.request.userAttributes ?? {};
  const to = attributes.phone_number;
  if (!to || attributes.phone_number_verified !== "true") {
    throw new Error("NO_DESTINATION");
  }
  const user = owner(event);
  const now = Date.now();
  const { nonce, issued } = await admit(user, to, now);
  const text = `${code(user, nonce)} is your sign-in code. It expires in ${lifetime / 60} minutes.`;
  await sns.send(
    new PublishCommand({
      PhoneNumber: to,
      Message: text,
      MessageAttributes: {
        "AWS.SNS.SMS.SMSType": { DataType: "String", StringValue: "Transactional" },
      },
    }),
  );
  const expires_at = String(issued + lifetime);
  const media = attributes.email_verified === "true" ? "SMS,EMAIL" : "SMS";
  const round = randomBytes(16).toString("base64url");
  const parameters = { nonce, expires_at, round, media, proven: "true", spend: "" };
  event.response = {
    publicChallengeParameters: {
      CODE_DELIVERY_DELIVERY_MEDIUM: "SMS",
      CODE_DELIVERY_DESTINATION: `+${"*".repeat(7)}${to.slice(-4)}`,
      CODE_LENGTH: process.env.CODE_LENGTH ?? "6",
      EXPIRES_AT: expires_at,
    },
    privateChallengeParameters: { ...parameters, mac: seal(user, parameters) },
    challengeMetadata: `v2.${nonce}.${issued}.${Math.floor(now / 1000)}.SMS.1.0`,
  };
  return event;
}

async function admit(user, to, now) {
  const keys = [accountKey(user), destinationKey(to)];
  const [account, destination] = await load(keys);
  const times = [account, destination].map((item) => admitted(item, now));
  const codes = issue(account, Math.floor(now / 1000));
  await store(keys[0], account, { times: times[0], ...codes }, now);
  await store(keys[1], destination, { times: times[1] }, now);
  return { nonce: codes.live.S, issued: Number(codes.live_issued_at.N) };
}

function admitted(item, now) {
  const times = (item.times?.L ?? []).map(({ N }) => Number(N)).filter((time) => now - time < limits[1].milliseconds);
  for (const { count, milliseconds } of limits) {
    if (times.filter((time) => now - time < milliseconds).length >= count) {
      throw new Error("TOO_MANY_CODES");
    }
  }
  return { L: [...times, now].map((time) => ({ N: String(time) })) };
}

// The live code again, if it has enough of its life left, or a new one.
function issue({ live, live_issued_at, live_key, previous, used, used_by }, now) {
  const kept = { ...(used && { used, used_by }) };
  const left = Number(live_issued_at?.N ?? 0) + lifetime - now;
  if (live && live_key.S === keyTag && left >= Math.min(60, lifetime / 2)) {
    return { live, live_issued_at, live_key, ...(previous && { previous }), ...kept };
  }
  return {
    live: { S: randomBytes(16).toString("base64url") },
    live_issued_at: { N: String(now) },
    live_key: { S: keyTag },
    ...(live && { previous: live }),
    ...kept,
  };
}

async function load(keys) {
  const Keys = keys.map((key) => ({ key: { S: key } }));
  const { Responses } = await dynamodb.send(
    new BatchGetItemCommand({ RequestItems: { [table]: { Keys, ConsistentRead: true } } }),
  );
  const items = Responses?.[table] ?? [];
  return keys.map((key) => items.find((item) => item.key.S === key) ?? {});
}

async function store(key, before, fields, now) {
  const condition =
    before.version === undefined
      ? {
          ConditionExpression: "attribute_not_exists(#key)",
          ExpressionAttributeNames: { "#key": "key" },
        }
      : {
          ConditionExpression: "#version = :before",
          ExpressionAttributeNames: { "#version": "version" },
          ExpressionAttributeValues: { ":before": before.version },
        };
  const version = { N: String(Number(before.version?.N ?? 0) + 1) };
  const expires_at = { N: String(Math.floor(now / 1000) + 86_460) };
  const Item = { key: { S: key }, version, expires_at, ...fields };
  await dynamodb.send(new PutItemCommand({ TableName: table, Item, ...condition }));
}
