# Prepares what a Bash script may use, then sources the script. Works with `set -euo pipefail` in the script, with
# Bash 4.2 and newer, and needs no other program than base64; the API client needs the worker's Python.

declare -A __octopus_variables=()
declare -A octopus_parameters=() Query=()
__octopus_api_url= __octopus_api_token=

__octopus_prepare() {
  local name value
  while IFS= read -r -d '' name && IFS= read -r -d '' value; do
    __octopus_variables["=$name"]=$value
    [ -z "$name" ] || octopus_parameters["$name"]=$value
  done <"$REACTIONS_INPUTS/variables"
  while IFS= read -r -d '' name && IFS= read -r -d '' value; do
    [ -z "$name" ] || Query["$name"]=$value
  done <"$REACTIONS_INPUTS/query"
  while IFS= read -r -d '' name && IFS= read -r -d '' value; do
    case $name in
      BaseUrl) __octopus_api_url=$value ;;
      Token) __octopus_api_token=$value ;;
    esac
  done <"$REACTIONS_INPUTS/api"
  rm -f -- "$REACTIONS_INPUTS/variables" "$REACTIONS_INPUTS/query" "$REACTIONS_INPUTS/api" \
    "$REACTIONS_INPUTS/context.json"
}
__octopus_prepare

__octopus_encode() {
  printf '%s' "${1-}" | base64 | tr -d '\n'
}

__octopus_at_level() {
  printf '##octopus[stdout-%s]\n%s\n##octopus[stdout-default]\n' "$1" "$2"
}

# Prints the value and a line end; an unknown name gives an empty line.
get_octopusvariable() {
  local __key="=${1-}"
  printf '%s\n' "${__octopus_variables[$__key]-}"
}

# set_octopusvariable NAME VALUE [-sensitive]
set_octopusvariable() {
  local __key="=${1-}" __sensitive=
  __octopus_variables[$__key]=${2-}
  case ${3-} in
    -sensitive)
      __sensitive=" sensitive='$(__octopus_encode True)'"
      mask_value "${2-}"
      ;;
  esac
  printf "##octopus[setVariable name='%s' value='%s'%s]\n" \
    "$(__octopus_encode "${1-}")" "$(__octopus_encode "${2-}")" "$__sensitive"
}

# Said on both streams: they are read apart, and whichever comes first must know.
mask_value() {
  local __message
  __message="##octopus[mask value='$(__octopus_encode "${1-}")']"
  printf '%s\n' "$__message"
  printf '%s\n' "$__message" >&2
}

# new_octopusartifact PATH [NAME]
new_octopusartifact() {
  local __path=${1-} __length=
  case $__path in
    /*) ;;
    *) __path=$PWD/$__path ;;
  esac
  if [ -f "$__path" ]; then
    __length=" length='$(__octopus_encode "$(($(wc -c <"$__path")))")'"
  fi
  printf "##octopus[createArtifact path='%s' name='%s'%s]\n" \
    "$(__octopus_encode "$__path")" "$(__octopus_encode "${2-${__path##*/}}")" "$__length"
}

# update_progress PERCENTAGE [MESSAGE]
update_progress() {
  printf "##octopus[progress percentage='%s' message='%s']\n" \
    "$(__octopus_encode "${1-0}")" "$(__octopus_encode "${2-}")"
}

fail_step() {
  if [ -n "${1-}" ]; then
    printf "##octopus[resultMessage message='%s']\n" "$(__octopus_encode "$1")"
  fi
  exit 1
}

write_verbose() { __octopus_at_level verbose "${1-}"; }
write_highlight() { __octopus_at_level highlight "${1-}"; }
write_wait() { __octopus_at_level wait "${1-}"; }
write_warning() { __octopus_at_level warning "${1-}"; }

# octopus_api METHOD PATH [JSON]: prints the answer; on an error one sentence on the error output and status 1.
octopus_api() {
  if [ -z "${REACTIONS_API_PYTHON-}" ]; then
    printf '%s\n' "octopus_api needs Python on this worker: install python3." >&2
    return 1
  fi
  printf '%s\0' "$__octopus_api_url" "$__octopus_api_token" "${REACTIONS_API_SOCKET-}" "${1-GET}" "${2-/}" "${3-}" |
    "$REACTIONS_API_PYTHON" -I -B "$REACTIONS_INPUTS/api_client.py"
}

__octopus_json_string() {
  local __text=${1-} __out= __char __index
  for ((__index = 0; __index < ${#__text}; __index++)); do
    __char=${__text:__index:1}
    case $__char in
      '"') __out+='\"' ;;
      \\) __out+='\\' ;;
      $'\n') __out+='\n' ;;
      $'\r') __out+='\r' ;;
      $'\t') __out+='\t' ;;
      [[:cntrl:]]) printf -v __char '\\u%04x' "'$__char" && __out+=$__char ;;
      *) __out+=$__char ;;
    esac
  done
  printf '"%s"' "$__out"
}

# create_release PROJECT VERSION [NOTES]
create_release() {
  octopus_api POST /api/releases/ "{\"project\": $(__octopus_json_string "${1-}"),\
 \"version\": $(__octopus_json_string "${2-}"), \"notes\": $(__octopus_json_string "${3-}")}"
}

set --
source "$REACTIONS_INPUTS/script.sh"
