#!/usr/bin/env bash
# cached.sh SOURCE_DIR BUILD_DIR UP CCACHE COMPILER ARGUMENT…: compiles through ccache with relative paths alone, so that a
# clone elsewhere asks for the same; ccache's own base_dir leaves out what clang is given behind -Xclang.
# A precompiled header names files of the clone that made it, so each makes its own; what uses it is looked up by a checksum
# of what is in it (PCH.sum). UP: the source folder seen from the build folder.
set -e
root=$1 build=$2 up=$3 ccache=$4; shift 4
words=("${@//"$build/"/}")
words=("${words[@]//"$root"/"$up"}")
if [[ " ${words[*]} " != *" c++-header "* ]]; then
  export CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  exec "$ccache" "${words[@]}"
fi
"${words[@]}"
for ((i = 0; i < ${#words[@]}; ++i)); do
  case ${words[i]} in -o) out=${words[i + 1]} ;; -MF) deps=${words[i + 1]} ;; esac
done
{ printf '%s\n' "${words[@]}"; tr -s ' \\\n' '\n' < "$deps" | sed '/:$/d; /^$/d' | xargs cat; } | sha256sum > "$out.sum"
