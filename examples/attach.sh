#!/usr/bin/env bash
# Attaches the functions to a user pool that exists already, or takes them off, and leaves all else of
# the pool as it is.
#
#   USER_POOL_ID=... examples/attach.sh [OPTIONS] DEFINE-ARN CREATE-ARN VERIFY-ARN [PRE-SIGN-UP-ARN]
#   USER_POOL_ID=... examples/attach.sh --detach [PRE-SIGN-UP-ARN]
#
#   --sign-in passwordless|second-factor    These four are read from the functions' configuration
#   --sign-up code|cognito|closed           (lambda:GetFunctionConfiguration), unless they are all
#   --media SMS,EMAIL                       given.
#   --code-lifetime SECONDS
#   --force                                 Attach to a pool that is refused otherwise.
#
# It looks for ways around the code: app clients with a flow that asks for none, MFA of the pool's own,
# password recovery by a medium that codes go to. With second-factor it refuses such a pool, with
# passwordless it warns. It warns of sessions that end before the code does, too.
#
# PRE-SIGN-UP-ARN is for sign-up by the first code: SIGN_UP of all functions is `code` then. Accounts are
# confirmed before a code has proved the contact, and Cognito should send nothing. So it also refuses a
# pool with any of the above, with clients of identity providers, with any password recovery that users
# can start, or with AutoVerifiedAttributes, and warns of SmsConfiguration. A PreSignUp trigger that the
# pool has already is kept: the other three are attached, and the script prints what that function must
# do. --detach takes PreSignUp off only if it is PRE-SIGN-UP-ARN.
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
  say "usage: ${0##*/} [--sign-in passwordless|second-factor] [--sign-up code|cognito|closed]
    [--media SMS,EMAIL] [--code-lifetime SECONDS] [--force]
    DEFINE-ARN CREATE-ARN VERIFY-ARN [PRE-SIGN-UP-ARN]
   or: ${0##*/} --detach [PRE-SIGN-UP-ARN]"
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

sign_in='' sign_up='' media='' lifetime='' force='' detach=''
while [[ ${1:-} == --* ]]; do
  case $1 in
    --detach) detach=yes ;;
    --force) force=yes ;;
    --sign-in | --sign-up | --media | --code-lifetime)
      [[ -n ${2:-} ]] || usage
      case $1 in
        --sign-in) sign_in=$2 ;;
        --sign-up) sign_up=$2 ;;
        --media) media=$2 ;;
        *) lifetime=$2 ;;
      esac
      shift
      ;;
    *) usage ;;
  esac
  shift
done
for arn; do
  [[ $arn == arn:* ]] || usage
