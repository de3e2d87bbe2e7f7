#!/usr/bin/env bash
# Attaches the three functions to a user pool that exists already, or takes them off, and leaves all
# else of the pool as it is.
#
#   USER_POOL_ID=... examples/attach.sh [OPTIONS] DEFINE-ARN CREATE-ARN VERIFY-ARN
#   USER_POOL_ID=... examples/attach.sh --detach
#
#   --sign-in passwordless|second-factor    These three are read from the functions' configuration
#   --media SMS,EMAIL                       (lambda:GetFunctionConfiguration), unless they are all
#   --code-lifetime SECONDS                 given.
#   --force                                 Attach to a pool that is refused otherwise.
#
# It looks for ways around the code: app clients with a flow that asks for none, MFA of the pool's own,
# password recovery by a medium that codes go to. With second-factor it refuses such a pool, with
# passwordless it warns. It warns of sessions that end before the code does, too.
#
# UpdateUserPool sets whatever it is not given to its default, so everything that DescribeUserPool
# shows and UpdateUserPool takes goes back with the triggers. A field that the AWS CLI is too old for
# would be lost, so such a CLI is refused. Prints what it changes, asks first, and saves what the pool
# was in a file. Needs bash, jq, the AWS CLI (1 or 2), and credentials that may describe and update the
# pool, and list and describe its app clients.
set -euo pipefail

export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "${0##*/}: $*"
  exit 1
}

usage() {
  say "usage: ${0##*/} [--sign-in passwordless|second-factor] [--media SMS,EMAIL]
    [--code-lifetime SECONDS] [--force] DEFINE-ARN CREATE-ARN VERIFY-ARN
   or: ${0##*/} --detach"
  exit 2
}

# Fields of a user pool that came late, and the first AWS CLI of each line that knows them.
late_fields='{
  "UserAttributeUpdateSettings": "1.24.7 or 2.7.3",
  "DeletionProtection": "1.25.97 or 2.8.6",
  "LambdaConfig.PreTokenGenerationConfig": "1.32.3 or 2.15.3",
  "Policies.PasswordPolicy.PasswordHistorySize": "1.33.37 or 2.17.24",
  "UserPoolAddOns.AdvancedSecurityAdditionalFlows": "1.33.39 or 2.17.26",
  "UserPoolTier": "1.36.9 or 2.22.4",
  "Policies.SignInPolicy": "1.36.9 or 2.22.4",
  "LambdaConfig.InboundFederation": "1.44.27 or 2.33.9",
  "KeyConfiguration": "1.45.19 or 2.34.58",
  "IssuerConfiguration": "1.45.19 or 2.34.58",
  "SmsConfiguration.EumsSms": "1.45.51 or 2.36.2"
}'

sign_in='' media='' lifetime='' force='' detach=''
while [[ ${1:-} == --* ]]; do
  case $1 in
    --detach) detach=yes ;;
    --force) force=yes ;;
    --sign-in | --media | --code-lifetime)
      [[ -n ${2:-} ]] || usage
      case $1 in
        --sign-in) sign_in=$2 ;;
        --media) media=$2 ;;
        *) lifetime=$2 ;;
      esac
      shift
      ;;
    *) usage ;;
  esac
  shift
