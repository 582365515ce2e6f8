// SPDX-License-Identifier: Apache-2.0
#pragma once
// A summary as a table for people (scores in points of 100), as CSV and as JSON (scores as they are).

#include <string>
#include <vector>

#include "nxm/io/json_fields.h"
#include "nxm/sweep/summary.h"

namespace nxm {

/// For text_table() and markdown_table(): axes, stage, pattern, n, score ± deviation, difference, 95 % interval.
std::vector<std::vector<std::string>> summary_table(const Summary& summary);

/// What the table leaves unsaid: what the numbers are, and what a single run cannot show. A line or more.
std::string summary_note(const Summary& summary);

/// axes…, stage, method, pattern, n, mean, sd, baseline, difference, low, high; quoted as RFC 4180 has it. What is not
/// known is empty.
std::string summary_csv(const Summary& summary);

/// [{"combination":{…},"stage","method","pattern","n","mean","sd","difference","interval":[low, high]}]; null for what
/// is not known.
OrderedJson summary_json(const Summary& summary);

}  // namespace nxm
