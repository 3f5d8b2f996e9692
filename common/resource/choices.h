#pragma once
// The words that fields of Weft's kinds may have: what readers take, and what the CRDs list. Thread rule:
// constants.

#include "common/policy/policy.h"
#include "common/policy/route.h"
#include "common/resource/reader.h"

namespace weft::resource {

inline constexpr std::array<Choice<policy::Protocol>, 5> kProtocols = {{{"HTTP", policy::Protocol::kHttp},
                                                                        {"HTTP2", policy::Protocol::kHttp2},
                                                                        {"GRPC", policy::Protocol::kGrpc},
                                                                        {"TLS", policy::Protocol::kTls},
                                                                        {"TCP", policy::Protocol::kTcp}}};
inline constexpr std::array<Choice<std::uint8_t>, 2> kProxyProtocols = {
    {{"v1", std::uint8_t{1}}, {"v2", std::uint8_t{2}}}};

inline constexpr std::array<Choice<policy::Balancer>, 8> kBalancers = {
    {{"peakEwma", policy::Balancer::kPeakEwma},
     {"leastRequest", policy::Balancer::kLeastRequest},
     {"roundRobin", policy::Balancer::kRoundRobin},
     {"random", policy::Balancer::kRandom},
     {"hotCold", policy::Balancer::kHotCold},
     {"ringHash", policy::Balancer::kRingHash},
     {"maglev", policy::Balancer::kMaglev},
     {"best", policy::Balancer::kBest}}};
inline constexpr std::array<Choice<policy::Mode>, 3> kModes = {
    {{"off", policy::Mode::kOff}, {"shadow", policy::Mode::kShadow}, {"act", policy::Mode::kAct}}};
inline constexpr std::array<Choice<policy::Limiter>, 4> kLimiters = {
    {{"off", policy::Limiter::kOff},
     {"aimd", policy::Limiter::kAimd},
     {"vegas", policy::Limiter::kVegas},
     {"gradient", policy::Limiter::kGradient}}};
inline constexpr std::array<Choice<policy::RateKey>, 4> kRateKeys = {{{"service", policy::RateKey::kService},
                                                                      {"address", policy::RateKey::kAddress},
                                                                      {"header", policy::RateKey::kHeader},
                                                                      {"caller", policy::RateKey::kCaller}}};
inline constexpr std::array<Choice<policy::Mtls>, 3> kMtlsModes = {{{"off", policy::Mtls::kOff},
                                                                    {"permissive", policy::Mtls::kPermissive},
                                                                    {"strict", policy::Mtls::kStrict}}};

}  // namespace weft::resource
