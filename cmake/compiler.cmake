# SPDX-License-Identifier: Apache-2.0
# The compiler that is allowed, and the flags that every target gets.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} is refused: g++ before 13 destroys some temporaries inside co_await "
    "expressions twice (co_await f(Aggregate{...}) frees memory twice, silently at -O2).\n"
    "Use clang 19: cmake --preset release, or -DCMAKE_CXX_COMPILER=clang++-19.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(SYMPHAINY_WERROR "Treat warnings as errors" ON)
set(SYMPHAINY_SANITIZE "" CACHE STRING "address,undefined or thread; empty for none")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough)
if(SYMPHAINY_WERROR)
  add_compile_options(-Werror)
endif()
if(SYMPHAINY_SANITIZE)
  add_compile_options(-fsanitize=${SYMPHAINY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SYMPHAINY_SANITIZE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # A precompiled header is only reused by ccache when its time stamps are left out of it.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  find_program(SYMPHAINY_LLD ld.lld-19)
  if(SYMPHAINY_LLD)
    add_link_options(-fuse-ld=${SYMPHAINY_LLD})
  endif()
endif()
find_program(SYMPHAINY_CCACHE ccache)
if(SYMPHAINY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${SYMPHAINY_CCACHE})
endif()

# Programs allocate through mimalloc: most of what one thread allocates here another one frees, which glibc's allocator
# serializes (measured: 16,000 against 24,000 executions/s). Sanitizers bring an allocator of their own.
function(symphainy_use_fast_allocator program)
  if(NOT SYMPHAINY_SANITIZE)
    target_link_libraries(${program} PRIVATE -Wl,--no-as-needed mimalloc -Wl,--as-needed)
  endif()
endfunction()
