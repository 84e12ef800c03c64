# SPDX-License-Identifier: Apache-2.0
# `make install`: the program, the libraries, the public headers, and what find_package(symphainy) needs.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(symphainy_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/symphainy)

# What a user links: symphainy::cli_main and everything below it.
add_library(symphainy_all INTERFACE)
target_link_libraries(symphainy_all INTERFACE symphainy_cli)
set_target_properties(symphainy_all PROPERTIES EXPORT_NAME symphainy)
# The program is exported under another name, because symphainy::symphainy is the library.
set_target_properties(symphainy PROPERTIES EXPORT_NAME program)

get_property(symphainy_libraries GLOBAL PROPERTY SYMPHAINY_LIBRARIES)
install(TARGETS ${symphainy_libraries} symphainy_all symphainy EXPORT symphainyTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/symphainy DESTINATION include FILES_MATCHING PATTERN "*.h")
install(EXPORT symphainyTargets NAMESPACE symphainy:: DESTINATION ${symphainy_CONFIG_DIR})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/symphainyConfig.cmake.in
  ${PROJECT_BINARY_DIR}/symphainyConfig.cmake INSTALL_DESTINATION ${symphainy_CONFIG_DIR}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/symphainyConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/symphainyConfig.cmake
  ${PROJECT_BINARY_DIR}/symphainyConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/modules/Findisal.cmake
  ${CMAKE_CURRENT_LIST_DIR}/modules/Findprometheus-cpp-core.cmake
  ${CMAKE_CURRENT_LIST_DIR}/modules/Findre2.cmake
  DESTINATION ${symphainy_CONFIG_DIR})
