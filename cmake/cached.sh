#!/usr/bin/env bash
# cached.sh SOURCE_DIR BUILD_DIR UP CCACHE COMPILER ARGUMENT…: compiles through ccache with relative paths alone, so that a
# clone elsewhere asks for the same; ccache's own base_dir leaves out what clang is given behind -Xclang.
# A precompiled header names files of the clone that made it, so each makes its own; what uses it is looked up by a checksum
# of what is in it (PCH.sum): the words of the command, names and contents of all files; the compiler ccache checks itself.
# Without that file ccache reads the header, which only costs hits. UP: the source folder seen from the build folder.
set -e
root=$1 build=$2 up=$3 ccache=$4; shift 4
export CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
if ! [ "$up" -ef "$root" ]; then CCACHE_BASEDIR=$root exec "$ccache" "$@"; fi  # a build folder behind a symbolic link
export CCACHE_PCH_EXTSUM=1

words=()
for word in "$@"; do
  case $word in
    "$build"/*) word=${word#"$build"/} ;;
    -I"$build"/*) word=-I${word#-I"$build"/} ;;
    "$root"/*) word=$up${word#"$root"} ;;
    -I"$root" | -I"$root"/*) word=-I$up${word#-I"$root"} ;;
  esac
  words+=("$word")
done
for ((i = 0; i < ${#words[@]}; ++i)); do
  case ${words[i]} in -o) out=${words[i + 1]} ;; -MF) deps=${words[i + 1]} ;; esac
done

if [[ " ${words[*]} " != *" c++-header "* ]]; then
  "$ccache" "${words[@]}"
  # Clang lists what is in the precompiled header by absolute names: those of the clone that compiled, whose end would have
  # this one compile everything at each build.
  if [ -f "$deps" ] && text=$(< "$deps") && [[ $text =~ [[:space:]](/[^[:space:]]*)/CMakeFiles/[^[:space:]]*/cmake_pch\.hxx ]]; then
    theirs=${BASH_REMATCH[1]}
    text=${text//" $theirs/"/" "}
    text=${text//" $(realpath -ms "$theirs/$up")/"/" $up/"}
    printf '%s\n' "$text" > "$deps.own"
    mv "$deps.own" "$deps"   # not into the file, which may be the cache's own
  fi
  exit 0
fi

rm -f "$out.sum"
began=$EPOCHREALTIME
"${words[@]}"
mapfile -t files < <(tr -s ' \\\n' '\n' < "$deps" | sed '/:$/d; /^$/d')
changed=$(find "${files[@]}" -newermt "@$began" -print -quit) || exit 0  # the header may hold what the file held before
if [ ${#files[@]} -gt 0 ] && [ -z "$changed" ] && names_and_contents=$(sha256sum -- "${files[@]}"); then
  printf '%s\n' "${words[@]}" "$names_and_contents" | sha256sum > "$out.sum"
fi
