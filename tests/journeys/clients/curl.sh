#!/bin/sh
# Twilio from a shell: the curl tool, no library.
set -eu
root=https://trusthub.twilio.com/v1/CustomerProfiles
twilio() { curl -sS -u "$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN" "$@"; }

made=
for i in 1 2 3 4 5; do
    sid=$(twilio "$root" -d FriendlyName="curl $i" -d Email=a@example.com \
        -d PolicySid=RNdfbf3fae0e1107f8aded0e7cead80bf5 |
        sed -n 's/^{"sid":"\(BU[0-9a-f]*\)".*/\1/p')
    made="$made $sid"
done
seen=
url="$root?PageSize=2"
while [ -n "$url" ]; do
    page=$(twilio "$url")
    seen="$seen $page"
    url=$(echo "$page" | sed -n 's/.*"next_page_url":"\([^"]*\)".*/\1/p')
done
for sid in $made; do
    case $seen in *"$sid"*) ;; *) echo "$sid is not listed" && exit 1 ;; esac
done
missing="$root/BU00000000000000000000000000000000"
twilio "$missing" | grep -q '"code":20404'
[ "$(twilio -o /dev/null -w '%{http_code}' "$missing")" = 404 ]
for sid in $made; do
    [ "$(twilio -X DELETE -w '%{http_code}' "$root/$sid")" = 204 ]
done
[ "$(twilio -o /dev/null -w '%{http_code}' "$root/$sid")" = 404 ]
echo "made $(echo "$made" | wc -w), all listed, 404/20404, deleted"
