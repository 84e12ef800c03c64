// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/zstd_stream.h"

#include <memory>
#include <string>
#include <zstd.h>

#include "base/try.h"

namespace symphainy::public_works {
namespace {

constexpr int kLevel = 3;

std::unexpected<Error> not_zstd(std::string_view reason) {
  return fail(ErrorCode::corrupt, std::string("this is not what was compressed: ").append(reason));
}

}  // namespace

Result<void> compress(const PieceSource& next, const PieceSink& put) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  CHECK(context != nullptr);
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel)));
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1)));
  std::string out(ZSTD_CStreamOutSize(), '\0');
  bool last = false;
  while (!last) {
    TRY(const std::string_view piece, next());
    last = piece.empty();
    ZSTD_inBuffer input{piece.data(), piece.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      left = ZSTD_compressStream2(context.get(), &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left)) return fail(ErrorCode::internal, ZSTD_getErrorName(left));
      TRY(put({out.data(), output.pos}));
    } while (last ? left > 0 : input.pos < input.size);
  }
  return {};
}

Result<void> decompress(const PieceSource& next, const PieceSink& put) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  CHECK(context != nullptr);
  std::string out(ZSTD_DStreamOutSize(), '\0');
  std::size_t left = 1;  // 0: the frame is complete
  while (true) {
    TRY(const std::string_view piece, next());
    if (piece.empty()) break;
    ZSTD_inBuffer input{piece.data(), piece.size(), 0};
    bool full = false;
    while (input.pos < input.size || full) {
      if (left == 0) return not_zstd("something stands behind its end");
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      left = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(left)) return not_zstd(ZSTD_getErrorName(left));
      TRY(put({out.data(), output.pos}));
      full = left != 0 && output.pos == output.size;
    }
  }
  return left == 0 ? Result<void>() : not_zstd("its end is missing");
}

}  // namespace symphainy::public_works
