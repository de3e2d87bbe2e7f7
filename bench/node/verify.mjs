// Is this answer right?
import { timingSafeEqual } from "node:crypto";

import { code } from "./code.mjs";

export async function handler(event) {
  const { request, userPoolId, userName } = event;
  const { nonce, expires_at } = request.privateChallengeParameters ?? {};
  const answer = Buffer.from((request.challengeAnswer ?? "").replaceAll(/\s/g, ""));
  const sub = request.userAttributes?.sub ?? userName;
  const right = nonce === undefined ? undefined : Buffer.from(code(userPoolId, sub, nonce));
  const answerCorrect =
    right !== undefined &&
    Date.now() / 1000 < Number(expires_at) &&
    answer.length === right.length &&
    timingSafeEqual(answer, right);
  event.response = { answerCorrect };
  return event;
}
