#!/usr/bin/env bash
# Lifts one user's limits: deletes the ledger's items of the account and of its phone number and email
# address, after asking.
#
#   USER_POOL_ID=... examples/unlock.sh --function CREATE-ARN [USERNAME]
#   USER_POOL_ID=... LEDGER_TABLE=... examples/unlock.sh --secret LEDGER-KEY-ARN [USERNAME]
#   USER_POOL_ID=... LEDGER_TABLE=... LEDGER_KEY=... examples/unlock.sh [USERNAME]
#
# The items are named with LEDGER_KEY. It is read from the configuration of create
# (lambda:GetFunctionConfiguration), from its secret (secretsmanager:GetSecretValue), or from the
# environment; it is in no argument, no file and no other program's environment. USERNAME is what Cognito
# finds the user by: the user name, phone number or email address.
#
# The user can be sent codes again at once, and so can whoever has used the limits up: they may also
# guess again. Deleting forgets the messages that were counted, the current code and the previous one,
# which then are wrong, and who had used the last code. A used code does not come back. It keeps known
# devices, that a contact was proven, and what the spend guard counts: a user whom that guard holds stays
# held. A phone number or email address that several accounts have is unlocked for all of them.
#
# Works on AWS, and on `cargo run -p local` with AWS_ENDPOINT_URL set. Needs bash, openssl, the AWS CLI
# (1 or 2), and credentials for cognito-idp:AdminGetUser on the pool and dynamodb:DeleteItem on the table.
set -euo pipefail

# shellcheck source=examples/cognito.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/cognito.sh"

usage() {
  say "usage: $program [--function CREATE-ARN | --secret LEDGER-KEY-ARN] [USERNAME]"
  exit 2
}

# The key is for this shell alone, and nothing that it starts.
export -n LEDGER_KEY 2> /dev/null || true

function='' secret=''
case ${1:-} in
  --function | --secret)
    [[ -n ${2:-} && ${2:-} != -* ]] || usage
    if [[ $1 == --function ]]; then function=$2; else secret=$2; fi
    shift 2
    ;;
