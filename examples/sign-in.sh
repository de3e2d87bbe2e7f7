#!/usr/bin/env bash
# Signs a user in or up with a code sent to the phone number or email address, and prints the tokens
# as JSON on standard output; everything else goes to standard error.
#
#   CLIENT_ID=... AWS_REGION=... examples/sign-in.sh [--existing] [PHONE-NUMBER-OR-EMAIL] > tokens.json
#
# First it calls SignUp with a random password, which does nothing if the user exists. With --existing
# it does not: for a pool whose SIGN_UP is not `code`.
#
# DEVICE is a random id of this device, 16 to 64 characters of A-Za-z0-9_-, such as `uuidgen` prints, always
# the same. Once it has signed in, it gets a code when strangers have used up what all may request.
#
# Works on AWS, and on `cargo run -p local` with AWS_ENDPOINT_URL set. CLIENT_SECRET is for an app
# client that has one. Needs bash, the AWS CLI (1 or 2) and openssl, and no AWS credentials.
set -euo pipefail

# shellcheck source=examples/cognito.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/cognito.sh"

existing=''
if [[ ${1:-} == --existing ]]; then
  existing=yes
  shift
fi
if (($# > 1)) || [[ ${1:-} == -* ]]; then
  say "usage: $program [--existing] [PHONE-NUMBER-OR-EMAIL]"
  exit 2
fi
read_settings
read_name "$@"

# What is needed of a reply, in one line. An empty field would be lost, so it becomes a dash.
picks="[
  ChallengeName || '-', Session || '-', ChallengeParameters.USERNAME || '-',
  ChallengeParameters.CODE_DELIVERY_DELIVERY_MEDIUM || '-',
  ChallengeParameters.CODE_DELIVERY_DESTINATION || '-',
  ChallengeParameters.CODE_LENGTH || '-', ChallengeParameters.EXPIRES_AT || '0',
  ChallengeParameters.ATTEMPTS_LEFT || '-', ChallengeParameters.RESENDS_LEFT || '-',
  ChallengeParameters.RESEND_AT || '0', ChallengeParameters.DESTINATION_SMS || '-',
  ChallengeParameters.DESTINATION_EMAIL || '-', ChallengeParameters.NOT_SENT || '-',
  to_string(AuthenticationResult)
]"

read_reply() {
  IFS=$'\t' read -r challenge session user medium destination length expires_at attempts resends \
    resend_at by_sms by_email not_sent tokens <<< "$reply"
  # Arithmetic would run what else it may be.
  [[ $resend_at =~ ^[0-9]+$ ]] || resend_at=0
}

# respond ANSWER [ACTION]
respond() {
  local metadata=''
  [[ -z ${DEVICE:-} ]] || metadata="\"device\": $(json "$DEVICE")"
  [[ -z ${2:-} ]] || metadata="$metadata${metadata:+, }\"action\": $(json "$2")"
  call respond-to-auth-challenge "{
    \"ClientId\": $(json "$CLIENT_ID"), \"ChallengeName\": \"CUSTOM_CHALLENGE\",
    \"Session\": $(json "$session"),
    \"ChallengeResponses\": {
      $(secret_hash_field "$user" SECRET_HASH)
      \"USERNAME\": $(json "$user"), \"ANSWER\": $(json "$1")
    }, \"ClientMetadata\": { $metadata }
  }" "$picks" || fail "$message"
  read_reply
}

resend() {
  local before=$resends wait
  # Cognito wants an answer in every response. This one is never compared with the code.
  respond - resend
  if [[ $challenge != CUSTOM_CHALLENGE ]]; then
    return
  fi
  wait=$((resend_at - $(date +%s)))
  if [[ $resends != "$before" ]]; then
    say "The code was sent again by $medium to $destination."
  elif [[ $resends == 0 ]]; then
    say "Not sent again: that was the last one of this sign-in."
  elif ((wait > 0)); then
    say "Not sent again yet: wait $wait seconds."
  else
    say "Not sent again."
  fi
}

try() {
  local before=$expires_at
  respond "$1"
  if [[ $challenge != CUSTOM_CHALLENGE ]]; then
    return
  fi
  if [[ $expires_at != "$before" ]]; then
    say "That code has expired. A new one was sent by $medium to $destination."
  elif [[ $attempts == 1 ]]; then
    say "Wrong code: 1 attempt left."
  else
    say "Wrong code: $attempts attempts left."
  fi
}

fail_unconfirmed() {
  fail "Cognito must confirm this user first: examples/sign-up.sh, then $program --existing"
}

# sign_up_if_new: signs the user up, unless the user exists or nobody may sign up.
sign_up_if_new() {
  if sign_up "$name" UserConfirmed; then
    [[ $reply == True ]] || fail_unconfirmed
    return
  fi
  case $exception in
    UsernameExistsException) ;;
    # The pool is closed for sign-up. If it is the client's secret, InitiateAuth fails with it as well.
    NotAuthorizedException) ;;
    # The same from the function pre-sign-up; its other faults end the script.
    UserLambdaValidationException) [[ $message == *' SIGN_UP_CLOSED: '* ]] || fail "$message" ;;
    *) fail "$message" ;;
  esac
}

start() {
  call initiate-auth "{
    \"ClientId\": $(json "$CLIENT_ID"), \"AuthFlow\": \"CUSTOM_AUTH\",
    \"AuthParameters\": {
      $(secret_hash_field "$name" SECRET_HASH)
      \"USERNAME\": $(json "$name")
    }
  }" "$picks" || {
    [[ $exception != UserNotConfirmedException ]] || fail_unconfirmed
    fail "$message"
  }
  read_reply
}

[[ -n $existing ]] || sign_up_if_new
start
is_hold() { [[ $challenge == CUSTOM_CHALLENGE && $medium$by_sms$by_email == --- ]]; }

# A hold: a limit is reached, and only a device that has signed in before gets a code.
if is_hold; then
  [[ -z ${DEVICE:-} ]] || respond - resend
  if is_hold; then
    wait=$((resend_at - $(date +%s)))
    ((wait > 0)) || fail "no code was sent ($not_sent)"
    fail "no code was sent ($not_sent): try again in $wait seconds"
  fi
fi
# The pool may ask to choose SMS or email first, and again if the code could not be sent.
while [[ $challenge == CUSTOM_CHALLENGE && $medium == - ]]; do
  say 'Where shall the code go?'
  [[ $by_sms == - ]] || say "  SMS    $by_sms"
  [[ $by_email == - ]] || say "  EMAIL  $by_email"
  ask 'SMS or EMAIL: '
  respond "${answer:--}"
done
if [[ $challenge == CUSTOM_CHALLENGE ]]; then
  say "A code was sent by $medium to $destination."
fi
while [[ $challenge == CUSTOM_CHALLENGE ]]; do
  ask "Code ($length digits; Enter alone sends it again): "
  if [[ -z $answer ]]; then
    resend
  else
    try "$answer"
  fi
done
# `to_string` turns no result into this.
if [[ $tokens == null || -z $tokens ]]; then
  fail "Cognito asks for $challenge, which $program cannot answer"
fi
say "Signed in."
printf '%s\n' "$tokens"
