#!/bin/sh
# Twilio's own command line. `twilio-cli.sh PATH-TO-TWILIO`
set -eu
profiles=api:trusthub:v1:customer-profiles
twilio=$1

made=
for i in 1 2 3; do
    sid=$("$twilio" $profiles:create --friendly-name "cli $i" --email a@example.com \
        --policy-sid RNdfbf3fae0e1107f8aded0e7cead80bf5 -o json |
        sed -n 's/.*"sid": "\(BU[0-9a-f]*\)".*/\1/p')
    made="$made $sid"
done
# It asks for pages of 50 and follows them; pages of two it asks nobody for.
seen=$("$twilio" $profiles:list --no-limit -o json)
for sid in $made; do
    case $seen in *"$sid"*) ;; *) echo "$sid is not listed" && exit 1 ;; esac
done
missing=BU00000000000000000000000000000000
if error=$("$twilio" $profiles:fetch --sid $missing 2>&1); then exit 1; fi
echo "$error" | grep -q 20404
for sid in $made; do
    "$twilio" $profiles:remove --sid "$sid" >/dev/null
done
if "$twilio" $profiles:fetch --sid "$sid" >/dev/null 2>&1; then exit 1; fi
echo "made $(echo "$made" | wc -w), all listed, 404/20404, deleted"
