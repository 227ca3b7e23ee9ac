#!/bin/sh
# Puts an Asterisk into .make/asterisk/ without installing one, for the tests of deploy/asterisk:
# Debian 12 has none, so it is Debian 11's, and with it every library it needs, down to the C library
# and its loader. Nothing of it touches the machine and nothing of the machine's is used, so it is the
# same program everywhere. No root is needed.
#
# asterisk.lock names each package by its place in Debian's pool and its SHA-256. Debian 11 has had
# its last point release: the files stay as they are, and keep their places when they move to the
# archive. DEBIAN_MIRROR is asked first when it is set.
set -eu
cd "$(dirname "$0")/.."

lock=scripts/asterisk.lock
into=.make/asterisk
mirrors="${DEBIAN_MIRROR:-} http://deb.debian.org/debian http://archive.debian.org/debian"

fail() {
    echo "asterisk: $*" >&2
    exit 1
}

needs() {
    command -v "$1" >/dev/null || fail "$1 is missing; Debian's $2 has it"
}

# The file is what the lock says: it is not asked where it came from.
sound() {
    echo "$1  $2" | sha256sum --check --status 2>/dev/null
}

# fetch DIGEST PATH FILE: from the first mirror that has it.
fetch() {
    said=
    for mirror in $mirrors; do
        if why=$(curl -fsSL --connect-timeout 15 --max-time 300 --retry 2 -o "$3.part" "$mirror/$2" 2>&1); then
            if sound "$1" "$3.part"; then
                mv "$3.part" "$3"
                return
            fi
            why="what came is not the file of $lock"
        fi
        said="$said
  $mirror: $(echo "$why" | tail -n 1)"
    done
    rm -f "$3.part"
    fail "could not fetch $2:$said
Name a mirror that has Debian 11 (bullseye), as DEBIAN_MIRROR=http://mirror.example/debian, and run
this again, or put the file into $into/debs/ yourself. What has been fetched is kept."
}

[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
    fail "the packages of $lock are Debian's for amd64; this machine is another"
needs curl curl
needs dpkg-deb dpkg

mkdir -p "$into/debs"
rm -rf "$into/root" "$into/asterisk"
total=$(grep -c '  pool/' "$lock")
echo "asterisk: fetching $total packages of Debian 11, some 30 MB"
while read -r digest path; do
    case $digest in '#'*) continue ;; esac
    file=$into/debs/${path##*/}
    sound "$digest" "$file" || fetch "$digest" "$path" "$file"
    dpkg-deb -x "$file" "$into/root" || fail "dpkg-deb could not unpack $file"
done <"$lock"

cat >"$into/asterisk" <<'SCRIPT'
#!/bin/sh
# Asterisk by its own loader and with its own libraries.
root=$(cd "$(dirname "$0")" && pwd)/root
exec "$root/lib/x86_64-linux-gnu/ld-2.31.so" \
    --library-path "$root/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu:$root/usr/lib" \
    "$root/usr/sbin/asterisk" "$@"
SCRIPT
chmod +x "$into/asterisk"
version=$("$into/asterisk" -V) || fail "it was unpacked into $into and does not start"
echo "asterisk: $version, in $into"
