# Sourced by ./quickstart and ./test: what both need on the controller. Safe to run twice; says what it does.
# Provides: say, fail, step and the need_* below. Wants: repo, the top folder of the clone.
# shellcheck shell=bash

repo="${repo:?set it to the top folder of the clone}"
export SCALEOUT_CACHE="${SCALEOUT_CACHE:-$HOME/.cache/scaleout-webapp}"

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# step TITLE COMMAND...: one line of progress with the seconds it took; its output is shown only when it fails.
step() {
  local title=$1 began=$SECONDS log
  shift
  log=$(mktemp)
  printf '  %-58s' "$title"
  if "$@" >"$log" 2>&1; then
    printf '%4ss\n' $((SECONDS - began))
    rm -f "$log"
  else
    printf 'failed\n' ; tail -n 40 "$log" >&2 ; rm -f "$log"
    fail "$title failed, see above"
  fi
}

need_root() { [ "$(id -u)" = 0 ] || fail "needs root: it starts hosts with their own network (try: sudo ./$(basename "$0"))"; }

# need_space MIB FOLDER [WRITTEN]: refuse before anything is written rather than fill the disk. The folder need not be there yet.
# MiB that an earlier run has WRITTEN there are not asked for again.
need_space() {
  local have folder=$2 need=$(($1 - ${3:-0}))
  until [ -e "$folder" ]; do folder=$(dirname "$folder"); done
  have=$(df --output=avail -m "$folder" | tail -n 1 | tr -d ' ')
  [ "$have" -ge "$need" ] || fail "$2 has $have MiB free, $need MiB are needed"
}

# need_packages NAME...: installs those Debian packages that are absent.
need_packages() {
  local name missing=()
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "install these packages first, this is no Debian: ${missing[*]}"
  step "Updating the package lists" apt-get update
  step "Installing ${missing[*]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# need_python REQUIREMENTS: .venv with exactly these, made anew only when the file changes.
need_python() {
  local requirements=$1 stamp known
  # One for each file: those of ./test hold those of ./quickstart, so that neither undoes what the other did.
  known="$repo/.venv/.requirements.$(basename "$requirements")"
  stamp=$(cd "$(dirname "$requirements")" && cat ./*.txt "$(basename "$requirements")" | sha256sum)
  if [ "$(cat "$known" 2>/dev/null)" != "$stamp" ]; then
    # What was killed while it made one left no pip.
    [ -x "$repo/.venv/bin/pip" ] || step "Making a Python environment" /usr/bin/python3 -m venv --clear "$repo/.venv"
    step "Installing Ansible and what goes with it" \
      "$repo/.venv/bin/pip" install --disable-pip-version-check -r "$requirements"
    printf '%s' "$stamp" >"$known"
  fi
  mkdir -p "$repo/.ansible/collections/ansible_collections/scaleout"
  ln -sfn ../../../.. "$repo/.ansible/collections/ansible_collections/scaleout/webapp"
  export PATH="$repo/.venv/bin:$PATH" ANSIBLE_CONFIG="$repo/ansible.cfg"
  export ANSIBLE_COLLECTIONS_PATH="$repo/.ansible/collections"
}

# need_docker: a Docker engine that answers; where there is no init system to start it, it is started here.
need_docker() {
  local log=/var/log/dockerd.log
  if ! docker info >/dev/null 2>&1; then
    command -v dockerd >/dev/null || need_packages docker.io iptables
    if [ -d /run/systemd/system ]; then
      step "Starting the Docker engine" systemctl start docker
    elif ! docker info >/dev/null 2>&1; then
      say "  Starting the Docker engine (log: $log)"
      nohup setsid dockerd >"$log" 2>&1 </dev/null &
    fi
  fi
  local tries=0
  until docker info >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || fail "no Docker engine answers after 30 s, see $log"
    sleep 0.5
  done
}

# need_memory MIB: of the whole machine.
need_memory() {
  local have
  have=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  [ "$have" -ge "$1" ] || fail "this machine has $have MiB of memory, $1 MiB are needed"
}
