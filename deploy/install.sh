#!/bin/sh
# Installs mmembed for a user of its own, on Debian or Ubuntu. The Dockerfile runs this script, and
# so does a machine without containers.
#
#   install.sh [--torch cpu|cuda] [--extras postgres,s3,watch] [--source FOLDER|WHEEL] [--systemd]
#
# --torch cpu    from the index of TORCH_INDEX; that index has builds without CUDA (default)
# --torch cuda   from PyPI: on x86_64 these builds bring CUDA with them (some 5 GB)
# --extras       optional parts of mmembed
# --source       what is installed: the folder above this script unless given
# --systemd      the units of this folder, too, and /etc/mmembed/mmembed.env
#
# Running it again installs anew; data and settings stay.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
torch=cpu extras=postgres,s3,watch source=$(dirname "$here") systemd=
PREFIX=${PREFIX:-/opt/mmembed}
STATE=${STATE:-/var/lib/mmembed}
# Empty: pip's own indexes.
TORCH_INDEX=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
TORCH_VERSION=${TORCH_VERSION:-torch==2.13.0 torchvision==0.28.0}

fail() { echo "install.sh: $*" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --torch | --extras | --source)
      [ $# -ge 2 ] || fail "$1: a value is missing"
      eval "${1#--}=\$2"
      shift 2 ;;
    --systemd) systemd=yes; shift ;;
    *) fail "$1: unknown; see the head of this script" ;;
  esac
done
case $torch in cpu | cuda) ;; *) fail "--torch $torch: expected cpu or cuda" ;; esac
[ "$(id -u)" = 0 ] || fail "must run as root: it adds a user and writes to $PREFIX"
[ -e "$source" ] || fail "--source $source: is not there"

packages() {
  command -v apt-get >/dev/null || fail "apt-get is missing: install python3 and python3-venv"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends python3 python3-venv ca-certificates >/dev/null
  rm -rf /var/lib/apt/lists/*
}

account() {
  if ! getent passwd mmembed >/dev/null; then
    groupadd --system --gid 10001 mmembed
    useradd --system --uid 10001 --gid mmembed --home-dir "$STATE" --no-create-home \
      --shell /usr/sbin/nologin mmembed
  fi
  # A volume that is mounted here takes over the owner. `files` is for a second one, which several
  # servers share.
  install -d -m 0700 -o mmembed -g mmembed "$STATE" "$STATE/files"
}

program() {
  python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' ||
    fail "$(python3 --version) is installed, Python 3.10 to 3.13 is needed"
  python3 -m venv --clear "$PREFIX"
  pip="$PREFIX/bin/python -m pip --disable-pip-version-check --no-cache-dir install --quiet"
  index=
  [ "$torch" = cuda ] || index=${TORCH_INDEX:+--index-url $TORCH_INDEX}
  # shellcheck disable=SC2086
  $pip $index $TORCH_VERSION
  constraints=
  [ ! -f "$source/constraints.txt" ] || constraints="--constraint $source/constraints.txt"
  # shellcheck disable=SC2086
  $pip $constraints "mmembed[$extras] @ file://$(readlink -f "$source")"
  "$PREFIX/bin/python" -m compileall -q "$PREFIX/lib" || true # its files are read-only later
  ln -sf "$PREFIX/bin/mmembed" /usr/local/bin/mmembed
}

units() {
  install -d -m 0755 /etc/mmembed
  [ -e /etc/mmembed/mmembed.env ] ||
    install -m 0640 -g mmembed "$here/systemd/mmembed.env" /etc/mmembed/mmembed.env
  install -m 0644 "$here"/systemd/*.service "$here"/systemd/*.timer /etc/systemd/system/
  [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

packages
account
program
[ -z "$systemd" ] || units
echo "installed: $("$PREFIX/bin/mmembed" --version) in $PREFIX, for the user mmembed"
