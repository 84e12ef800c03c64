# SPDX-License-Identifier: Apache-2.0
# One library per folder; a folder sees only what it links, which keeps dependencies one-way.

# symphainy_library(NAME SOURCES ... [PUBLIC libs...] [PRIVATE libs...])
function(symphainy_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(symphainy_${name} STATIC ${ARG_SOURCES})
  add_library(symphainy::${name} ALIAS symphainy_${name})
  set_target_properties(symphainy_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(symphainy_${name} PUBLIC cxx_std_23)
  target_include_directories(symphainy_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(symphainy_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(name STREQUAL "base")
    target_precompile_headers(symphainy_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src/base/precompiled.h)
  else()
    target_precompile_headers(symphainy_${name} REUSE_FROM symphainy_base)
  endif()
  set_property(GLOBAL APPEND PROPERTY SYMPHAINY_LIBRARIES symphainy_${name})
endfunction()

# symphainy_test(NAME SOURCES ... LIBS ...): one GoogleTest program. Its tests are found when ctest runs, so that
# building a test does not run it. The first test program builds the precompiled header, the others reuse it.
function(symphainy_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    SYMPHAINY_SOURCE_DIR="${PROJECT_SOURCE_DIR}" SYMPHAINY_BINARY="$<TARGET_FILE_DIR:${name}>/symphainy")
  if(NOT TARGET symphainy_test_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/test_pch.cc "// Builds the tests' precompiled header.\n")
    add_library(symphainy_test_pch OBJECT ${CMAKE_BINARY_DIR}/test_pch.cc)
    target_include_directories(symphainy_test_pch PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(symphainy_test_pch PRIVATE GTest::gmock Boost::json)
    target_precompile_headers(symphainy_test_pch PRIVATE
      ${PROJECT_SOURCE_DIR}/src/base/precompiled.h <gmock/gmock.h> <gtest/gtest.h>)
  endif()
  # CMake compiles a program's files with -fPIE and a library's with -fPIC; clang refuses a header precompiled with the other.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM symphainy_test_pch)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()

# symphainy_use_fault_points(PROGRAM): compiles the sources that have fault points (src/base/fault_points.h) once more,
# with the points in them, and links them into PROGRAM instead of the libraries' own: the linker takes a library's
# member only for what nothing before it defines.
function(symphainy_use_fault_points program)
  if(NOT TARGET symphainy_fault_points)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.cc)
    set(with_points)
    # A source that gets its first point is one more, so all are looked at again when they change.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
    foreach(source IN LISTS sources)
      file(STRINGS ${source} points REGEX "CRASH_POINT\\(|CRASH_STEP\\(|CRASH_POINT_OF\\(|PLANTED_BUG\\(")
      if(points)
        list(APPEND with_points ${source})
      endif()
    endforeach()
    add_library(symphainy_fault_points OBJECT ${with_points} ${PROJECT_SOURCE_DIR}/tests/crash/fault_points.cc)
    target_compile_definitions(symphainy_fault_points PRIVATE SYMPHAINY_FAULT_POINTS)
    target_include_directories(symphainy_fault_points PRIVATE
      ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    get_property(libraries GLOBAL PROPERTY SYMPHAINY_LIBRARIES)
    foreach(library IN LISTS libraries)
      target_link_libraries(symphainy_fault_points PRIVATE ${library})
    endforeach()
    target_compile_options(symphainy_fault_points PRIVATE -fPIC)
  endif()
  target_link_libraries(${program} PRIVATE $<TARGET_OBJECTS:symphainy_fault_points>)
  add_dependencies(${program} symphainy_fault_points)
endfunction()
