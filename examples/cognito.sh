# What sign-up.sh and sign-in.sh share: settings, questions, and calls to Amazon Cognito with the
# AWS CLI. Values travel as JSON in a file that only this user can read, so that neither a code nor a
# session, password or secret is ever seen in a list of processes, and nothing that a user types
# is taken for an option, a file name or a list.
# shellcheck shell=bash

# Version 2 of the CLI would show what it prints in a pager, or ask for parameters itself.
export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off

program=${0##*/}
# The exception of the last call that failed, and its message.
exception=''
message=''

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$program: $*"
  exit 1
}

# needs NAME EXAMPLE: ends the script if the variable NAME is unset or empty.
needs() {
  if [[ -z ${!1:-} ]]; then
    fail "$1 is not set; for instance: export $1=$2"
  fi
}

# read_settings: takes the settings from the environment.
read_settings() {
  local command
  for command in aws openssl; do
    command -v "$command" > /dev/null || fail "the command $command is not installed"
  done
  needs CLIENT_ID 1example23456789
  # The CLI's two versions read different variables; --region is the same for both.
  AWS_REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  needs AWS_REGION us-east-1
  CLIENT_SECRET=${CLIENT_SECRET:-}
  if ((${#CLIENT_SECRET} > 64)); then
    fail "CLIENT_SECRET has more than 64 characters; it is no app client's secret"
  fi
  # For this user alone.
  scratch=$(mktemp -d)
  trap 'rm -rf -- "$scratch"' EXIT
}

# ask QUESTION: reads a line into $answer.
ask() {
  printf '%s' "$1" >&2
  answer=''
  # The last line may end without a line break.
  IFS= read -r answer || [[ -n $answer ]] || {
    say ''
    fail "no answer: the input has ended"
  }
}

# read_name ARGUMENTS...: takes the user's name from the arguments, or asks for it.
read_name() {
  name=${1:-}
  if [[ -z $name ]]; then
    ask 'Phone number (such as +14255550100) or email address: '
    name=$answer
  fi
  [[ -n $name ]] || fail "no phone number or email address given"
}

# json TEXT: TEXT as a JSON string, without its control characters.
json() {
  printf '"%s"' "$(printf '%s' "$1" | LC_ALL=C tr -d '\000-\037\177' | LC_ALL=C sed 's/[\\"]/\\&/g')"
}

# secret_hash NAME: base64(HMAC-SHA256(CLIENT_SECRET, NAME + CLIENT_ID)). `openssl dgst -hmac` would
# show the secret in the list of processes, so HMAC (RFC 2104) is built on the plain hash here.
secret_hash() {
  local LC_ALL=C inner='' outer='' byte i
  for ((i = 0; i < 64; i++)); do
    byte=0
    if ((i < ${#CLIENT_SECRET})); then
      printf -v byte '%d' "'${CLIENT_SECRET:i:1}"
    fi
    printf -v inner '%s\\x%02x' "$inner" $((byte ^ 0x36))
    printf -v outer '%s\\x%02x' "$outer" $((byte ^ 0x5c))
  done
  {
    printf '%b' "$outer"
    { printf '%b' "$inner" && printf '%s' "$1$CLIENT_ID"; } | openssl dgst -sha256 -binary
  } | openssl dgst -sha256 -binary | openssl base64 -A
}

# secret_hash_field NAME KEY: a JSON object's field KEY with the hash, and the comma that ends it;
# nothing if the client has no secret.
secret_hash_field() {
  if [[ -n $CLIENT_SECRET ]]; then
    printf '%s: %s,' "$(json "$2")" "$(json "$(secret_hash "$1")")"
  fi
}

# sign_up NAME QUERY: calls SignUp with a password that Cognito demands and nobody ever uses, so it is
# not kept: 264 random bits, and one character of each kind that a policy may ask for. Returns as
# `call` does.
sign_up() {
  call sign-up "{
    \"ClientId\": $(json "$CLIENT_ID"), $(secret_hash_field "$1" SecretHash)
    \"Username\": $(json "$1"), \"Password\": $(json "$(openssl rand -base64 33)aA1!")
  }" "$2"
}

# call OPERATION JSON QUERY: calls Cognito, without credentials, and leaves in $reply what QUERY
# picks, separated by tabs. Returns 1 if Cognito or the CLI fails, and leaves why in $exception and
# $message.
call() {
  local errors=$scratch/errors request=$scratch/request status=0
  local form='An error occurred \(([A-Za-z]+)\) when calling the [A-Za-z]+ operation( \([^)]*\))?: (.*)$'
  # A file, not a pipe: version 1 of the CLI reads it twice.
  printf '%s' "$2" > "$request"
  # shellcheck disable=SC2034 # The caller reads the reply.
  reply=$(aws cognito-idp "$1" \
    --cli-input-json "file://$request" --no-sign-request --region "$AWS_REGION" \
    ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} \
    --query "$3" --output text 2> "$errors") || status=$?
  rm -f -- "$request"
  if ((status == 0)); then
    return 0
  fi
  # An error of Cognito's has the form above; any other is in words of the CLI's, in the last line.
  message=$(grep -v '^[[:space:]]*$' "$errors" | grep -m 1 'An error occurred (' ||
    grep -v '^[[:space:]]*$' "$errors" | tail -n 1)
  message=$(printf '%s' "$message" | LC_ALL=C tr -d '\000-\037\177')
  exception=''
  if [[ $message =~ $form ]]; then
    exception=${BASH_REMATCH[1]}
    message="$exception: ${BASH_REMATCH[3]}"
  fi
  return 1
}
