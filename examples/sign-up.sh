#!/usr/bin/env bash
# Signs a person up with a phone number or an e-mail address, and confirms it with the code sent.
#
#   CLIENT_ID=... AWS_REGION=... examples/sign-up.sh [PHONE-NUMBER-OR-E-MAIL]
#
# Works on AWS, and on `cargo run -p local` with AWS_ENDPOINT_URL set. CLIENT_SECRET is for an app
# client that has one. Needs bash, the AWS CLI (1 or 2) and openssl, and no AWS credentials.
set -euo pipefail

# shellcheck source=examples/cognito.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/cognito.sh"

if (($# > 1)) || [[ ${1:-} == -* ]]; then
  say "usage: $program [PHONE-NUMBER-OR-E-MAIL]"
  exit 2
fi
read_settings
read_name 'Phone number (such as +14255550100) or e-mail address: ' "$@"

client="\"ClientId\": $(json "$CLIENT_ID"), $(secret_hash_field "$name" SecretHash)
  \"Username\": $(json "$name")"
# Where the code went, masked by Cognito.
sent="CodeDeliveryDetails.[DeliveryMedium || '-', Destination || '-']"

say_sent() {
  local medium destination
  IFS=$'\t' read -r medium destination <<< "$reply"
  say "A code was sent by $medium to $destination."
}

resend() {
  call resend-confirmation-code "{ $client }" "$sent" && say_sent
}

# Cognito demands a password. Nobody ever needs this one, so nobody is told: 264 random bits, and
# one character of each kind that a policy may ask for.
password="$(openssl rand -base64 33)aA1!"
if call sign-up "{ $client, \"Password\": $(json "$password") }" "$sent"; then
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
say "$name is signed up. To sign in: examples/sign-in.sh"
