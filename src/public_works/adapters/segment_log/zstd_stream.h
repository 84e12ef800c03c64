// SPDX-License-Identifier: Apache-2.0
// Compressing and decompressing (zstd, RFC 8878) piece by piece; one frame with a checksum of its content.
#pragma once

#include <functional>
#include <string_view>

#include "symphainy/error.h"

namespace symphainy::public_works {

/// Gives the next piece, valid until the next call; an empty one at the end.
using PieceSource = std::function<Result<std::string_view>()>;
using PieceSink = std::function<Result<void>(std::string_view)>;

[[nodiscard]] Result<void> compress(const PieceSource& next, const PieceSink& put);
/// corrupt when it is no such frame, is damaged or cut short, or is followed by something else.
[[nodiscard]] Result<void> decompress(const PieceSource& next, const PieceSink& put);

}  // namespace symphainy::public_works
