#!/usr/bin/env bash
# Images that the testbed lacks, put into its store. Each is made once and kept.
#   tests/testbed/images.sh [haproxy] [guidellm-0.5] [vllm] [bench=BINARY REF]... [ci=BINARY REF]...
# BENCH_TESTBED is the testbed's directory.
# shellcheck disable=SC2034 # IMAGE_FLAGS is read by the testbed's image()
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

# guidellm of the flat dialect, the way the testbed makes 0.8.1: from PyPI, with Debian's Python and the stand-in for torch.
guidellm05_image() {
  local version=0.5.4 ref root dist p wheels
  ref=ghcr.io/vllm-project/guidellm:v$version
  if have_image "$ref"; then return 0; fi
  say "making $ref (minutes)"
  python3 -m pip --version >/dev/null 2>&1 || apt_need python3-pip
  root_of python3-minimal python3.11-minimal libpython3.11-minimal libpython3.11-stdlib media-types \
    libc6 libgcc-s1 libstdc++6 libcrypt1 zlib1g libssl3 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libexpat1 libuuid1 libtirpc3 libnsl2 libdb5.3 \
    libncursesw6 libtinfo6 libreadline8 libgomp1 libgssapi-krb5-2 libkrb5-3 libkrb5support0 libk5crypto3 libcom-err2 libkeyutils1 \
    bash ca-certificates
  root="$WORK/root" dist="$WORK/root/usr/local/lib/python3.11/dist-packages"
  mkdir -p "$root"/{results,models,root,dev/shm,usr/local/bin} "$dist"
  chmod 1777 "$root/results"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  mknod -m 666 "$root/dev/null" c 1 3 # left out of the image again
  pip() { TMPDIR="$WORK" timeout 500 python3 -m pip -q --disable-pip-version-check "$@" >>"$LOG" 2>&1 || die "pip failed, see $LOG"; }
  # Whichever Python runs pip here, only wheels for Debian's 3.11 are taken.
  wheels=(--no-compile --upgrade --target "$dist" --python-version 3.11 --implementation cp --only-binary=:all:)
  for p in 2_34 2_28 2_17 2014; do wheels+=(--platform "manylinux${p/#2_/_2_}_x86_64"); done
  pip install --no-deps "${wheels[@]}" "guidellm==$version"
  # Its requirements without torch, bounded to what was current when it was released: later transformers need a real torch.
  sed -n 's/^Requires-Dist: //p' "$dist/guidellm-$version.dist-info/METADATA" | grep -v 'extra ==' | grep -vx torch >"$WORK/req.txt"
  printf '%s\n' 'transformers>=4.57,<4.58' jinja2 >>"$WORK/req.txt"
  pip install "${wheels[@]}" -r "$WORK/req.txt"
  cp -r "$TB_DIR/src/torch-standin/torch" "$dist/"
  # 0.5 also names this class, in annotations only.
  printf '\n\nclass Sampler:\n    def __class_getitem__(cls, _):\n        return cls\n' >>"$dist/torch/utils/data/__init__.py"
  cp -r "$TB_DIR/tokenizer" "$root/models/tokenizer"
  printf '#!/usr/bin/python3\nfrom guidellm.__main__ import cli\n\nif __name__ == "__main__":\n    cli()\n' >"$root/usr/local/bin/guidellm"
  chmod 755 "$root/usr/local/bin/guidellm"
  find "$dist" -name tests -type d -prune -exec rm -rf {} +
  rm -rf "$dist/pyarrow/include"
  # One run compiles what guidellm imports, so that pods start faster.
  # shellcheck disable=SC2016
  env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp HF_HUB_OFFLINE=1 USE_TORCH=0 chroot "$root" sh -c 'guidellm benchmark run --help && python3 -c "
import transformers, datasets
print(transformers.AutoTokenizer.from_pretrained(\"/models/tokenizer\"))"' >>"$LOG" 2>&1 || die "guidellm does not start, see $LOG"
  IMAGE_FLAGS=(-env HF_HUB_OFFLINE=1 -env TRANSFORMERS_OFFLINE=1 -env USE_TORCH=0 -env HOME=/tmp -env LC_ALL=C.UTF-8
    -env GUIDELLM_OUTPUT_DIR=/results -env GUIDELLM__MAX_WORKER_PROCESSES=2 -workdir /results)
  image "$ref" "$root" -- guidellm
  IMAGE_FLAGS=()
  rm -rf --one-file-system "$WORK"; WORK=
}

# Not vLLM, but its command line: `vllm serve` with the flags of the published stack starts the testbed's model server with those
# that it knows.
vllm_image() {
  local ref=ghcr.io/llmd-bench/vllm-stand-in:1 root
  if have_image "$ref"; then return 0; fi
  need modelsim
  say "making $ref from the testbed's model server"
  root_of busybox-static
  root="$WORK/root"
  mkdir -p "$root/app"
  install -m 755 "$BIN/modelsim" "$root/app/modelsim"
  cat >"$root/usr/bin/vllm" <<'SH'
#!/bin/sh
[ "$1" = serve ] && [ $# -ge 2 ] || { echo "vllm stand-in: only 'vllm serve MODEL'" >&2; exit 2; }
model=$2 port=8000 len=16000
shift 2
while [ $# -gt 0 ]; do
  case "$1" in
    --served-model-name) model=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --max-model-len) len=$2; shift 2 ;;
    --enforce-eager | --disable-log-requests | --disable-uvicorn-access-log) shift ;;
    --host | --block-size | --tensor-parallel-size | --gpu-memory-utilization | --kv-transfer-config) shift 2 ;;
    *) echo "vllm stand-in: unknown argument $1" >&2; exit 2 ;;
  esac
