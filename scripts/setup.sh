#!/bin/sh
# Sets up one part of the house; the Makefile calls each part once and keeps a stamp.
#
#   python      .venv with the locked packages and phonotary itself: all that `make demo` needs
#   postgresql  the server programs from which the tests start throw-away clusters
#   clients     the official Twilio packages, the languages whose standard clients are run as well,
#               and the OpenAPI documents Twilio publishes
#   voice       the programs of calls and names that ours is tested with and measured beside:
#               Kamailio with its secsipid module, secsipidx, sipp, SoftHSM, PowerDNS, dig, dnsperf,
#               an SFTP server
#   browser     Chromium and its driver, with which the tests open the console's pages
#   pbx         Asterisk, fetched into .make/asterisk (scripts/asterisk.sh), and what calls it
#   bench       Prism, which phonotary is measured beside, and the load generator wrk
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }

fail() {
    echo "setup: $*" >&2
    exit 1
}

# debian WHY PACKAGE...: installs what is missing; the caller has found that it is.
debian() {
    why=$1
    shift
    command -v apt-get >/dev/null ||
        fail "this machine lacks $* ($why) and has no apt-get; install that by other means, then run make again"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null ||
            fail "this machine lacks $* ($why); run make as root or install sudo, or install $* yourself"
    fi
    say "installing $* with apt-get: $why"
    mkdir -p .make
    {
        $as_root apt-get update -q &&
            $as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -q -y --no-install-recommends "$@"
    } >.make/apt.log 2>&1 </dev/null || {
        tail -n 20 .make/apt.log >&2
        fail "apt-get could not install $*; the whole of what it said is in .make/apt.log"
    }
}

python() {
    command -v python3 >/dev/null || debian "phonotary is written in Python" python3
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "phonotary needs Python 3.11 or newer; python3 here is $(python3 -V)"
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
        debian "phonotary gets a Python environment of its own, .venv" python3-venv
    # An environment whose interpreter has gone, or that was left half made, is made anew.
    .venv/bin/python -m pip --version >/dev/null 2>&1 || python3 -m venv --clear .venv
    say "installing the locked Python packages into .venv"
    pip --require-hashes --only-binary :all: -r requirements.lock
    pip --no-deps --no-build-isolation -e .
}

pip() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

postgresql() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
        debian "the tests start PostgreSQL clusters of their own; its system service is not used" \
            postgresql
}

clients() {
    command -v node >/dev/null || debian "the tests run Twilio's official Node clients" nodejs
    command -v npm >/dev/null || debian "it installs Twilio's official Node clients" npm
    languages
    say "installing Twilio's official clients for Node and Python 7, and its command line"
    # No package's own install script is run: none of these needs one.
    npm ci --prefix tests/compat/node --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    npm ci --prefix examples/node-vitest --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    npm ci --prefix tests/journeys/clients/cli --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    # Beside .venv, which holds twilio 9: PYTHONPATH puts this directory before it. What else
    # twilio 7 imports (requests, PyJWT) it shares with twilio 9.
    rm -rf .make/twilio7
    pip --no-deps --require-hashes --only-binary :all: --target .make/twilio7 \
        -r tests/compat/twilio7.lock
    openapi
}

# Their Twilio packages are in none of Debian, npm and PyPI; their own HTTP clients are in Debian.
languages() {
    missing=
    command -v curl >/dev/null || missing="$missing curl"
    { php -m | grep -qx curl; } 2>/dev/null || missing="$missing php-cli php-curl"
    command -v ruby >/dev/null || missing="$missing ruby"
    # The compiler, too: the tests run Java from its source.
    command -v javac >/dev/null || missing="$missing default-jdk-headless"
    # shellcheck disable=SC2086 # each word is a package
    [ -z "$missing" ] || debian "\`phonotary exec\` is tested with the HTTP clients of these languages" $missing
}

voice() {
    missing=
    command -v kamailio >/dev/null || missing="$missing kamailio"
    for module in secsipid extra utils json; do
        dpkg -s "kamailio-$module-modules" >/dev/null 2>&1 || missing="$missing kamailio-$module-modules"
    done
    command -v secsipidx >/dev/null || missing="$missing secsipidx"
    command -v sipp >/dev/null || missing="$missing sip-tester"
    command -v softhsm2-util >/dev/null || missing="$missing softhsm2"
    command -v dig >/dev/null || missing="$missing dnsutils"
    command -v dnsperf >/dev/null || missing="$missing dnsperf"
    for package in pdns-server pdns-backend-sqlite3 pdns-backend-pgsql openssh-server; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    # shellcheck disable=SC2086 # each word is a package
    [ -z "$missing" ] || debian "calls and names are tested with programs that others wrote" $missing
}

browser() {
    missing=
    command -v chromium >/dev/null || missing="$missing chromium"
    command -v chromedriver >/dev/null || missing="$missing chromium-driver"
    # shellcheck disable=SC2086 # each word is a package
    [ -z "$missing" ] || debian "the console's pages are tested in a browser" $missing
}

pbx() {
    missing=
    command -v curl >/dev/null || missing="$missing curl"
    command -v sipp >/dev/null || missing="$missing sip-tester"
    command -v ip >/dev/null || missing="$missing iproute2"
    # shellcheck disable=SC2086 # each word is a package
    [ -z "$missing" ] || debian "Asterisk is fetched, called, and given a network of its own" $missing
    scripts/asterisk.sh
}

bench() {
    command -v wrk >/dev/null || debian "it makes the load both servers are measured under" wrk
    command -v cc >/dev/null || debian "the load on the SIP door is a C program" gcc libc6-dev
    command -v node >/dev/null || debian "Prism, the peer in the benchmark, runs on Node" nodejs
    command -v npm >/dev/null || debian "it installs Prism" npm
    say "installing Prism for the benchmark"
    npm ci --prefix benchmarks/node --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}

# Twilio's own command line ships the documents its clients are generated from. Only that archive
# is wanted, not the two hundred packages the command line itself would bring, so it is fetched
# alone and held to its digest.
openapi() {
    say "fetching Twilio's OpenAPI documents"
    read -r _ archive <tests/compat/oai.sha512
    version=${archive#twilio-cli-core-}
    rm -rf .make/oai
    mkdir -p .make/oai
    npm pack --silent --pack-destination .make/oai "@twilio/cli-core@${version%.tgz}" >/dev/null
    (cd .make/oai && sha512sum --check --quiet ../../tests/compat/oai.sha512)
    for name in trusthub_v1 api_v2010 lookups_v1 lookups_v2; do
        tar -xzf ".make/oai/$archive" -C .make/oai --strip-components=4 \
            "package/src/services/twilio-api/twilio_$name.json"
    done
    rm ".make/oai/$archive"
}

case ${1:-} in
python | postgresql | clients | voice | browser | pbx | bench) "$1" ;;
*) fail "usage: scripts/setup.sh python|postgresql|clients|voice|browser|pbx|bench" ;;
esac
