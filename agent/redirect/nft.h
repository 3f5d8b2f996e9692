#pragma once
// The program `nft`, which the kernel's rules are changed and listed with. Thread rule: blocks; one thread.

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace weft::redirect {

// What it prints on standard output. An error carries what it said on standard error, and the remedy where
// the program or the permission is missing.
Result<std::string> RunNft(const std::vector<std::string>& arguments, std::string_view input);

}  // namespace weft::redirect