done
exec /app/modelsim --model "$model" --port "$port" --max-model-len "$len" --max-num-seqs 32 --enable-kvcache --kv-cache-size 4096 \
  --time-to-first-token 50 --inter-token-latency 10
SH
  chmod 755 "$root/usr/bin/vllm"
  IMAGE_FLAGS=(-label testbed.stand-in=true)
  image "$ref" "$root" -- vllm
  IMAGE_FLAGS=()
  rm -rf --one-file-system "$WORK"; WORK=
}

# bench_image BINARY REF : a static program alone in an image, made again when it has changed.
bench_image() {
  local sum mark="$STORE/made/${2//\//_}"
  [ -x "$1" ] || die "no such program: $1"
  sum="$(sha256sum <"$1" | cut -c1-64)"
  if have_image "$2" && [ "$(cat "$mark" 2>/dev/null)" = "$sum" ]; then return 0; fi
  IMAGE_FLAGS=(-user 65532:65532)
  image "$2" "$1:/bench" -- /bench
  IMAGE_FLAGS=()
  mkdir -p "$STORE/made"
  echo "$sum" >"$mark"
}

# ci_image BINARY REF : what deploy/Containerfile makes, of the same parts: the program, helm, certificates.
ci_image() {
  [ -x "$1" ] || die "no such program: $1"
  need helm
  WORK="$(mktemp -d "$CACHE/bench-image.XXXXXX")"
  local root="$WORK/root"
  mkdir -p "$root"/{tmp,etc/ssl/certs,usr/local/bin}
  chmod 1777 "$root/tmp"
  install -m 755 "$1" "$root/bench"
  install -m 755 "$BIN/helm" "$root/usr/local/bin/helm"
  install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf 'nonroot:x:65532:65532::/tmp:/sbin/nologin\n' >"$root/etc/passwd"
  IMAGE_FLAGS=(-user 65532:65532 -env PATH=/usr/local/bin -env HOME=/tmp)
  image "$2" "$root" -- /bench
  IMAGE_FLAGS=()
  rm -rf --one-file-system "$WORK"; WORK=
}

[ $# -gt 0 ] || { sed -n '2,4p' "$0" | cut -c3-; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    haproxy) haproxy_image; shift ;;
    guidellm-0.5) guidellm05_image; shift ;;
    vllm) vllm_image; shift ;;
    bench=*) [ $# -ge 2 ] || die "bench=BINARY is followed by the image's name"; bench_image "${1#bench=}" "$2"; shift 2 ;;
    ci=*) [ $# -ge 2 ] || die "ci=BINARY is followed by the image's name"; ci_image "${1#ci=}" "$2"; shift 2 ;;
    *) die "no such image: $1" ;;
  esac
done
