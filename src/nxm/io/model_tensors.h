// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names and shapes of the tensors of a BertForSequenceClassification, as transformers calls them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nxm/io/model_config.h"

namespace nxm {

/// The weights nxm sparsifies: query, key, value, attention output, FFN1, FFN2 of each of `config`'s layers, as
/// canonical tensor names in order of layer ("bert.encoder.layer.0.attention.self.query.weight", …).
std::vector<std::string> sparsified_names(const ModelConfig& config);

/// What a BertForSequenceClassification of this config holds: name -> shape, with pooler and classifier.
/// The classifier has max(1, labels) rows.
std::map<std::string, std::vector<int64_t>> expected_tensors(const ModelConfig& config);

}  // namespace nxm
