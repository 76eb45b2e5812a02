#!/usr/bin/env bash
# Makes the image of a test host: Debian with systemd as PID 1, SSH and Python, nothing else.
#   build_image.sh debian12            from packages, with debootstrap (needs root; no image registry)
#   build_image.sh debian12 debian:12  from an image of a registry that can be reached
# The machine's CA bundle goes into the image, so that hosts trust what the machine trusts (a company's proxy, for one).
set -euo pipefail

name=$1 base=${2:-}
packages=systemd,systemd-sysv,dbus,python3,python3-apt,openssh-server,ca-certificates,iproute2,procps
case $name in
  debian12) suite=bookworm ;;
  debian13) suite=trixie ;;
  *) echo "build_image.sh: no such test host image: $name (debian12, debian13)" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -n "$base" ]; then
  docker run --name "scaleout-build-$$" "$base" sh -c \
    "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages//,/ }"
  docker export "scaleout-build-$$" | tar -x -C "$work"
  docker rm "scaleout-build-$$" >/dev/null
else
  debootstrap --variant=minbase --include="$packages" "$suite" "$work"
fi

rm -rf "$work"/var/cache/apt/archives/*.deb "$work"/etc/ssh/ssh_host_*_key*
cp /etc/ssl/certs/ca-certificates.crt "$work/etc/ssl/certs/ca-certificates.crt"
# Every host makes its own SSH host keys at its first start.
mkdir -p "$work/etc/systemd/system/ssh.service.d"
printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
  >"$work/etc/systemd/system/ssh.service.d/host-keys.conf"
: >"$work/etc/machine-id"
tar -C "$work" -c . | docker import -c 'CMD ["/lib/systemd/systemd"]' - "scaleout-host:$name"
