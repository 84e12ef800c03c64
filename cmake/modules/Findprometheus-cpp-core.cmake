# SPDX-License-Identifier: Apache-2.0
# The package's own configuration wants what its HTTP server and its push gateway need too, and neither is used here.
# Defines prometheus-cpp::core.
find_path(prometheus-cpp-core_INCLUDE_DIR prometheus/registry.h)
find_library(prometheus-cpp-core_LIBRARY prometheus-cpp-core)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_prometheus_cpp_core QUIET prometheus-cpp-core)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(prometheus-cpp-core
  REQUIRED_VARS prometheus-cpp-core_LIBRARY prometheus-cpp-core_INCLUDE_DIR
  VERSION_VAR PC_prometheus_cpp_core_VERSION)
if(prometheus-cpp-core_FOUND AND NOT TARGET prometheus-cpp::core)
  add_library(prometheus-cpp::core UNKNOWN IMPORTED)
  set_target_properties(prometheus-cpp::core PROPERTIES
    IMPORTED_LOCATION "${prometheus-cpp-core_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${prometheus-cpp-core_INCLUDE_DIR}")
endif()
