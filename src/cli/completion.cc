// SPDX-License-Identifier: Apache-2.0
// `symphainy completion bash`: a completion script generated from the commands themselves, so that it cannot fall
// behind.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

constexpr std::string_view kHead = R"(# bash completion for symphainy; load it with: source <(symphainy completion bash)
_symphainy() {
  local current="${COMP_WORDS[COMP_CWORD]}" path="" word words value=""
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n "$value" ]]; then
      [[ "$word" == "=" ]] || value=""
    elif _symphainy_takes_value "$word"; then
      value="$word"
    elif [[ "$word" != -* ]]; then
      _symphainy_known "${path:+$path }$word" && path="${path:+$path }$word"
    fi
  done
  [[ "$current" == "=" ]] && current=""
  case "$value" in
    -o|--output) mapfile -t COMPREPLY < <(compgen -W "json table" -- "$current") ;;
    -d|--data|--root) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    --config|--file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
  esac
  [[ -n "$value" ]] && return
  case "$path" in
)";

constexpr std::string_view kTail = R"(    *) words="" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [[ "$path" == "run" && "$current" != -* ]]; then
    compopt -o filenames
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _symphainy symphainy
)";

template <typename Words>
std::string joined(const Words& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string bash_test(const std::string& name, const std::string& alternatives) {
  return name + "() { case \"$1\" in " + alternatives + ") return 0 ;; *) return 1 ;; esac; }\n";
}

std::string bash_script(const std::vector<CommandOutline>& outline) {
  std::string cases;
  std::vector<std::string> known;
  std::set<std::string> value_options;
  for (const CommandOutline& command : outline) {
    std::vector<std::string> words = command.subcommands;
    words.insert(words.end(), command.options.begin(), command.options.end());
    cases += "    \"" + command.path + "\") words=\"" + joined(words, " ") + "\" ;;\n";
    if (!command.path.empty()) known.push_back("\"" + command.path + "\"");
    value_options.insert(command.value_options.begin(), command.value_options.end());
  }
  return std::string(kHead) + cases + std::string(kTail) + bash_test("_symphainy_known", joined(known, "|")) +
         bash_test("_symphainy_takes_value", joined(value_options, "|"));
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
