// Is this answer right? If it is, the ledger uses the code up.
import { timingSafeEqual } from "node:crypto";

import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";

import { accountKey, code, owner, seal } from "./code.mjs";

const dynamodb = new DynamoDBClient({});
const table = process.env.LEDGER_TABLE;
const verified = { SMS: "phone_number_verified", EMAIL: "email_verified" };

export async function handler(event) {
  const { request } = event;
  const user = owner(event);
  const { nonce, expires_at, round, media, proven, spend, mac } = request.privateChallengeParameters ?? {};
  const answer = (request.challengeAnswer ?? "").replaceAll(/\s/g, "");
  const answerCorrect =
    isEqual(mac ?? "", seal(user, { nonce, expires_at, round, media, proven, spend })) &&
    isEqual(answer, code(user, nonce)) &&
    Date.now() / 1000 < Number(expires_at) &&
    media.split(",").every((medium) => request.userAttributes[verified[medium]] === "true") &&
    (await consume(accountKey(user), nonce, round));
  event.response = { answerCorrect };
  return event;
}

function isEqual(left, right) {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

async function consume(key, nonce, round) {
  const used = { ":nonce": { S: nonce }, ":round": { S: round } };
  const consumed = await update(key, {
    UpdateExpression: "SET #used = :nonce, #used_by = :round REMOVE #live, #previous ADD #version :one",
    ConditionExpression: "#live = :nonce OR #previous = :nonce",
    ExpressionAttributeNames: {
      "#used": "used",
      "#used_by": "used_by",
      "#live": "live",
      "#previous": "previous",
      "#version": "version",
    },
    ExpressionAttributeValues: { ...used, ":one": { N: "1" } },
  });
  // Cognito calls again when it got no answer.
  return (
    consumed ||
    (await update(key, {
      UpdateExpression: "SET #used_by = :round",
      ConditionExpression: "#used = :nonce AND #used_by = :round",
      ExpressionAttributeNames: { "#used": "used", "#used_by": "used_by" },
      ExpressionAttributeValues: used,
    }))
  );
}

async function update(key, expressions) {
  try {
    await dynamodb.send(
      new UpdateItemCommand({ TableName: table, Key: { key: { S: key } }, ...expressions }),
    );
    return true;
  } catch (error) {
    if (error.name === "ConditionalCheckFailedException") {
      return false;
    }
    throw error;
  }
}
