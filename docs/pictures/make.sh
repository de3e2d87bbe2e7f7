#!/usr/bin/env bash
# Makes the pictures of the e-mail again, from the code as it is: docs/pictures/make.sh
# Needs Chromium (CHROMIUM may name it), pngquant and the Noto fonts.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# picture NAME TAG [OPTION]: the mail in the language TAG.
picture() {
  APP_NAME=Example cargo run --quiet --package create-auth-challenge --example email -- "$2" \
    > "$scratch/$1.html"
  "${CHROMIUM:-chromium}" --headless --no-sandbox --disable-gpu --hide-scrollbars \
    --force-device-scale-factor=2 --window-size=520,382 "${@:3}" \
    --screenshot="$scratch/$1.png" "file://$scratch/$1.html" 2> "$scratch/log" ||
    { cat "$scratch/log" >&2; exit 1; }
  pngquant --force --strip --speed 1 --output "docs/pictures/$1.png" 16 "$scratch/$1.png"
}

picture mail-light en --blink-settings=preferredColorScheme=1
picture mail-dark en --blink-settings=preferredColorScheme=0
picture mail-arabic ar --blink-settings=preferredColorScheme=1
