// SPDX-License-Identifier: Apache-2.0
// `nxm info`: what this program is made of and what it may use here. The first thing to paste into a bug report.

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <utf8proc.h>

#include <CLI/Version.hpp>
#include <algorithm>
#include <memory>
#include <string>

#include "nxm/cli/cache.h"
#include "nxm/cli/machine.h"
#include "nxm/cli/torch_info.h"
#include "nxm/cli/verbs.h"
#include "nxm/io/hub.h"
#include "nxm/io/json_fields.h"
#include "nxm/kernels/linear.h"
#include "nxm/kernels/target.h"

namespace nxm::cli {
namespace {

std::string version_text(int major, int minor, int patch) { return fmt::format("{}.{}.{}", major, minor, patch); }

OrderedJson libraries() {
  return {{"fmt", version_text(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"nlohmann_json",
           version_text(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
          {"CLI11", CLI11_VERSION},
          {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
          {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"utf8proc", utf8proc_version()},
          {"Highway", highway_version()}};
}

// Names of the kernels that the chosen target can run.
OrderedJson kernels() {
  OrderedJson names = OrderedJson::array();
  for (const LinearKernel& kernel : linear_kernels()) {
    if (includes(chosen_target(), kernel.needs)) names.push_back(kernel.name);
  }
  return names;
}

OrderedJson targets() {
  OrderedJson names = OrderedJson::array();
  for (const Target target : available_targets()) names.push_back(name_of(target));
  return names;
}

OrderedJson gather() {
  const Processor processor = read_processor("/proc/cpuinfo");
  const ThreadBudget budget = thread_budget();
  const HubOptions hub = HubOptions::from_environment();
  OrderedJson info = {{"version", NXM_VERSION},
                      {"cpu", processor.model},
                      {"isa", processor.isa},
                      {"threads", budget.threads},
                      {"threads_reason", budget.reason}};
  info["target"] = name_of(chosen_target());
  info["targets"] = targets();
  info["kernels"] = kernels();
  info["torch"] = nullptr;
  if (const auto torch = torch_info()) info["torch"] = {{"version", torch->version}, {"compute", torch->compute}};
  info["libraries"] = libraries();
  info["hub"] = {{"endpoint", hub.endpoint},
                 {"cache", hub.cache.string()},
                 {"offline", hub.offline},
                 {"token", hub.token.has_value()}};
  info["cache"] = cache_folder().string();
  return info;
}

void print_words(const OrderedJson& info) {
  const auto text = [](const OrderedJson& value) { return value.get<std::string>(); };
  std::string isa, targets, kernels, versions;
  for (const auto& name : info["targets"]) targets += (targets.empty() ? "" : " ") + text(name);
  for (const auto& name : info["kernels"]) kernels += text(name) + " ";
  for (const auto& flag : info["isa"]) isa += text(flag) + " ";
  for (const auto& [name, version] : info["libraries"].items()) versions += fmt::format("{} {}, ", name, text(version));
  if (!versions.empty()) versions.resize(versions.size() - 2);
  const OrderedJson& torch = info["torch"];
  const OrderedJson& hub = info["hub"];
  fmt::print("nxm        {}\n", text(info["version"]));
  fmt::print("processor  {}\n", text(info["cpu"]));
  fmt::print("ISA        {}\n", isa);
  fmt::print("target     {} (of {})\n", text(info["target"]), targets);
  fmt::print("kernels    {}\n", kernels);
  fmt::print("threads    {} ({})\n", info["threads"].get<int>(), text(info["threads_reason"]));
  fmt::print("training   {}\n", torch.is_null() ? "no: built without LibTorch"
                                                : fmt::format("LibTorch {}; by default on {}", text(torch["version"]),
                                                              text(torch["compute"])));
  fmt::print("libraries  {}\n", versions);
  fmt::print("hub        {}{}, {} token\n", text(hub["endpoint"]), hub["offline"].get<bool>() ? " (offline)" : "",
             hub["token"].get<bool>() ? "with a" : "no");
  fmt::print("hub cache  {}\n", text(hub["cache"]));
  fmt::print("nxm cache  {}\n", text(info["cache"]));
}

}  // namespace

void add_info(Verb app) {
  Verb verb = app.add("info", "Show processor, threads, libraries and cache folders");
  auto json = std::make_shared<bool>(false);
  verb.flag("--json", *json, "Print one JSON object");
  verb.footer("Example:\n  nxm info --json\n");
  verb.run([json] {
    const OrderedJson info = gather();
    if (*json) {
      fmt::print("{}\n", info.dump());
    } else {
      print_words(info);
    }
  });
}

}  // namespace nxm::cli