esac
if (($# > 1)) || [[ ${1:-} == -* ]]; then
  usage
fi
for command in aws openssl od; do
  command -v "$command" > /dev/null || fail "the command $command is not installed"
done
needs USER_POOL_ID us-east-1_abcDEF123
[[ $USER_POOL_ID =~ ^[a-z0-9-]+_[0-9A-Za-z]+$ ]] || fail 'USER_POOL_ID is not the ID of a user pool'
# The pool's region. The CLI's two versions read different variables.
export AWS_REGION=${USER_POOL_ID%%_*} AWS_DEFAULT_REGION=${USER_POOL_ID%%_*}

# For this user alone.
umask 077
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# aws_call SERVICE OPERATION JSON QUERY: prints what QUERY picks, separated by tabs.
aws_call() {
  printf '%s' "$3" > "$scratch/request"
  aws "$1" "$2" --cli-input-json "file://$scratch/request" --query "$4" --output text
}

# read_key: sets LEDGER_KEY and LEDGER_TABLE, from where the arguments name.
read_key() {
  local read failed
  if [[ -n $function ]]; then
    read=$(aws_call lambda get-function-configuration "{\"FunctionName\": $(json "$function")}" \
      'Environment.[Error.ErrorCode, Variables.LEDGER_TABLE, Variables.LEDGER_KEY]') ||
      fail "cannot read the configuration of $function"
    IFS=$'\t' read -r failed LEDGER_TABLE LEDGER_KEY <<< "$read"
    [[ $failed == None ]] || fail "cannot read the variables of $function: $failed"
    [[ ${LEDGER_TABLE:-None} != None && ${LEDGER_KEY:-None} != None ]] ||
      fail "$function has no LEDGER_KEY and LEDGER_TABLE; name the function create-auth-challenge"
  elif [[ -n $secret ]]; then
    LEDGER_KEY=$(aws_call secretsmanager get-secret-value "{\"SecretId\": $(json "$secret")}" \
      SecretString) || fail "cannot read the secret $secret"
  fi
  needs LEDGER_TABLE passwordless-Ledger-1EXAMPLE
  [[ -n ${LEDGER_KEY:-} ]] || fail 'LEDGER_KEY is not set; use --function, --secret or the environment'
}

# bytes: standard input, each byte in decimal.
bytes() {
  od -An -v -tu1
}

# prepare_mac: sets what HMAC-SHA256 (RFC 2104) mixes LEDGER_KEY with, as escapes of `printf %b`.
# `openssl dgst -hmac` would show the key in the list of processes.
prepare_mac() {
  local LC_ALL=C key byte i
  if ((${#LEDGER_KEY} > 64)); then
    key=$(printf '%s' "$LEDGER_KEY" | openssl dgst -sha256 -binary | bytes)
  else
    key=$(printf '%s' "$LEDGER_KEY" | bytes)
  fi
  read -r -d '' -a key <<< "$key" || true
  inner='' outer=''
  for ((i = 0; i < 64; i++)); do
    byte=${key[i]:-0}
    printf -v inner '%s\\x%02x' "$inner" $((byte ^ 0x36))
    printf -v outer '%s\\x%02x' "$outer" $((byte ^ 0x5c))
  done
}

# item KIND PARTS...: an item's name: KIND, and HMAC-SHA256 of the parts, each preceded by its length (8
# bytes, big endian), in base64url. The names are those of ledger/src/names.rs.
item() {
  local LC_ALL=C kind=$1 part bits byte mac
  shift
  mac=$({
    printf '%b' "$outer"
    {
      printf '%b' "$inner"
      for part; do
        for ((bits = 56; bits >= 0; bits -= 8)); do
          printf -v byte '\\x%02x' $(((${#part} >> bits) & 255))
          printf '%b' "$byte"
        done
        printf '%s' "$part"
      done
    } | openssl dgst -sha256 -binary
  } | openssl dgst -sha256 -binary | openssl base64 -A)
  mac=${mac//+/-}
  mac=${mac//\//_}
  printf '%s#%s' "$kind" "${mac%%=*}"
}

# lower TEXT: TEXT with ASCII's capital letters made small.
lower() {
  printf '%s' "$1" | LC_ALL=C tr '[:upper:]' '[:lower:]'
}

# delete ITEM LABEL: deletes an item of the ledger.
delete() {
  local deleted
  deleted=$(aws_call dynamodb delete-item "{
    \"TableName\": $(json "$LEDGER_TABLE"), \"Key\": {\"key\": {\"S\": $(json "$1")}},
    \"ReturnValues\": \"ALL_OLD\"
  }" Attributes.key.S) || fail "cannot delete the item of the $2; run it again"
  if [[ $deleted == None ]]; then
    say "Nothing was counted for the $2."
  else
    say "Deleted what was counted for the $2."
  fi
}

read_name "$@"
read_key
prepare_mac

user=$(aws_call cognito-idp admin-get-user \
  "{\"UserPoolId\": $(json "$USER_POOL_ID"), \"Username\": $(json "$name")}" \
  "[UserAttributes[?Name=='sub'].Value | [0], UserAttributes[?Name=='phone_number'].Value | [0],
    UserAttributes[?Name=='email'].Value | [0]]") || fail 'cannot read the user; nothing is changed'
IFS=$'\t' read -r sub phone email <<< "$user"
[[ $sub =~ ^[0-9A-Za-z-]+$ ]] || fail 'the user has no sub; nothing is changed'

labels=(account)
items=("$(item account 'cognito-otp ledger account v2' "$USER_POOL_ID" "$sub")")
for contact in "phone number:$phone" "email address:$email"; do
  address=${contact#*:}
  if [[ $address != None ]]; then
    labels+=("${contact%%:*}")
    items+=("$(item destination 'cognito-otp ledger destination v2' "$(lower "$address")")")
  fi
done

say "The limits of user $sub: of the account${labels[1]:+, the ${labels[1]}}${labels[2]:+, the ${labels[2]}}."
say 'A sign-in under way ends, and whoever used the limits up has all of them again.'
ask 'Lift them? [y/N] '
[[ $answer == [yY] ]] || fail 'nothing is changed'
for i in "${!items[@]}"; do
  delete "${items[i]}" "${labels[i]}"
done
