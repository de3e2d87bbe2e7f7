#!/usr/bin/env bash
# Signs a user up in a pool whose SIGN_UP is `cognito`, and confirms the phone number or email address
# with the code that Cognito sends. Where SIGN_UP is `code`, examples/sign-in.sh does it all instead.
#
#   CLIENT_ID=... AWS_REGION=... examples/sign-up.sh [PHONE-NUMBER-OR-EMAIL]
#
# Works on AWS, and on `SIGN_UP=cognito cargo run -p local` with AWS_ENDPOINT_URL set. CLIENT_SECRET is
# for an app client that has one. Needs bash, the AWS CLI (1 or 2) and openssl, and no AWS credentials.
set -euo pipefail

# shellcheck source=examples/cognito.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/cognito.sh"

if (($# > 1)) || [[ ${1:-} == -* ]]; then
  say "usage: $program [PHONE-NUMBER-OR-EMAIL]"
  exit 2
fi
read_settings
read_name "$@"

client="\"ClientId\": $(json "$CLIENT_ID"), $(secret_hash_field "$name" SecretHash)
  \"Username\": $(json "$name")"
# Where the code went, masked by Cognito.
sent="CodeDeliveryDetails.DeliveryMedium || '-', CodeDeliveryDetails.Destination || '-'"

say_sent() {
  local medium destination
  IFS=$'\t' read -r medium destination <<< "$reply"
  say "A code was sent by $medium to $destination."
}

resend() {
  call resend-confirmation-code "{ $client }" "[$sent]" && say_sent
}

if sign_up "$name" "[UserConfirmed, $sent]"; then
  IFS=$'\t' read -r confirmed reply <<< "$reply"
  if [[ $confirmed == True ]]; then
    say "$name is signed up, and this pool sends no code to confirm it. To sign in: examples/sign-in.sh"
    exit
  fi
  say_sent
elif [[ $exception == UsernameExistsException ]]; then
  # Perhaps an earlier run was interrupted before the code was typed.
  existing=$message
  resend || fail "$existing"
else
  fail "$message"
fi

while true; do
  ask 'Code (Enter alone sends another one): '
  if [[ -z $answer ]]; then
    resend || fail "$message"
  elif call confirm-sign-up "{ $client, \"ConfirmationCode\": $(json "$answer") }" '@'; then
    break
  else
    case $exception in
      # The next one may be right.
      CodeMismatchException | ExpiredCodeException | InvalidParameterException) say "$message" ;;
      *) fail "$message" ;;
    esac
  fi
done
say "$name is signed up. To sign in: examples/sign-in.sh --existing"
