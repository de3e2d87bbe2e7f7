#!/usr/bin/env bash
# Attaches the three functions to a user pool that exists already, or takes them off, and leaves all
# else of the pool as it is.
#
#   USER_POOL_ID=... examples/attach.sh DEFINE-ARN CREATE-ARN VERIFY-ARN
#   USER_POOL_ID=... examples/attach.sh --detach
#
# UpdateUserPool sets whatever it is not given to its default, so everything that DescribeUserPool
# shows and UpdateUserPool takes goes back with the triggers. Prints what it changes and asks first.
# Needs bash, jq, the AWS CLI (1 or 2), and credentials that may describe and update the pool.
set -euo pipefail

export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

if [[ $# == 1 && $1 == --detach ]]; then
  triggers='{}'
elif [[ $# == 3 && $1 == arn:* && $2 == arn:* && $3 == arn:* ]]; then
  triggers=$(jq -n --arg define "$1" --arg create "$2" --arg verify "$3" '{
    DefineAuthChallenge: $define,
    CreateAuthChallenge: $create,
    VerifyAuthChallengeResponse: $verify
  }')
else
  printf 'usage: %s DEFINE-ARN CREATE-ARN VERIFY-ARN | --detach\n' "${0##*/}" >&2
  exit 2
fi
for command in aws jq; do
  command -v "$command" > /dev/null || fail "the command $command is not installed"
done
[[ -n ${USER_POOL_ID:-} ]] || fail 'USER_POOL_ID is not set; for instance: export USER_POOL_ID=us-east-1_abcDEF123'

pool=$(aws cognito-idp describe-user-pool --user-pool-id "$USER_POOL_ID" --output json)
# The names that UpdateUserPool takes, as this version of the CLI knows them.
takes=$(aws cognito-idp update-user-pool --generate-cli-skeleton input | jq 'keys')

# A temporary password's life has an old name and a new one; together they are refused.
update=$(jq --argjson takes "$takes" --argjson triggers "$triggers" --arg id "$USER_POOL_ID" '
  .UserPool
  | (.LambdaConfig // {}) as $had
  | with_entries(select(.key as $name | $takes | index($name)))
  | .UserPoolId = $id
  | .LambdaConfig = ($had
      | del(.DefineAuthChallenge, .CreateAuthChallenge, .VerifyAuthChallengeResponse)) + $triggers
  | if .Policies.PasswordPolicy.TemporaryPasswordValidityDays
    then del(.AdminCreateUserConfig.UnusedAccountValidityDays) else . end
' <<< "$pool")

printf 'The triggers of %s now, and then:\n' "$USER_POOL_ID" >&2
jq -c '.UserPool.LambdaConfig // {}' <<< "$pool" >&2
jq -c '.LambdaConfig' <<< "$update" >&2
printf 'Change them? [y/N] ' >&2
IFS= read -r answer || answer=''
[[ $answer == [yY] ]] || fail 'nothing is changed'

request=$(mktemp)
trap 'rm -f -- "$request"' EXIT
printf '%s' "$update" > "$request"
aws cognito-idp update-user-pool --cli-input-json "file://$request"
printf 'Changed.\n' >&2
