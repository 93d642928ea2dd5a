# What the recipes share; their start and stop source it. Settings from the environment:
#   DIR     where files of running recipes lie (default: a folder of this user in TMPDIR)
#   PORT    first port (each recipe has its own default)
#   MEMORY  maxmemory of each server (default 256mb)

set -euo pipefail

host=127.0.0.1
recipe_dir=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
recipe=$(basename "$recipe_dir")
run_dir=${DIR:-${TMPDIR:-/tmp}/keepwarm-deploy-$(id -u)}/$recipe
memory=${MEMORY:-256mb}

fail() {
  echo "$recipe: $1" >&2
  exit 1
}

# Sets server and cli: Valkey's or Redis's on PATH, else those that the tests have unpacked.
find_server() {
  local name cache root
  for name in valkey redis; do
    if command -v "$name-server" >/dev/null && command -v "$name-cli" >/dev/null; then
      server=$(command -v "$name-server")
      cli=$(command -v "$name-cli")
      return
    fi
  done
  cache=${KEEPWARM_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}/keepwarm/servers
  for name in valkey redis; do
    for root in "$cache"/*/"$name-server+$name-tools"; do
      [ -x "$root/usr/bin/$name-server" ] && [ -x "$root/usr/bin/$name-cli" ] || continue
      server=$root/usr/bin/$name-server
      cli=$root/usr/bin/$name-cli
      LD_LIBRARY_PATH=$(find "$root/usr/lib" "$root/lib" -name '*.so*' -printf '%h\n' 2>/dev/null |
        sort -u | paste -sd:)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
      export LD_LIBRARY_PATH
      return
    done
  done
  fail "there is no valkey-server or redis-server on PATH; install one, for example with: apt-get install valkey-server valkey-tools"
}

# Makes the folder of this run; what has begun is ended again if the start fails.
begin() {
  [ ! -e "$run_dir" ] || fail "runs already, or was not stopped: $recipe_dir/stop"
  find_server
  mkdir -p "$run_dir"
  trap 'code=$?; [ $code -eq 0 ] || { tail -n 5 "$run_dir"/*.log >&2 2>/dev/null || true; stop_all; }' EXIT
}

# start_server PORT CONFIG [OPTION VALUE]...: a server in the background, with files of its own
start_server() {
  local port=$1 config=$2 name=server-$1
  shift 2
  mkdir "$run_dir/$name"
  launch "$port" "$name" "$config" --dir "$run_dir/$name" --maxmemory "$memory" --io-threads 1 "$@"
}

# launch PORT NAME ARGUMENT...
launch() {
  local port=$1 name=$2
  shift 2
  if "$cli" -h "$host" -p "$port" ping >/dev/null 2>&1; then
    fail "port $port is taken: choose others with PORT=…"
  fi
  "$server" "$@" --bind "$host" --port "$port" --daemonize yes \
    --pidfile "$run_dir/$name.pid" --logfile "$run_dir/$name.log"
  wait_for "$name answers" answers "$port"
}

answers() {
  [ "$("$cli" -h "$host" -p "$1" ping 2>/dev/null)" = PONG ]
}

# says PORT TEXT COMMAND...: whether the reply holds the text
says() {
  local port=$1 text=$2
  shift 2
  "$cli" -h "$host" -p "$port" "$@" 2>/dev/null | tr -d '\r' | grep -qF -- "$text"
}

# wait_for WHAT CONDITION...: asks until it holds, for 30 s
wait_for() {
  local what=$1 deadline=$((SECONDS + 30))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "not so after 30 s: $what"
    sleep 0.05
  done
}

# announce KEEPWARM_URL LMCACHE_URL
announce() {
  echo "$recipe: $("$server" --version | cut -d' ' -f1,3) on $host, files in $run_dir"
  echo "  keepwarm  keepwarm serve --remote $1"
  echo "  lmcache   remote_url: \"$2\""
  echo "  examine   keepwarm doctor $1"
  echo "  stop      $recipe_dir/stop"
}

args_of() {
  if [ -r "/proc/$1/cmdline" ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -p "$1" -o args=; fi
}

# Ends the servers of this run by their process ids, and removes their files.
stop_all() {
  local file pid pids=()
  for file in "$run_dir"/*.pid; do
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    case $(args_of "$pid" 2>/dev/null || true) in
      *valkey-server* | *redis-server*) kill "$pid" && pids+=("$pid") ;;
    esac
  done
  local deadline=$((SECONDS + 10))
  for pid in ${pids[@]+"${pids[@]}"}; do
    while kill -0 "$pid" 2>/dev/null; do
      if [ $SECONDS -ge $deadline ]; then kill -9 "$pid" 2>/dev/null || true; fi
      sleep 0.05
    done
  done
  rm -rf "$run_dir"
}
