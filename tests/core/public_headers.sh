#!/bin/sh
# Public headers include the standard library and each other alone (the kit may use doctest too), and
# each is in the list of those that are compiled alone.
# Usage: public_headers.sh <include directory> <meson.build with the list>
set -eu
other=$(grep -rnE '^[[:space:]]*#[[:space:]]*include' "$1" --include='*.h' |
  grep -vE 'include[[:space:]]+(<[a-z0-9_]+>|"chatrt/[a-z0-9_/]+\.h"|[<"]doctest/doctest\.h[>"])' || true)
doctest=$(grep -rl 'include.*doctest/doctest\.h' "$1" | grep -v '/testing/' || true)
unlisted=$(cd "$1/chatrt" && find . -name '*.h' | sed 's|^\./||; s|\.h$||' | sort | while read -r header; do
  grep -qF "'$header'" "$2" || echo "$header.h"
done)
[ -z "$other$doctest$unlisted" ] && exit 0
printf 'not for a public header:\n%s\n%s\nnot compiled alone:\n%s\n' "$other" "$doctest" "$unlisted"
exit 1
