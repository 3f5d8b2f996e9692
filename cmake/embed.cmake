# weft_embed(target NAMESPACE NAME source header): a text file as a constant std::string_view in a generated header.
function(weft_embed target namespace name source header)
  file(READ ${CMAKE_SOURCE_DIR}/${source} text)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${header} @ONLY CONTENT "#pragma once
// Made of ${source}.
#include <string_view>
namespace ${namespace} {
inline constexpr std::string_view ${name} = R\"WEFT_TEXT(${text})WEFT_TEXT\";
}
")
endfunction()
