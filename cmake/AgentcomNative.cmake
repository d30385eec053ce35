# The native hub (agentcom_native, agentcom-hub), the command line (agentcom_cli, agentcom) and the bench (agentcom_bench,
# agentcom-bench).

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(WEBSOCKETS REQUIRED IMPORTED_TARGET libwebsockets)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SPDLOG REQUIRED IMPORTED_TARGET spdlog)
pkg_check_modules(FMT REQUIRED IMPORTED_TARGET fmt)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
# Debian's wslay comes without a pkg-config file.
find_library(WSLAY_LIBRARY wslay REQUIRED)
mark_as_advanced(WSLAY_LIBRARY)

configure_file(${PROJECT_SOURCE_DIR}/cmake/agentcom_version.hpp.in
    ${PROJECT_BINARY_DIR}/generated/agentcom_version.hpp @ONLY)
add_library(agentcom_version INTERFACE)
target_include_directories(agentcom_version INTERFACE ${PROJECT_BINARY_DIR}/generated)

# Its members are of types without linkage, which GCC allows in a file of its own only.
set_source_files_properties(native-server/store/writer_thread.cpp native-server/push/delivery_thread.cpp
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
# Sockets and what is spoken on them: they know nothing of the hub, and fuzzers need no more of it.
agentcom_library(agentcom_net native-server/net)
agentcom_library(agentcom_native native-server)
if(TARGET agentcom_native)
    target_link_libraries(agentcom_net
        PUBLIC agentcom_core agentcom_version PkgConfig::WEBSOCKETS PkgConfig::UV PkgConfig::OPENSSL ${WSLAY_LIBRARY})
    get_target_property(sources agentcom_native SOURCES)
    list(FILTER sources EXCLUDE REGEX "/native-server/net/")
    set_property(TARGET agentcom_native PROPERTY SOURCES ${sources})
    target_link_libraries(agentcom_native
        PUBLIC agentcom_net PkgConfig::SQLITE3 PkgConfig::SPDLOG PkgConfig::FMT PkgConfig::CURL PkgConfig::TOMLPLUSPLUS
            PkgConfig::ZLIB Threads::Threads)
endif()
# The pages that the hub serves are a part of its binary: dashboard/FILE as FUNCTION() of native-server/server/pages.hpp.
function(agentcom_embed_page file function)
    set(page ${PROJECT_SOURCE_DIR}/dashboard/${file})
    set(source ${PROJECT_BINARY_DIR}/generated/${function}.cpp)
    add_custom_command(OUTPUT ${source}
        COMMAND ${CMAKE_COMMAND} -DPAGE=${page} -DSOURCE=${source} -DFUNCTION=${function}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
        DEPENDS ${page} ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
        COMMENT "Embedding dashboard/${file}")
    if(TARGET agentcom_native)
        target_sources(agentcom_native PRIVATE ${source})
    endif()
endfunction()
agentcom_embed_page(index.html dashboard_page)
agentcom_embed_page(docs.html docs_page)
agentcom_embed_page(favicon.svg favicon)
agentcom_embed_page(sw.js service_worker)
agentcom_program(agentcom-hub native-server agentcom_native)
# Rows are made on the network thread and freed by the writer, which glibc's heap makes both threads wait for: with
# jemalloc the hub passes on half as much again. Sanitizers bring a heap of their own.
if(TARGET agentcom-hub AND NOT AGENTCOM_SANITIZE)
    pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
    target_link_libraries(agentcom-hub PRIVATE PkgConfig::JEMALLOC)
endif()

agentcom_library(agentcom_cli tools/cli)
if(TARGET agentcom_cli)
    target_link_libraries(agentcom_cli
        PUBLIC agentcom_core agentcom_version PkgConfig::WEBSOCKETS PkgConfig::OPENSSL PkgConfig::ZLIB Threads::Threads)
    # The presets of `agentcom worker` are data files and part of the program.
    file(GLOB presets CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/cli/presets/*.json)
    set(entries "")
    foreach(preset ${presets})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${preset})
        get_filename_component(name ${preset} NAME_WE)
        file(READ ${preset} text)
        string(APPEND entries "    {\"${name}\", R\"json(${text})json\"},\n")
    endforeach()
    configure_file(${PROJECT_SOURCE_DIR}/cmake/built_in_presets.cpp.in
        ${PROJECT_BINARY_DIR}/generated/built_in_presets.cpp @ONLY)
    target_sources(agentcom_cli PRIVATE ${PROJECT_BINARY_DIR}/generated/built_in_presets.cpp)
endif()
agentcom_program(agentcom tools/cli agentcom_cli)

agentcom_library(agentcom_bench tools/bench)
if(TARGET agentcom_bench)
    target_link_libraries(agentcom_bench PUBLIC agentcom_core agentcom_version PkgConfig::WEBSOCKETS PkgConfig::UV)
endif()
agentcom_program(agentcom-bench tools/bench agentcom_bench)
# A type of the implementation is private to its file, which gcc takes for a header's in a joined source.
set_source_files_properties(${PROJECT_SOURCE_DIR}/native-server/store/writer_thread.cpp
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
