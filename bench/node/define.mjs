// Which step comes next.
const attempts = Number(process.env.MAX_ATTEMPTS ?? 3);

export async function handler(event) {
  const session = event.request.session ?? [];
  const codes = session.filter(({ challengeName }) => challengeName === "CUSTOM_CHALLENGE");
  const right = codes.length > 0 && codes.at(-1).challengeResult === true;
  const last = session.at(-1)?.challengeName;
  const passed = right && last === "CUSTOM_CHALLENGE" && !event.request.userNotFound;
  const failed = !passed && (right || codes.length >= attempts);
  event.response = {
    issueTokens: passed,
    failAuthentication: failed,
    ...(passed || failed ? {} : { challengeName: "CUSTOM_CHALLENGE" }),
  };
  return event;
}
