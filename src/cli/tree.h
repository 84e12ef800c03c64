// SPDX-License-Identifier: Apache-2.0
// Lineage drawn as a tree. What was made in several ways stands where it comes first; later mentions point there, so
// that the drawing stays as large as the graph.
#pragma once

#include <string>

#include "cli/output.h"
#include "runtime/data_brain.h"

namespace symphainy::cli {

/// Lines ended by line ends; the start is the root.
[[nodiscard]] std::string render_lineage(const runtime::Lineage& lineage, runtime::Direction direction,
                                         const Output& output);

[[nodiscard]] Json lineage_json(const runtime::Lineage& lineage);

}  // namespace symphainy::cli