done
if [[ -n $detach && $# == 0 && -z $sign_in$media$lifetime$force ]]; then
  triggers='{}'
elif [[ -z $detach && $# == 3 && $1 == arn:* && $2 == arn:* && $3 == arn:* ]]; then
  define=$1 create=$2 verify=$3
else
  usage
fi
for command in aws jq; do
  command -v "$command" > /dev/null || fail "the command $command is not installed"
done
[[ -n ${USER_POOL_ID:-} ]] || fail 'USER_POOL_ID is not set; for instance: export USER_POOL_ID=us-east-1_abcDEF123'
[[ $USER_POOL_ID =~ ^[a-z0-9-]+_[0-9A-Za-z]+$ ]] || fail "USER_POOL_ID is no user pool's id"

# For this user alone.
umask 077
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# read_settings: takes what no option says from the functions' configuration; a variable that is not
# set has the function's own default.
read_settings() {
  local read
  # variables ARN NAMES: the values of these variables, as a JSON array.
  variables() {
    aws lambda get-function-configuration --function-name "$1" --output json \
      --query "[Environment.Error.ErrorCode, Environment.Variables.[$2]]" |
      jq -e 'select(.[0] == null) | .[1] // []'
  }
  if [[ -z $sign_in || -z $media || -z $lifetime ]]; then
    read=$(variables "$define" SIGN_IN && variables "$create" MEDIA,CODE_LIFETIME_SECONDS) ||
      fail "cannot read the functions' settings; say them: --sign-in, --media and --code-lifetime"
    # Options first, then variables, then defaults.
    : "${sign_in:=$(jq -rs '.[0][0] // ""' <<< "$read")}"
    : "${media:=$(jq -rs '.[1][0] // ""' <<< "$read")}"
    : "${lifetime:=$(jq -rs '.[1][1] // ""' <<< "$read")}"
    : "${sign_in:=passwordless}" "${media:=SMS,EMAIL}" "${lifetime:=300}"
  fi
  media=${media// /}
  [[ $sign_in == passwordless || $sign_in == second-factor ]] ||
    fail "--sign-in is neither passwordless nor second-factor: $sign_in"
  [[ $media =~ ^(SMS|EMAIL)(,(SMS|EMAIL))?$ ]] || fail "--media is no list of SMS and EMAIL: $media"
  [[ $lifetime =~ ^[1-9][0-9]{1,2}$ ]] || fail "--code-lifetime is no number of seconds: $lifetime"
}

describe_pool() {
  aws "$@" cognito-idp describe-user-pool --user-pool-id "$USER_POOL_ID" --output json
}

# check_cli: fails if the AWS CLI does not know all that Cognito says of the pool. It leaves out what
# it does not know, so its answer is compared with the one that it got, which its debug log has as
# Python writes bytes. That log has credentials, too, and is not kept.
check_cli() {
  local missing version mark=$'\001'
  describe_pool --debug 2>&1 > /dev/null |
    LC_ALL=C sed -n "/^b'{ *\"UserPool\"/{
      s/^b'//
      s/'\$//
      s/\\\\\\\\/$mark/g
      s/\\\\x[0-9a-f][0-9a-f]/?/g
      s/\\\\[nrt]/ /g
      s/\\\\'/'/g
      s/$mark/\\\\/g
      p
    }" > "$scratch/received.json"
  [[ -s $scratch/received.json ]] || fail "cannot see what Cognito answered in this AWS CLI's debug log"
  missing=$(jq -r --slurpfile received "$scratch/received.json" --argjson late "$late_fields" '
    def name: map(strings) | join(".");
    .UserPool as $known
    | ($received | last).UserPool
    | [paths(. != null) | select(. as $path | try ($known | getpath($path)) catch null | . == null)]
    | . as $missing
    # The outermost ones.
    | map(select(.[:-1] as $outer | $missing | index([$outer]) | not) | name)
    | unique[]
    | "\(.) (\(if $late[.] then "\($late[.]) knows it" else "try the newest" end))"
  ' "$scratch/pool.json") || fail 'cannot tell whether this AWS CLI knows all settings of the pool'
  if [[ -n $missing ]]; then
    version=$(aws --version 2>&1)
    fail "this AWS CLI (${version%% *}) is too old: it would reset what it does not know of the pool.
$missing"
  fi
}

# read_clients: the pool's app clients, without their secrets.
read_clients() {
  local id ids
  ids=$(aws cognito-idp list-user-pool-clients --user-pool-id "$USER_POOL_ID" \
    --query 'UserPoolClients[].ClientId' --output json | jq -r '.[]')
  for id in $ids; do
    aws cognito-idp describe-user-pool-client --user-pool-id "$USER_POOL_ID" --client-id "$id" \
      --query UserPoolClient --output json | jq 'del(.ClientSecret)'
  done > "$scratch/clients.json"
}

# ways_around: the ways to tokens, or to the first factor, that ask for no code or for the same one; a
# line for each.
ways_around() {
  jq -r --slurpfile clients "$scratch/clients.json" --arg media "$media" '
    def sends($medium): $media | split(",") | index([$medium]) != null;
    def asks_no_code: . as $flow | [
      "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH",
      "ALLOW_USER_AUTH", "USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"
    ] | index([$flow]) != null;
    ($clients[]
      | "app client \(.ClientId) (\(.ClientName | tojson))" as $client
      | (.ExplicitAuthFlows // [] | if . == [] then ["ALLOW_USER_SRP_AUTH"] else . end)[]
      | select(asks_no_code)
      | "\($client) allows \(.), which asks for no code"),
    ($clients[]
      | select(.AllowedOAuthFlowsUserPoolClient == true)
      | select(.AllowedOAuthFlows // [] | any(. == "code" or . == "implicit"))
      | select(.SupportedIdentityProviders // [] | index(["COGNITO"]))
      | "app client \(.ClientId) (\(.ClientName | tojson)) signs in on managed login pages, which "
        + "ask for no code"),
    (.UserPool
      | (.MfaConfiguration // "OFF"
        | select(. != "OFF")
        | "MfaConfiguration is \(.): the password and that factor give tokens without a code"),
      # Unset, it is what Cognito did before there was this setting.
      ((.AccountRecoverySetting.RecoveryMechanisms
          // [{ Name: "verified_phone_number" }, { Name: "verified_email" }])[].Name
        | select((. == "verified_phone_number" and sends("SMS"))
            or (. == "verified_email" and sends("EMAIL")))
        | "password recovery (AccountRecoverySetting) has \(.), and codes go there, too"))
  ' "$scratch/pool.json"
}

# check_sessions: warns of each app client whose sessions end before a code does. Cognito takes 3 to 15
# minutes; two more than the code lives lets who answers late have another.
check_sessions() {
  local id name minutes needed=$((lifetime / 60 + 2))
  ((needed >= 3)) || needed=3
  jq -r '
    (.ExplicitAuthFlows // []) as $flows
    # Without flows, and with those of old names, a client has this one.
    | select($flows | index(["ALLOW_CUSTOM_AUTH"]) or all(startswith("ALLOW_") | not))
    | [.ClientId, .AuthSessionValidity // 3, (.ClientName | tojson)] | @tsv
  ' "$scratch/clients.json" > "$scratch/sessions"
  [[ -s $scratch/sessions ]] ||
    say 'warning: no app client allows ALLOW_CUSTOM_AUTH, so that nobody can sign in with a code'
  while IFS=$'\t' read -r id minutes name; do
    if ((minutes * 60 < lifetime)); then
      say "warning: the sessions of app client $id ($name) end after $minutes minutes, before the code" \
        "does after $lifetime seconds. To make it $needed minutes:"
      printf '%s\n' "  aws cognito-idp update-user-pool-client --cli-input-json \"\$(\
aws cognito-idp describe-user-pool-client --user-pool-id $USER_POOL_ID --client-id $id\
 --query UserPoolClient --output json |\
 jq 'del(.ClientSecret, .CreationDate, .LastModifiedDate) | .AuthSessionValidity = $needed')\"" >&2
    fi
  done < "$scratch/sessions"
}

describe_pool > "$scratch/pool.json"
check_cli
if [[ -z $detach ]]; then
  triggers=$(jq -n --arg define "$define" --arg create "$create" --arg verify "$verify" '{
    DefineAuthChallenge: $define,
    CreateAuthChallenge: $create,
    VerifyAuthChallengeResponse: $verify
  }')
  read_settings
  read_clients
  check_sessions
  found=$(ways_around)
  if [[ -n $found ]]; then
    say "Ways around the code, in $sign_in mode:"
    say "$found"
    if [[ $sign_in == second-factor && -z $force ]]; then
      fail 'nothing is changed: a password alone, or a code alone, would be enough (--force attaches all the same)'
    fi
  fi
fi

# The names that UpdateUserPool takes, as this version of the CLI knows them.
takes=$(aws cognito-idp update-user-pool --generate-cli-skeleton input | jq 'keys')

# A temporary password's life has an old name and a new one; together they are refused.
jq --argjson takes "$takes" --argjson triggers "$triggers" --arg id "$USER_POOL_ID" '
  .UserPool
  | (.LambdaConfig // {}) as $had
  | with_entries(select(.key as $name | $takes | index($name)))
  | .UserPoolId = $id
  | .LambdaConfig = ($had
      | del(.DefineAuthChallenge, .CreateAuthChallenge, .VerifyAuthChallengeResponse)) + $triggers
  | if .Policies.PasswordPolicy.TemporaryPasswordValidityDays
    then del(.AdminCreateUserConfig.UnusedAccountValidityDays) else . end
' "$scratch/pool.json" > "$scratch/update.json"

say "The triggers of $USER_POOL_ID now, and then:"
jq -c '.UserPool.LambdaConfig // {}' "$scratch/pool.json" >&2
jq -c '.LambdaConfig' "$scratch/update.json" >&2
printf 'Change them? [y/N] ' >&2
IFS= read -r answer || answer=''
[[ $answer == [yY] ]] || fail 'nothing is changed'

saved=user-pool-$USER_POOL_ID-$(date -u +%Y%m%dT%H%M%SZ).json
(set -o noclobber && cat "$scratch/pool.json" > "$saved") ||
  fail "nothing is changed: cannot save what the pool is in $saved"
say "What the pool was is in $saved."
aws cognito-idp update-user-pool --cli-input-json "file://$scratch/update.json"
say 'Changed.'
