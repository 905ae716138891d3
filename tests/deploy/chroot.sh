#!/usr/bin/env bash
# Runs deploy/install.sh in a new Debian system, and then the installed program as a user that is not
# root, on a root file system that is read-only. That is what the image of deploy/Dockerfile does,
# without a container engine. Needs root, mmdebstrap, package registries, 4 GB and some minutes.
#
#   tests/deploy/chroot.sh FOLDER      makes FOLDER, and deletes it at the end
#
# pip's settings (PIP_FIND_LINKS, PIP_CERT, …), TORCH_INDEX and TORCH_VERSION hold inside, too.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
root=${1:?a folder that does not exist yet}
port=18731

if [ "${2:-}" != --inside ]; then
  [ ! -e "$root" ] || { echo "$root: exists" >&2; exit 2; }
  trap 'rm -rf --one-file-system "$root"' EXIT
  mmdebstrap --quiet --variant=minbase bookworm "$root"
  # Its mounts end with it.
  unshare --mount --propagation private bash "$0" "$root" --inside
  exit
fi

bind() { mkdir -p "$root$2" && mount --bind "$1" "$root$2"; }
mount -t proc proc "$root/proc"
bind /dev /dev
bind "$here" /src
bind "$here/fixtures/gallery" /photos
cp /etc/resolv.conf "$root/etc/"
given=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_DEFAULT_TIMEOUT TORCH_INDEX TORCH_VERSION; do
  [ -z "${!name+x}" ] || given+=("$name=${!name}")
done
if [ -n "${PIP_FIND_LINKS:-}" ]; then
  bind "$PIP_FIND_LINKS" "$PIP_FIND_LINKS"
  given+=("PIP_FIND_LINKS=$PIP_FIND_LINKS")
fi
if [ -n "${PIP_CERT:-}" ]; then
  cp "$PIP_CERT" "$root/etc/pip-ca.crt"
  given+=(PIP_CERT=/etc/pip-ca.crt)
fi

chroot "$root" env -i "${given[@]}" \
  /src/deploy/install.sh --torch cpu --extras postgres,s3,watch --source /src --systemd
install -m 0644 "$here/deploy/is_ready.py" "$root/opt/mmembed/is_ready.py"
umount "$root/src"

# From here on only the volume and /tmp can be written, as in a container.
mount --bind "$root" "$root"
mount -o remount,ro,bind "$root"
mkdir "$root.state" && trap 'rm -rf "$root.state"' EXIT
chown --reference="$root/var/lib/mmembed" "$root.state" && chmod 0700 "$root.state"
as_user=(chroot --userspec=10001:10001 "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin
  HOME=/var/lib/mmembed MMEMBED_DATA=/var/lib/mmembed/data MMEMBED_CACHE=/var/lib/mmembed/cache
  MMEMBED_PORT="$port" MMEMBED_MODEL=bundled PYTHONDONTWRITEBYTECODE=1)
mount --bind "$root.state" "$root/var/lib/mmembed"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind "$here/fixtures/gallery" "$root/photos"

"${as_user[@]}" sh -c 'id; mmembed --version; ! touch /opt/mmembed/x /usr/x 2>/dev/null'
"${as_user[@]}" mmembed index /photos
"${as_user[@]}" mmembed search "a dog" -k 3
"${as_user[@]}" mmembed serve &
server=$!
trap 'kill $server 2>/dev/null || true; wait; rm -rf "$root.state"' EXIT
for _ in $(seq 120); do
  "${as_user[@]}" /opt/mmembed/bin/python -I /opt/mmembed/is_ready.py 2>/dev/null && break
  sleep 1
done
"${as_user[@]}" /opt/mmembed/bin/python -I /opt/mmembed/is_ready.py
"${as_user[@]}" /opt/mmembed/bin/python -I -c "
import json, urllib.request
answer = json.load(urllib.request.urlopen('http://127.0.0.1:$port/v1/search?q=a+dog&k=3'))
print('over HTTP:', [hit['path'] for hit in answer['hits']])
assert len(answer['hits']) == 3 and 'dog' in answer['hits'][0]['path']"
"${as_user[@]}" /opt/mmembed/bin/python -I -c "import psycopg, s3fs, watchfiles; print('extras: there')"
kill "$server"
wait "$server" || [ $? -eq 130 ]
echo "the installed program works"
