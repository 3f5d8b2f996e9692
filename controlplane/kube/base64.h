#pragma once
// Base64 (RFC 4648) as Secrets, kubeconfigs and admission answers carry it. Thread rule: pure.

#include <string>
#include <string_view>

#include "common/result/result.h"

namespace weft::kube {

std::string ToBase64(std::string_view bytes);
Result<std::string> FromBase64(std::string_view text);  // white space is passed over

}  // namespace weft::kube
