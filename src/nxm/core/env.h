// SPDX-License-Identifier: Apache-2.0
#pragma once
// The only place where nxm reads the environment. Variables (see docs/cli.md):
//   NXM_THREADS                        threads to use, instead of what affinity and cgroup allow
//   NXM_FORCE_TARGET                   instruction set of the kernels: scalar, avx2, … (kernels/target.h)
//   NXM_CACHE                          where `nxm demo` keeps what it fetched ($XDG_CACHE_HOME/nxm, ~/.cache/nxm)
//   GLIBC_TUNABLES                     set for nxm-train if it is not (cli/handover.cc)
//   NO_COLOR, TERM                     plain output
//   HF_ENDPOINT HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE XDG_CACHE_HOME HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_TOKEN_PATH
//   HF_HUB_DISABLE_IMPLICIT_TOKEN HF_HUB_OFFLINE TRANSFORMERS_OFFLINE HF_HUB_ETAG_TIMEOUT HF_HUB_DOWNLOAD_TIMEOUT
//                                      as huggingface_hub reads them (io/hub.h)
//   SSL_CERT_FILE                      certificates to trust instead of the system's, as OpenSSL and Python read it

#include <filesystem>
#include <optional>
#include <string>

namespace nxm::env {

/// The variable's value; empty counts as unset.
std::optional<std::string> get(const char* name);
/// 1, ON, YES, TRUE in any case.
bool flag(const char* name);
/// $HOME, or "/" without one.
std::filesystem::path home();

}  // namespace nxm::env
