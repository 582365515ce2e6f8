// SPDX-License-Identifier: Apache-2.0
#pragma once
// The report on one or many runs as one page of HTML. How runs are read: run_reader.h; how things look: html.h.

#include <span>
#include <string>

#include "nxm/report/retention.h"
#include "nxm/report/run_record.h"

namespace nxm {

/// The whole page. Its bytes depend on the runs alone.
std::string report_page(std::span<const RunRecord> runs, const Retentions& retentions);

// Its sections. Each says in a line why it is empty, where a reader could do something about it.
std::string problems_section(std::span<const RunRecord> runs);
std::string results_section(std::span<const RunRecord> runs);
std::string training_section(std::span<const RunRecord> runs);  ///< loss
std::string residual_section(std::span<const RunRecord> runs);  ///< primal and dual residual, mask movement
std::string score_section(std::span<const RunRecord> runs);     ///< dense and pruned by epoch
std::string retention_section(std::span<const RunRecord> runs, const Retentions& retentions);
std::string sweep_section(std::span<const RunRecord> runs);  ///< score by numeric key
std::string speed_section(std::span<const RunRecord> runs);  ///< score and latency by pattern

}  // namespace nxm
