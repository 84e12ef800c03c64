// SPDX-License-Identifier: Apache-2.0
#include "app/content.h"

#include "domains/content/content_service.h"
#include "public_works/adapters/filesystem/posix_file_system.h"

namespace symphainy::app {

Result<void> register_content(Runtime& runtime, const std::vector<std::string>& roots,
                              const std::string& data_directory) {
  // Without state of its own, and used by handlers for as long as any runtime lives.
  static public_works::PosixFileSystem files;
  return domains::content::register_content(runtime, files, roots, {data_directory});
}

}  // namespace symphainy::app
