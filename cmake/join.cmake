# Whole builds: most of what a folder costs is the headers that it includes, so all folders below one top folder
# together cost a fifth of what they cost one by one. With WEFT_JOIN each top folder's tests are one program, in which
# ctest still runs a folder's at a time, and the folders of the tops that it lists are one library. Built again after a
# change, this takes longer than the folder alone; hence presets leave it off and scripts/build turns it on.

function(weft_join_of folder out)  # the top folder when the folder is part of its library, else empty
  set(${out} PARENT_SCOPE)
  string(REGEX MATCH "^[^/]+" top ${folder})
  if(top IN_LIST WEFT_JOIN AND NOT folder IN_LIST WEFT_JOIN_EXCEPT)
    set(${out} ${top} PARENT_SCOPE)
  endif()
endfunction()

function(weft_join_library folder top)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;DEFINE" ${ARGN})
  weft_target_name(${folder} target)
  set_property(GLOBAL APPEND PROPERTY weft_${top}_joined_folders ${target})
  set_property(GLOBAL APPEND PROPERTY weft_${top}_joined_sources ${arg_SOURCES})
  set_property(GLOBAL APPEND PROPERTY weft_${top}_joined_link ${arg_LINK})
  set_property(GLOBAL APPEND PROPERTY weft_${top}_joined_define ${arg_DEFINE})
  add_library(${target} INTERFACE)
  target_link_libraries(${target} INTERFACE weft_${top}_joined ${arg_LINK})
endfunction()

function(weft_join_test folder command)  # sets the command that runs these tests
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  string(REGEX MATCH "^[^/]+" top ${folder})
  set_property(GLOBAL APPEND PROPERTY weft_${top}_joined_test_sources ${arg_SOURCES})
  set_property(GLOBAL APPEND PROPERTY weft_${top}_joined_test_link ${arg_LINK})
  list(TRANSFORM arg_SOURCES REPLACE "^${CMAKE_SOURCE_DIR}/" "")
  set(${command} weft_${top}_joined_test ${arg_SOURCES} PARENT_SCOPE)
endfunction()

# Behind the last folder of a top: what was said of its folders becomes two targets.
function(weft_join top)
  set(target weft_${top}_joined)
  foreach(what folders sources link define test_sources test_link)
    get_property(${what} GLOBAL PROPERTY ${target}_${what})
  endforeach()
  if(sources)
    list(REMOVE_DUPLICATES link)
    list(REMOVE_ITEM link ${folders})
    weft_static_library(${target} SOURCES ${sources} LINK ${link} DEFINE ${define})
  endif()
  if(test_sources)
    list(REMOVE_DUPLICATES test_link)
    weft_test_program(${target}_test SOURCES ${test_sources} LINK ${test_link} GTest::gtest)
    target_sources(${target}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests/joined/main.cc)
  endif()
endfunction()

# All that protoc makes as one source. Two of its file-local names are the same in each file.
function(weft_join_proto out)
  set(text)
  foreach(source ${ARGN})
    file(RELATIVE_PATH path ${CMAKE_BINARY_DIR}/generated ${source})
    string(MAKE_C_IDENTIFIER ${path} id)
    string(APPEND text "#define schemas schemas_${id}\n#define file_default_instances file_default_instances_${id}\n"
                       "#include \"${path}\"\n#undef schemas\n#undef file_default_instances\n")
  endforeach()
  set_source_files_properties(${ARGN} PROPERTIES HEADER_FILE_ONLY ON)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/unity/weft_proto.cc CONTENT "${text}" @ONLY)
  set(${out} ${CMAKE_BINARY_DIR}/unity/weft_proto.cc PARENT_SCOPE)
endfunction()

# Fuzz targets as one program, which replays the corpus of the one that it is told.
function(weft_join_fuzzer name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY weft_joined_fuzz_names ${name})
  set_property(GLOBAL APPEND PROPERTY weft_joined_fuzz_link ${arg_LINK})
  add_test(NAME fuzz_${name} COMMAND weft_joined_fuzz ${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
endfunction()

function(weft_join_fuzzers)  # behind the last of them
  get_property(names GLOBAL PROPERTY weft_joined_fuzz_names)
  get_property(link GLOBAL PROPERTY weft_joined_fuzz_link)
  if(NOT names)
    return()
  endif()
  set(text "#define WEFT_FUZZ_TARGETS")
  foreach(name ${names})
    string(APPEND text " {\"${name}\", Fuzz_${name}},")
  endforeach()
  foreach(name ${names})
    string(APPEND text "\n#define LLVMFuzzerTestOneInput Fuzz_${name}\n#include \"tests/fuzz/${name}_fuzz.cc\"\n#undef LLVMFuzzerTestOneInput")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/unity/weft_joined_fuzz.cc CONTENT "${text}\n#include \"tests/fuzz/replay_main.cc\"\n" @ONLY)
  add_executable(weft_joined_fuzz ${CMAKE_BINARY_DIR}/unity/weft_joined_fuzz.cc)
  weft_configure_target(weft_joined_fuzz)
  weft_cheap_target(weft_joined_fuzz)
  list(REMOVE_DUPLICATES link)
  target_link_libraries(weft_joined_fuzz PRIVATE ${link})
endfunction()
