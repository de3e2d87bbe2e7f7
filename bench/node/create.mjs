// Issues a code and sends it: the ledger admits it, SNS sends it, the ledger closes it.
import { randomBytes } from "node:crypto";

import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

import { code, mac } from "./code.mjs";

const dynamodb = new DynamoDBClient({});
const sns = new SNSClient({});
const table = process.env.LEDGER_TABLE;
const lifetime = Number(process.env.CODE_LIFETIME_SECONDS ?? 300);
const limits = [
  { count: 5, milliseconds: 15 * 60 * 1000 },
  { count: 20, milliseconds: 24 * 60 * 60 * 1000 },
];

export async function handler(event) {
  const { userPoolId, userName, request } = event;
  const attributes = request.userAttributes ?? {};
  const to = attributes.phone_number;
  if (!to || attributes.phone_number_verified !== "true") {
    throw new Error("NO_DESTINATION");
  }
  const sub = attributes.sub ?? userName;
  const nonce = randomBytes(16).toString("base64url");
  const now = Date.now();
  const admitted = await admit(to, mac("user", userPoolId, sub).toString("base64url"), nonce, now);
  const text = `${code(userPoolId, sub, nonce)} is your sign-in code. It expires in ${lifetime / 60} minutes.`;
  await sns.send(
    new PublishCommand({
      PhoneNumber: to,
      Message: text,
      MessageAttributes: {
        "AWS.SNS.SMS.SMSType": { DataType: "String", StringValue: "Transactional" },
      },
    }),
  );
  await close(admitted, now);
  const issued = Math.floor(now / 1000);
  const expires = String(issued + lifetime);
  event.response = {
    publicChallengeParameters: {
      CODE_DELIVERY_DELIVERY_MEDIUM: "SMS",
      CODE_DELIVERY_DESTINATION: `+${"*".repeat(to.length - 5)}${to.slice(-4)}`,
      CODE_LENGTH: process.env.CODE_LENGTH ?? "6",
      EXPIRES_AT: expires,
    },
    privateChallengeParameters: { nonce, expires_at: expires },
    challengeMetadata: `v1.${nonce}.${issued}.SMS`,
  };
  return event;
}

async function admit(to, user, nonce, now) {
  const { key, item } = await load(to);
  const times = (item.times?.L ?? []).map(({ N }) => Number(N)).filter((time) => now - time < limits[1].milliseconds);
  for (const { count, milliseconds } of limits) {
    if (times.filter((time) => now - time < milliseconds).length >= count) {
      throw new Error("TOO_MANY_CODES");
    }
  }
  return await store(key, item, {
    times: { L: [...times, now].map((time) => ({ N: String(time) })) },
    open_nonce: { S: nonce },
    open_user: { S: user },
    open_at: { N: String(now) },
    expires_at: { N: String(Math.floor(now / 1000) + 86_460) },
  });
}

// With what is known of the item: somebody else's change since would be a conflict.
async function close({ key, item }, now) {
  const expires_at = { N: String(Math.floor(now / 1000) + 86_460) };
  await store(key, item, { times: item.times, expires_at });
}

async function load(to) {
  const key = mac("destination", to).toString("base64url");
  const { Item } = await dynamodb.send(
    new GetItemCommand({ TableName: table, Key: { destination: { S: key } }, ConsistentRead: true }),
  );
  return { key, item: Item ?? {} };
}

async function store(key, before, fields) {
  const condition =
    before.version === undefined
      ? {
          ConditionExpression: "attribute_not_exists(#key)",
          ExpressionAttributeNames: { "#key": "destination" },
        }
      : {
          ConditionExpression: "#version = :before",
          ExpressionAttributeNames: { "#version": "version" },
          ExpressionAttributeValues: { ":before": before.version },
        };
  const version = { N: String(Number(before.version?.N ?? 0) + 1) };
  const Item = { destination: { S: key }, version, ...fields };
  await dynamodb.send(new PutItemCommand({ TableName: table, Item, ...condition }));
  return { key, item: Item };
}
