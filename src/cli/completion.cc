// SPDX-License-Identifier: Apache-2.0
// `symphainy completion bash`: a completion script generated from the commands themselves, so that it cannot fall
// behind.
#include <string>
#include <utility>

#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

constexpr std::string_view kHead = R"(# bash completion for symphainy; load it with: source <(symphainy completion bash)
_symphainy() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" path="" word words
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) _symphainy_known "${path:+$path }$word" && path="${path:+$path }$word" ;; esac
  done
  case "$previous" in
    -o|--output) COMPREPLY=($(compgen -W "json table" -- "$current")); return ;;
    -d|--data|--root) compopt -o filenames; COMPREPLY=($(compgen -d -- "$current")); return ;;
    --config|--file) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$path" in
)";

constexpr std::string_view kTail = R"(    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ "$path" == "run" && "$current" != -* ]]; then
    compopt -o filenames
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -F _symphainy symphainy
)";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string bash_script(const std::vector<CommandOutline>& outline) {
  std::string cases;
  std::string known;
  for (const CommandOutline& command : outline) {
    std::vector<std::string> words = command.subcommands;
    words.insert(words.end(), command.options.begin(), command.options.end());
    cases += "    \"" + command.path + "\") words=\"" + joined(words) + "\" ;;\n";
    if (!command.path.empty()) known += (known.empty() ? "" : "|") + ("\"" + command.path + "\"");
  }
  const std::string test = "_symphainy_known() { case \"$1\" in " + known + ") return 0 ;; *) return 1 ;; esac; }\n";
  return std::string(kHead) + cases + std::string(kTail) + test;
}

}  // namespace

void add_completion(Command root, std::function<std::vector<CommandOutline>()> outline) {
  Command completion = root.add("completion", "scripts that complete commands and options");
  completion.examples({"source <(symphainy completion bash)"});
  completion.add("bash", "print the script for bash")
      .examples({"source <(symphainy completion bash)", "symphainy completion bash > /etc/bash_completion.d/symphainy"})
      .runs([outline = std::move(outline)](Invocation& invocation) -> Result<int> {
        std::string script = bash_script(outline());
        if (invocation.out().json_asked()) {
          invocation.out().json_line(Json::object({{"script", script}, {"shell", "bash"}}));
          return kOk;
        }
        script.pop_back();
        invocation.out().line(script);
        return kOk;
      });
}

}  // namespace symphainy::cli
