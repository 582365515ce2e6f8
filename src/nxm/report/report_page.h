// SPDX-License-Identifier: Apache-2.0
#pragma once
// The report on one or many runs as one page of HTML. How runs are read: run_reader.h; how things look: html.h.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nxm/report/html.h"
#include "nxm/report/retention.h"
#include "nxm/report/run_record.h"

namespace nxm {

/// What there is to say, in order; sections without anything in them too. `folders`: where results.json of a sweep may
/// be.
std::vector<Section> report_sections(std::span<const RunRecord> runs, const Retentions& retentions,
                                     std::span<const std::filesystem::path> folders = {});
/// The whole page. Its bytes depend on the runs alone.
std::string report_page(std::span<const RunRecord> runs, const std::vector<Section>& sections);

// The sections. Each says in a line why it is empty, where a reader could do something about it.
Section problems_section(std::span<const RunRecord> runs);
Section results_section(std::span<const RunRecord> runs);
/// The tables of sweeps: means, and differences to the baseline stage with their intervals, as results.json has them.
Section comparison_section(std::span<const std::filesystem::path> folders);
Section training_section(std::span<const RunRecord> runs);  ///< loss
Section residual_section(std::span<const RunRecord> runs);  ///< primal and dual residual, mask movement
Section score_section(std::span<const RunRecord> runs);     ///< dense and pruned by epoch
Section retention_section(std::span<const RunRecord> runs, const Retentions& retentions);
Section sweep_section(std::span<const RunRecord> runs);  ///< score by numeric key
Section speed_section(std::span<const RunRecord> runs);  ///< score and latency by pattern

}  // namespace nxm
