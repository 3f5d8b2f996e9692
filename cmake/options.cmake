# Language, warnings, sanitizers, compiler cache, linker.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(WEFT_UNITY "Compile each folder as one translation unit (two to three times faster from cold)" ON)
set(WEFT_JOIN "" CACHE STRING "Top folders that are compiled as one library each; not empty: tests too (cmake/join.cmake)")
set(WEFT_JOIN_EXCEPT "" CACHE STRING "Folders that stay libraries of their own")
option(WEFT_FUZZ "Build the libFuzzer targets of tests/fuzz (clang only)" OFF)
set(WEFT_SANITIZE "" CACHE STRING "Value of -fsanitize=; empty: none")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

# Decisions replay bit for bit in a binary of another compiler, hence no contraction to fused multiply-add.
add_compile_options(-ffp-contract=off -fno-plt -ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)

# Warnings of our own code only: libraries are SYSTEM.
set(WEFT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wundef -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside its own headers when it inlines.
  list(APPEND WEFT_WARNINGS -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds
       -Wno-stringop-overread -Wno-dangling-pointer)
else()
  list(APPEND WEFT_WARNINGS -Wno-sign-conversion)  # no part of -Wconversion for g++
endif()

if(WEFT_SANITIZE)
  add_compile_options(-fsanitize=${WEFT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WEFT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")  # which has no macro for it; g++'s names
    string(REPLACE "," ";" kinds ${WEFT_SANITIZE})
    foreach(kind ${kinds})
      string(TOUPPER ${kind} upper)
      add_compile_definitions(__SANITIZE_${upper}__=1)
    endforeach()
  endif()
  if(NOT WEFT_FUZZ)
    # Checks of every access through a pointer cost half of the build; AddressSanitizer traps null by itself, and the
    # fuzz preset has them all. That of called functions does not assemble with coroutines in sections (clang 14).
    add_compile_options(-fno-sanitize=null,alignment,vptr,object-size,function)
  endif()
endif()
if(WEFT_FUZZ)
  # clang 14 puts UBSan's function prologue where coroutines do not let it ("difference across sections").
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=function)
endif()

find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE)
  file(RELATIVE_PATH up ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR})
  string(REGEX REPLACE "/$" "" up "${up}")
  if(NOT up)
    set(up .)
  endif()
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_SOURCE_DIR}/cmake/cached.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${up} ${WEFT_CCACHE})
endif()
find_program(WEFT_MOLD mold)
if(WEFT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
