# One libFuzzer program fuzz_NAME per file tests/fuzz/NAME.cpp. It links the
# hub's sockets (native-server/net) only if the file includes some of them.

file(GLOB fuzz_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*.cpp)
add_custom_target(fuzzers)
foreach(file ${fuzz_files})
    cmake_path(GET file STEM name)
    add_executable(fuzz_${name} ${file})
    file(STRINGS ${file} native_includes REGEX "^#include \"native-server/")
    if(native_includes)
        target_link_libraries(fuzz_${name} PRIVATE agentcom_net)
    else()
        target_link_libraries(fuzz_${name} PRIVATE agentcom_core)
    endif()
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${name})
endforeach()
