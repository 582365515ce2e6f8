// SPDX-License-Identifier: Apache-2.0
// `nxm init`: a recipe to begin with, every key in it explained.

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/json_fields.h"
#include "nxm/recipe/recipe.h"

namespace nxm::cli {

void add_init(Verb app) {
  struct Flags {
    std::string task = "custom";
    std::string out;
    bool force = false, json = false, keys = false;
  };
  auto flags = std::make_shared<Flags>();
  Verb verb = app.add("init", "Print a recipe with every key and a comment on each");
  verb.option("TASK", flags->task, "A known task (mrpc, stsb, …), or custom: one that the recipe describes")
      .show_default();
  verb.option("--out", flags->out, "Write it to this file instead");
  verb.flag("--force", flags->force, "Replace the file");
  verb.flag("--keys", flags->keys, "Print the tables of all keys and defaults instead");
  verb.flag("--json", flags->json, R"(One JSON object: {"recipe": text})");
  verb.footer("Example:\n  nxm init mrpc --out mrpc.toml\n  nxm finetune mrpc.toml --out runs/mrpc\n");
  verb.run([flags] {
    const std::string text = flags->keys ? key_reference() : commented_recipe(flags->task);
    if (!flags->out.empty()) {
      if (std::filesystem::exists(flags->out) && !flags->force) {
        fail_usage("init", "{} is there already; choose another --out, or replace it by --force", flags->out);
      }
      write_file(flags->out, text);
      fmt::print(stderr, "wrote {}\n", flags->out);
    }
    if (flags->json) {
      fmt::print("{}\n", OrderedJson{{"recipe", text}}.dump());
    } else if (flags->out.empty()) {
      fmt::print("{}", text);
    }
  });
}

}  // namespace nxm::cli
