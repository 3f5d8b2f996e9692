# Every library comes from Debian 12. gRPC, protobuf and abseil are linked from the static archives: a program
# starts in half the time and its text is shared with nobody anyway in a pod.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(GTest REQUIRED)
find_package(OpenSSL REQUIRED)

set(WEFT_LIB_DIR /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
file(GLOB WEFT_ABSL ${WEFT_LIB_DIR}/libabsl_*.a)

function(weft_external name)   # weft_external(name LINK … INCLUDE …): an INTERFACE target weft_ext_<name>
  cmake_parse_arguments(arg "" "" "LINK;DEFINE" ${ARGN})
  add_library(weft_ext_${name} INTERFACE)
  target_link_libraries(weft_ext_${name} INTERFACE ${arg_LINK})
  target_compile_definitions(weft_ext_${name} INTERFACE ${arg_DEFINE})
endfunction()

weft_external(protobuf LINK -Wl,--start-group ${WEFT_LIB_DIR}/libprotobuf.a -Wl,--end-group ${WEFT_LIB_DIR}/libz.a Threads::Threads)
weft_external(grpc LINK -Wl,--start-group ${WEFT_LIB_DIR}/libgrpc++.a
  ${WEFT_LIB_DIR}/libgrpc.a ${WEFT_LIB_DIR}/libgpr.a ${WEFT_LIB_DIR}/libupb.a ${WEFT_LIB_DIR}/libaddress_sorting.a
  ${WEFT_LIB_DIR}/libre2.a ${WEFT_LIB_DIR}/libcares.a ${WEFT_LIB_DIR}/libprotobuf.a ${WEFT_ABSL}
  ${WEFT_LIB_DIR}/libssl.a ${WEFT_LIB_DIR}/libcrypto.a -Wl,--end-group ${WEFT_LIB_DIR}/libz.a dl rt Threads::Threads)
weft_external(boost LINK Boost::headers Threads::Threads
  DEFINE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ERROR_CODE_HEADER_ONLY)
weft_external(json LINK nlohmann_json::nlohmann_json)
weft_external(yaml LINK ${WEFT_LIB_DIR}/libyaml-cpp.a)
weft_external(spdlog LINK spdlog::spdlog)
weft_external(prometheus LINK prometheus-cpp-core)
weft_external(sqlite LINK ${WEFT_LIB_DIR}/libSQLiteCpp.a ${WEFT_LIB_DIR}/libsqlite3.a dl)
weft_external(re2 LINK ${WEFT_LIB_DIR}/libre2.a Threads::Threads)
weft_external(xxhash LINK xxhash)
weft_external(cares LINK ${WEFT_LIB_DIR}/libcares.a)
weft_external(nghttp2 LINK ${WEFT_LIB_DIR}/libnghttp2.a)
weft_external(ssl LINK ${WEFT_LIB_DIR}/libssl.a ${WEFT_LIB_DIR}/libcrypto.a dl Threads::Threads)
weft_external(crypto LINK ${WEFT_LIB_DIR}/libcrypto.a dl Threads::Threads)
