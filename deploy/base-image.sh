#!/usr/bin/env bash
# Makes the Debian image that the Dockerfile starts from, where no registry of images can be reached: out of Debian's
# packages, by debootstrap. Only the stages that build start from it; nothing but a few libraries of it gets into the
# final image.
#
#   deploy/base-image.sh [NAME]        as root; NAME is smpcd-base by default
#
# SUITE is the release, by default that of this machine: a binary that was built here loads this libc or a newer one.
# MIRROR is where packages come from, by default debootstrap's own choice.
set -euo pipefail

name=${1:-smpcd-base}

need() {
    command -v "$1" >/dev/null 2>&1 || { echo "$1 is not there: $2" >&2; exit 1; }
}

need debootstrap "install Debian's debootstrap"
need docker "install Debian's docker.io, or Docker Engine"
[ "$(id -u)" -eq 0 ] || { echo "debootstrap needs root" >&2; exit 1; }

# shellcheck disable=SC1091 # It is the system's.
suite=${SUITE:-$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-}")} || true
[ -n "$suite" ] || { echo "this is no Debian: say SUITE=trixie, or another release" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
log=$folder/log
debootstrap --variant=minbase "$suite" "$folder/root" ${MIRROR:+"$MIRROR"} >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; exit 1; }
# Lists and packages that were fetched are of no use in an image.
rm -rf "$folder"/root/var/lib/apt/lists/* "$folder"/root/var/cache/apt/archives/*.deb
tar -C "$folder/root" -c . | docker import --change 'CMD ["bash"]' - "$name" >/dev/null
echo "made the image $name: Debian $suite"
