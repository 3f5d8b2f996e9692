#include <cstdio>
#include <iostream>

#include "agent/app/agent.h"
#include "agent/redirect/command.h"
#include "common/environment/environment.h"

namespace {

using namespace std::string_literals;

weft::Result<weft::settings::Settings> LoadSettings(const weft::app::Arguments& arguments) {
  weft::Result<std::vector<weft::settings::Override>> overrides = weft::settings::FromEnvironment(
      weft::environment::Read(), {"WEFT_CONFIG", "WEFT_CONFIG_TEXT", "WEFT_ALLOCATIONS"});
  if (!overrides) return overrides.error();
  overrides->insert(overrides->end(), arguments.overrides.begin(), arguments.overrides.end());
  if (arguments.config.empty()) {
    const char* text = std::getenv("WEFT_CONFIG_TEXT");
    return weft::settings::Parse(text == nullptr ? "" : text, text == nullptr ? "" : "WEFT_CONFIG_TEXT",
                                 *overrides);
  }
  return weft::settings::Load(arguments.config, *overrides);
}

int Fail(const weft::Error& error) {
  std::cerr << "weft-agent: " << error.Text() << "\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using weft::app::Arguments;
  weft::Result<Arguments> arguments = weft::app::ParseArguments({argv + 1, argv + argc});
  if (!arguments) return Fail(arguments.error());
  switch (arguments->command) {
    case Arguments::Command::kHelp: std::cout << weft::app::kHelp; return 0;
    case Arguments::Command::kVersion: std::cout << "weft-agent " << weft::app::kVersion << "\n"; return 0;
    case Arguments::Command::kDrain: return weft::app::RunDrain(arguments->admin);
    case Arguments::Command::kReady: return weft::app::RunReady(*arguments);
    case Arguments::Command::kRedirect: return weft::redirect::Run(arguments->words, std::cout, std::cerr);
    case Arguments::Command::kRun: break;
  }
  if (const char* config = std::getenv("WEFT_CONFIG"); arguments->config.empty() && config != nullptr) {
    arguments->config = config;
  }
  const weft::Result<weft::settings::Settings> settings = LoadSettings(*arguments);
  if (!settings) return Fail(settings.error());
  return weft::app::RunAgent(*arguments, *settings);
}
