#!/usr/bin/env bash
# Images that the testbed lacks, put into its store. Each is made once and kept.
#   tests/testbed/images.sh [haproxy] [guidellm-0.5] [bench=BINARY REF]...
# BENCH_TESTBED is the testbed's directory.
set -euo pipefail
REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
BENCH_TESTBED="${BENCH_TESTBED:-$REPO/../shared/testbed}"
# shellcheck source=/dev/null
. "$BENCH_TESTBED/lib.sh"
# shellcheck source=/dev/null
. "$BENCH_TESTBED/images.sh"
need tools
WORK=
trap 'if [ -n "$WORK" ]; then rm -rf --one-file-system "$WORK"; fi' EXIT
LOG="$LOGS/bench-images.log"
mkdir -p "$LOGS" "$CACHE"

# root_of PACKAGE... : a merged-usr root in $WORK/root out of Debian packages that are unpacked, not installed.
root_of() {
  WORK="$(mktemp -d "$CACHE/bench-image.XXXXXX")"
  local root="$WORK/root" d f
  mkdir -p "$WORK/debs" "$root"/usr/{bin,sbin,lib,lib64} "$root"/{etc,tmp,proc,dev}
  chmod 1777 "$root/tmp"
  for d in bin sbin lib lib64; do ln -s "usr/$d" "$root/$d"; done
  # The sandbox user of apt may not enter the cache; the packages are signed all the same.
  (cd "$WORK/debs" && timeout 200 apt-get -q -o APT::Sandbox::User=root download "$@" busybox-static) >>"$LOG" 2>&1 ||
    die "cannot fetch Debian packages, see $LOG (apt-get update may help)"
  for f in "$WORK"/debs/*.deb; do dpkg-deb --fsys-tarfile "$f" | tar -x -C "$root" --keep-directory-symlink; done
  # What no package brought comes from busybox: sh, for one.
  # shellcheck disable=SC2016
  chroot "$root" /bin/busybox sh -c 'for a in $(busybox --list); do [ -e /bin/$a ] || [ -e /usr/sbin/$a ] || busybox ln -s busybox /bin/$a; done'
  rm -rf "$root"/usr/share/{doc,man,locale,lintian} "$root"/usr/lib/x86_64-linux-gnu/gconv "$root"/var/cache
  ldconfig -r "$root"
}

# The tag is a stand-in for the version: Debian 12 has HAProxy 2.6. What the template of the gateway uses is the same in both.
haproxy_image() {
  local ref=docker.io/library/haproxy:3.0 root
  if have_image "$ref"; then return 0; fi
  say "making $ref from Debian's haproxy"
  root_of haproxy libc6 libcrypt1 liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libstdc++6 libgcc-s1 libpcre2-8-0 \
    libssl3 libsystemd0 libcap2 libgcrypt20 libgpg-error0 liblzma5 libzstd1 liblz4-1
  root="$WORK/root"
  mkdir -p "$root"/usr/local/{bin,sbin,etc/haproxy} "$root/var/lib/haproxy"
  ln -sf ../../sbin/haproxy "$root/usr/local/sbin/haproxy"
  printf 'root:x:0:0:root:/root:/bin/sh\nhaproxy:x:99:99::/var/lib/haproxy:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nhaproxy:x:99:\n' >"$root/etc/group"
  # The official image's way to start: bare options mean haproxy, and haproxy runs under its master, in the foreground.
  cat >"$root/usr/local/bin/docker-entrypoint.sh" <<'SH'
#!/bin/sh
set -e
case "$1" in -*) set -- haproxy "$@" ;; esac
if [ "$1" = haproxy ]; then shift; set -- haproxy -W -db "$@"; fi
exec "$@"
SH
  chmod 755 "$root/usr/local/bin/docker-entrypoint.sh"
  chroot "$root" /usr/sbin/haproxy -v >>"$LOG" 2>&1 || die "haproxy does not start, see $LOG"
  IMAGE_FLAGS=(-user 99:99 -workdir /var/lib/haproxy -label testbed.stand-in=true -cmd "haproxy -f /usr/local/etc/haproxy/haproxy.cfg")
  image "$ref" "$root" -- docker-entrypoint.sh
  IMAGE_FLAGS=()
  rm -rf --one-file-system "$WORK"; WORK=
}

[ $# -gt 0 ] || { sed -n '2,4p' "$0" | cut -c3-; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    haproxy) haproxy_image; shift ;;
    *) die "no such image: $1" ;;
  esac
done
