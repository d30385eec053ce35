# Tests that have a build tree of their own, as entries of the release tree, so that one ctest run tells of everything.
#
# A tree is built by the entry build.PRESET; the tests that need it wait for it, and are not run if it fails.
# Configuration `full` is what tools/test.sh runs, `all` what tools/test.sh --all runs.

# agentcom_build_test(PRESET LABEL CONFIGURATIONS TARGET...)
function(agentcom_build_test preset label configurations)
    list(JOIN ARGN ";" targets)
    add_test(NAME build.${preset} CONFIGURATIONS ${configurations}
        COMMAND ${CMAKE_COMMAND} -DPRESET=${preset} "-DTARGETS=${targets}" -P ${PROJECT_SOURCE_DIR}/cmake/build_preset.cmake)
    # A build uses all processors by itself.
    set_tests_properties(build.${preset} PROPERTIES LABELS ${label} FIXTURES_SETUP ${preset} TIMEOUT 3600 RUN_SERIAL ON)
endfunction()

# agentcom_other_test(NAME PRESET LABEL CONFIGURATIONS TIMEOUT COMMAND...)
function(agentcom_other_test name preset label configurations timeout)
    add_test(NAME ${name} CONFIGURATIONS ${configurations} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS ${label} FIXTURES_REQUIRED "${preset}" TIMEOUT ${timeout}
        ENVIRONMENT "${sanitizer_environment}")
endfunction()

set(trees ${PROJECT_SOURCE_DIR}/build)
set(full full all)

if(TARGET core_tests)
    agentcom_build_test(wasm wasm "${full}" core_tests)
    agentcom_other_test(core_tests.wasm wasm wasm "${full}" 1800
        node --no-experimental-fetch ${trees}/wasm/bin/core_tests.js)

    # Its warnings at full optimization; the tests run under it in the sanitized tree.
    agentcom_build_test(clang unit "${full}" agentcom_core)

    # The fuzz targets share the tree: they need the same core.
    agentcom_build_test(asan-ubsan unit "${full}" core_tests fuzzers)
    agentcom_other_test(core_tests.asan-ubsan asan-ubsan unit "${full}" 1800 ${trees}/asan-ubsan/bin/core_tests)
endif()

if(TARGET core_tests AND TARGET native_tests)
    agentcom_build_test(tsan unit all core_tests native_tests)
    agentcom_other_test(core_tests.tsan tsan unit all 1800 ${trees}/tsan/bin/core_tests)
    agentcom_other_test(native_tests.tsan tsan unit all 1800 ${trees}/tsan/bin/native_tests)
endif()

file(GLOB fuzz_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*.cpp)
foreach(file ${fuzz_files})
    cmake_path(GET file STEM name)
    # libFuzzer adds what it finds to the first directory, and reads the seeds of the second.
    set(found ${PROJECT_BINARY_DIR}/fuzz/${name})
    set(seeds ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    file(MAKE_DIRECTORY ${found})
    if(NOT IS_DIRECTORY ${seeds})
        set(seeds "")
    endif()
    set(fuzzer ${trees}/asan-ubsan/bin/fuzz_${name} -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix=${found}- ${found} ${seeds})
    agentcom_other_test(fuzz.${name} asan-ubsan fuzz full 120 ${fuzzer} -max_total_time=5)
    agentcom_other_test(fuzz.${name}.long asan-ubsan fuzz all 900 ${fuzzer} -max_total_time=300)
endforeach()

# A tree that is no unity build: each file must compile by itself, and clang-tidy reads each by itself. Its compile commands are
# g++'s; clang does not know all of its warnings.
agentcom_build_test(debug style all all)
agentcom_other_test(style.clang-tidy debug style all 3600
    run-clang-tidy-14 -quiet -p ${trees}/debug -extra-arg=-Wno-unknown-warning-option
    "^${PROJECT_SOURCE_DIR}/(core|native-server|tools)/")
