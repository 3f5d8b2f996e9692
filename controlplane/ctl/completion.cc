// weftctl completion bash|zsh|fish: a script that completes verbs, kinds and options.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

constexpr std::string_view kKindWords = "services meshservices httproutes servicepolicies meshdefaults all";

constexpr std::string_view kIdentityWords =
    "show roots rotate tokens create-token revoke-token revoke revocations take-back";

std::string VerbWords(const CLI::App& app) {
  std::string words;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    words += (words.empty() ? "" : " ") + verb->get_name();
  }
  return words;
}

constexpr std::string_view kOptionWords =
    "--server --ca --cert --key --server-name --watch --token-file --namespace --all-namespaces --selector "
    "--field-selector --output --recursive --help "
    "--version";

std::string BashScript(const std::string& verbs) {
  return "# weftctl completion for bash: source <(weftctl completion bash)\n"
         "_weftctl() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  case $previous in\n"
         "    -f|--filename|--token-file) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
         "    -o|--output) COMPREPLY=($(compgen -W 'table wide json yaml name dot' -- \"$current\")); return "
         ";;\n"
         "    get|describe|delete) COMPREPLY=($(compgen -W '" +
         std::string(kKindWords) +
         "' -- \"$current\")); return ;;\n"
         "    agents) COMPREPLY=($(compgen -W 'list accept' -- \"$current\")); return ;;\n"
         "    identity) COMPREPLY=($(compgen -W '" +
         std::string(kIdentityWords) +
         "' -- \"$current\")); return ;;\n"
         "    rollout) COMPREPLY=($(compgen -W 'status list pause resume promote abort' -- \"$current\")); "
         "return ;;\n"
         "    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$current\")); return ;;\n"
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         std::string(kOptionWords) +
         "' -- \"$current\"))\n"
         "  elif [[ $COMP_CWORD -eq 1 ]]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         verbs +
         "' -- \"$current\"))\n"
         "  fi\n"
         "}\n"
         "complete -F _weftctl weftctl\n";
}

std::string ZshScript(const std::string& verbs) {
  return "#compdef weftctl\n"
         "# weftctl completion for zsh: source <(weftctl completion zsh)\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         BashScript(verbs);
}

std::string FishScript(const std::string& verbs) {
  return "# weftctl completion for fish: weftctl completion fish | source\n"
         "complete -c weftctl -f\n"
         "complete -c weftctl -n __fish_use_subcommand -a '" +
         verbs +
         "'\n"
         "complete -c weftctl -n '__fish_seen_subcommand_from get describe delete' -a '" +
         std::string(kKindWords) +
         "'\n"
         "complete -c weftctl -n '__fish_seen_subcommand_from agents' -a 'list accept'\n"
         "complete -c weftctl -n '__fish_seen_subcommand_from identity' -a '" +
         std::string(kIdentityWords) +
         "'\n"
         "complete -c weftctl -n '__fish_seen_subcommand_from rollout' -a 'status list pause resume promote "
         "abort'\n"
         "complete -c weftctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n"
         "complete -c weftctl -s o -l output -x -a 'table wide json yaml name dot'\n"
         "complete -c weftctl -s n -l namespace -x\n"
         "complete -c weftctl -s l -l selector -x\n"
         "complete -c weftctl -s f -l filename -r -F\n"
         "complete -c weftctl -l token-file -r -F\n"
         "complete -c weftctl -l server -x\n";
}

}  // namespace

void AddCompletion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "Print a completion script: bash, zsh or fish");
  verb->add_option("shell", *shell, "bash, zsh or fish")->required();
  const CLI::App* root = &app;
  verb->callback([shell, root, &action] {
    action = [shell, root](Context& context) -> Status {
      const std::string verbs = VerbWords(*root);
      if (*shell == "bash")
        context.out << BashScript(verbs);
      else if (*shell == "zsh")
        context.out << ZshScript(verbs);
      else if (*shell == "fish")
        context.out << FishScript(verbs);
      else
        return Invalid("'" + *shell + "' is not a shell that completion knows; use bash, zsh or fish");
      return {};
    };
  });
}

}  // namespace weft::ctl