done
pre_sign_up=''
if [[ -n $detach && $# -le 1 && -z $sign_in$sign_up$media$lifetime$force ]]; then
  triggers='{}' pre_sign_up=${1:-}
elif [[ -z $detach && ($# == 3 || $# == 4) ]]; then
  define=$1 create=$2 verify=$3 pre_sign_up=${4:-}
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

# read_settings: takes what no option sets from the functions' configuration; a variable that is not
# set has the function's own default.
read_settings() {
  local read arn
  # variables ARN NAMES: the values of these variables, as a JSON array.
  variables() {
    aws lambda get-function-configuration --function-name "$1" --output json \
      --query "[Environment.Error.ErrorCode, Environment.Variables.[$2]]" |
      jq -e 'select(.[0] == null) | .[1] // []'
  }
  if [[ -z $sign_in || -z $sign_up || -z $media || -z $lifetime ]]; then
    read=$(
      variables "$define" SIGN_IN,SIGN_UP && variables "$create" MEDIA,CODE_LIFETIME_SECONDS,SIGN_UP &&
        variables "$verify" SIGN_UP && { [[ -z $pre_sign_up ]] || variables "$pre_sign_up" SIGN_UP; }
    ) || fail "cannot read the functions' settings; set --sign-in, --sign-up, --media and --code-lifetime"
    # Options first, then variables, then defaults.
    : "${sign_in:=$(jq -rs '.[0][0] // ""' <<< "$read")}"
    : "${sign_up:=$(jq -rs 'map(.[-1] // "" | select(. != "") // "cognito") | unique | join(" and ")' <<< "$read")}"
    : "${media:=$(jq -rs '.[1][0] // ""' <<< "$read")}"
    : "${lifetime:=$(jq -rs '.[1][1] // ""' <<< "$read")}"
    : "${sign_in:=passwordless}" "${media:=SMS,EMAIL}" "${lifetime:=300}"
  fi
  media=${media// /}
  [[ $sign_in == passwordless || $sign_in == second-factor ]] ||
    fail "--sign-in is neither passwordless nor second-factor: $sign_in"
  [[ $sign_up != *' and '* ]] ||
    fail "SIGN_UP must be the same for all functions, and is $sign_up"
  [[ $sign_up == code || $sign_up == cognito || $sign_up == closed ]] ||
    fail "--sign-up is none of code, cognito and closed: $sign_up"
  [[ $media =~ ^(SMS|EMAIL)(,(SMS|EMAIL))?$ ]] || fail "--media is no list of SMS and EMAIL: $media"
  [[ $lifetime =~ ^[1-9][0-9]{1,2}$ ]] || fail "--code-lifetime is no number of seconds: $lifetime"
  [[ $sign_up != code || $sign_in != second-factor ]] ||
    fail 'SIGN_UP=code does not work with SIGN_IN=second-factor: it would set the first factor aside'
  [[ -z $pre_sign_up || $sign_up == code ]] ||
    fail "PRE-SIGN-UP-ARN is for SIGN_UP=code, and SIGN_UP of the functions is $sign_up: set it to code, \
or leave the argument out"
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
# line for each. With PRE-SIGN-UP-ARN also what would give an account to a user who has proved no
# contact, and messages that Cognito would send by itself.
ways_around() {
  jq -r --slurpfile clients "$scratch/clients.json" --arg media "$media" --arg pre_sign_up "$pre_sign_up" '
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
    ($clients[]
      | select($pre_sign_up != "" and .AllowedOAuthFlowsUserPoolClient == true)
      | select(.AllowedOAuthFlows // [] | any(. == "code" or . == "implicit"))
      | (.SupportedIdentityProviders // [] | map(select(. != "COGNITO"))) as $providers
      | select($providers != [])
      | "app client \(.ClientId) (\(.ClientName | tojson)) signs in with \($providers | join(", ")), "
        + "which ask for no code"),
    (.UserPool
      | (.MfaConfiguration // "OFF"
        | select(. != "OFF")
        | "MfaConfiguration is \(.): the password and that factor give tokens without a code"),
      # Unset, it is what Cognito did before there was this setting.
      ((.AccountRecoverySetting.RecoveryMechanisms
          // [{ Name: "verified_phone_number" }, { Name: "verified_email" }])[].Name
        | if (. == "verified_phone_number" and sends("SMS"))
            or (. == "verified_email" and sends("EMAIL"))
          then "password recovery (AccountRecoverySetting) has \(.), and codes go there, too"
          elif $pre_sign_up != "" and . != "admin_only"
          then "password recovery (AccountRecoverySetting) has \(.), where Cognito sends codes of its own"
          else empty end),
      (.AutoVerifiedAttributes // []
        | select($pre_sign_up != "" and . != [])
        | "AutoVerifiedAttributes has \(join(" and ")), so that Cognito sends codes of its own"))
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

# check_sign_up: warns of what does not fit SIGN_UP, and sets $triggers' PreSignUp. A trigger of the
# pool's own is kept.
check_sign_up() {
  local admin_only sms had
  admin_only=$(jq -r '.UserPool.AdminCreateUserConfig.AllowAdminCreateUserOnly // false' "$scratch/pool.json")
  sms=$(jq -r '.UserPool.SmsConfiguration // {} | select(. != {}) | "yes"' "$scratch/pool.json")
  had=$(jq -r '.UserPool.LambdaConfig.PreSignUp // ""' "$scratch/pool.json")
  if [[ $sign_up == closed && $admin_only == false ]]; then
    say 'warning: SIGN_UP is closed, but the pool lets users sign up (AllowAdminCreateUserOnly is false)'
  fi
  if [[ $sign_up == code && -z $pre_sign_up ]]; then
    say 'warning: SIGN_UP is code, but no PRE-SIGN-UP-ARN is given: nothing confirms new users without a' \
      'message of Cognito, and codes go to contacts that Cognito has not verified'
  fi
  [[ -n $pre_sign_up ]] || return 0
  if [[ $admin_only == true ]]; then
    say 'warning: nobody can sign up (AllowAdminCreateUserOnly is true)'
  fi
  if [[ -n $sms ]]; then
    say 'warning: the pool has SmsConfiguration, so that Cognito can send SMS, which SMS_COUNTRIES and' \
      'ISSUE_LIMITS do not bound: invitations of administrators, and codes that a signed-in user asks for' \
      '(GetUserAttributeVerificationCode)'
  fi
  if [[ -n $had && $had != "$pre_sign_up" ]]; then
    say "warning: the pool has a PreSignUp trigger already, which is kept: $had
  For PreSignUp_SignUp that function must invoke $pre_sign_up
  with its event, fail if that fails, and return its response: otherwise new users are not confirmed, or are
  confirmed with contacts that are refused here. It must never set autoVerifyEmail or autoVerifyPhone."
  else
    triggers=$(jq --arg pre_sign_up "$pre_sign_up" '.PreSignUp = $pre_sign_up' <<< "$triggers")
  fi
}

# say_how_to_silence: prints the command after which Cognito sends no codes of its own, if it does.
say_how_to_silence() {
  if jq -e '.UserPool
      | (.AutoVerifiedAttributes // []) == []
        and [.AccountRecoverySetting.RecoveryMechanisms // [] | .[].Name] == ["admin_only"]' \
    "$scratch/pool.json" > /dev/null; then
    return
  fi
  say 'So that Cognito sends no codes of its own:'
  printf '%s\n' "  aws cognito-idp update-user-pool --cli-input-json \"\$(\
aws cognito-idp describe-user-pool --user-pool-id $USER_POOL_ID --output json |\
 jq --argjson takes \"\$(aws cognito-idp update-user-pool --generate-cli-skeleton input | jq keys)\"\
 '.UserPool | .UserPoolId = .Id | with_entries(select(.key as \$name | \$takes | index(\$name)))\
 | .AutoVerifiedAttributes = [] | .UserAttributeUpdateSettings = {AttributesRequireVerificationBeforeUpdate: []}\
 | .AccountRecoverySetting = {RecoveryMechanisms: [{Name: \"admin_only\", Priority: 1}]}\
 | if .Policies.PasswordPolicy.TemporaryPasswordValidityDays\
 then del(.AdminCreateUserConfig.UnusedAccountValidityDays) else . end')\"" >&2
}

# check_kept: tells of a PreSignUp trigger that --detach leaves.
check_kept() {
  local had
  had=$(jq -r '.UserPool.LambdaConfig.PreSignUp // ""' "$scratch/pool.json")
  if [[ -n $had && $had != "$pre_sign_up" ]]; then
    say "The PreSignUp trigger is kept: $had
  If it is the function pre-sign-up, it goes on confirming sign-ups that nothing verifies. To take it off as
  well: ${0##*/} --detach $had"
  fi
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
  check_sign_up
  found=$(ways_around)
  if [[ -n $found ]]; then
    say "Ways around the code, in $sign_in mode${pre_sign_up:+ with SIGN_UP=code}:"
    say "$found"
    if [[ $sign_in == second-factor && -z $force ]]; then
      fail 'nothing is changed: a password alone, or a code alone, would be enough (--force attaches all the same)'
    fi
    [[ -z $pre_sign_up ]] || say_how_to_silence
    if [[ -n $pre_sign_up && -z $force ]]; then
      fail 'nothing is changed: with SIGN_UP=code a password that proves no contact would be enough, or
  Cognito would send messages that nothing here bounds (--force attaches all the same)'
    fi
  fi
else
  check_kept
fi

# The names that UpdateUserPool takes, as this version of the CLI knows them.
takes=$(aws cognito-idp update-user-pool --generate-cli-skeleton input | jq 'keys')

# A temporary password's life has an old name and a new one; together they are refused.
jq --argjson takes "$takes" --argjson triggers "$triggers" --arg id "$USER_POOL_ID" \
  --arg pre_sign_up "$pre_sign_up" '
  .UserPool
  | (.LambdaConfig // {}) as $had
  | with_entries(select(.key as $name | $takes | index($name)))
  | .UserPoolId = $id
  | .LambdaConfig = ($had
      | del(.DefineAuthChallenge, .CreateAuthChallenge, .VerifyAuthChallengeResponse)
      | if .PreSignUp == $pre_sign_up then del(.PreSignUp) else . end) + $triggers
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
